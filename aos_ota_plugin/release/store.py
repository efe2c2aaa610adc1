"""Putting files in place: all of a file or nothing of it, and only when its bytes are new."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import Iterable, List, Mapping, Optional, Tuple, Union

from aos_ota_plugin.errors import OutputError

# No tempfile and no pathlib here: with all they import they take longer than signing does.
PathLike = Union[str, "os.PathLike[str]"]
_ENDING = ".tmp"
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


def write_atomic(path: PathLike, data: bytes, *, mode: Optional[int] = None) -> None:
    """Write ``data`` under ``path`` so that a reader, or a power cut, sees the old file or the new one.

    Raises:
        OutputError: the folder cannot be written, or the disk is full; the old file is then untouched.
    """
    commit([stage(path, data, mode=mode)])


def write_if_changed(path: PathLike, data: bytes) -> bool:
    """``write_atomic``, but a file that already holds ``data`` keeps its time stamp; True when it was written."""
    if _holds(path, data):
        return False
    write_atomic(path, data)
    return True


def write_set(folder: PathLike, files: Mapping[str, bytes]) -> List[str]:
    """Write several files that belong together; the names of those that changed.

    Everything is on the disk before the first name changes hands, so a full disk leaves the whole old set.
    """
    changed: List[Tuple[str, str]] = []
    names: List[str] = []
    try:
        for name, data in files.items():
            target = os.path.join(folder, name)
            if not _holds(target, data):
                changed.append(stage(target, data))
                names.append(name)
    except OutputError:
        discard(changed)
        raise
    commit(changed)
    return names


def stage(path: PathLike, data: bytes, *, mode: Optional[int] = None) -> Tuple[str, str]:
    """Write ``data`` to a temporary file beside ``path``, flushed to the disk; returns (temporary, final).

    Without ``mode`` it gets the permissions of the file it replaces, or 0644.
    """
    target = os.fspath(path)
    folder, name = os.path.split(target)
    # Nobody's to guess, and new: an existing file of that name is an error, not overwritten or followed.
    temporary = os.path.join(folder, f".{name}.{os.urandom(6).hex()}{_ENDING}")
    opened = False
    _check_replaceable(target)
    try:
        os.makedirs(folder or ".", exist_ok=True)
        handle = os.open(temporary, _NEW_FILE, 0o600)
        opened = True
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, _mode_of(target) if mode is None else mode)
    except OSError as error:
        if opened:
            discard([(temporary, "")])
        raise _cannot_write(target, error) from None
    return temporary, target


def _check_replaceable(target: str) -> None:
    """A name that stands for something else than a file is refused before anything is written."""
    try:
        mode = os.stat(target).st_mode
    except OSError:
        return
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "no file, but a device or a pipe,"
        raise OutputError(f"cannot write {target}: {what} stands there", remedy="give another name")


def commit(staged: List[Tuple[str, str]]) -> None:
    """Give staged files their names, one right after the other, and flush the folder."""
    for index, (temporary, final) in enumerate(staged):
        try:
            os.replace(temporary, final)
        except OSError as error:
            discard(staged[index:])
            raise _cannot_write(final, error) from None
    for folder in {os.path.dirname(final) for _, final in staged}:
        _sync_folder(folder or ".")


def sweep(folder: PathLike, names: Iterable[str]) -> None:
    """Remove what writers of these files left when they were killed; for who knows that no other is at work."""
    prefixes = tuple(f".{name}." for name in names)
    with contextlib.suppress(OSError):
        for entry in os.listdir(folder):
            if entry.startswith(prefixes) and entry.endswith(_ENDING):
                discard([(os.path.join(folder, entry), "")])


def discard(staged: List[Tuple[str, str]]) -> None:
    """Remove staged files that will not get their names."""
    for temporary, _ in staged:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def _mode_of(path: str) -> int:
    try:
        return stat.S_IMODE(os.stat(path).st_mode)
    except OSError:
        return 0o644


def _holds(path: PathLike, data: bytes) -> bool:
    try:
        if os.stat(path).st_size != len(data):
            return False
        with open(path, "rb") as stream:
            return stream.read() == data
    except OSError:
        return False


def _sync_folder(folder: str) -> None:
    # Windows has no directory handles to flush; there the rename itself is journalled.
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _cannot_write(path: str, error: OSError) -> OutputError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(f"no room on the disk for {path}", remedy="free some space and try again; what was there "
                           "before is untouched")
    return OutputError(f"cannot write {path}: {error.strerror or error}",
                       remedy="make the folder writable, or close the program that holds the file, and try again")
