"""Putting files in place: all of a file or nothing of it, and only when its bytes are new."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import Iterable, Optional, Union

from aos_ota_plugin.errors import OutputError

# No tempfile and no pathlib here: with all they import they take longer than signing does.
PathLike = Union[str, "os.PathLike[str]"]
TEMPORARY = ".tmp"
"""How the name of a file ends that is still being written."""
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


def write_atomic(path: PathLike, data: bytes, *, mode: Optional[int] = None) -> None:
    """Write ``data`` under ``path`` so that a reader, or a power cut, sees the old file or the new one.

    Raises:
        OutputError: the folder cannot be written, or the disk is full; the old file is then untouched.
    """
    temporary = stage(path, data, mode=mode)
    try:
        rename(temporary, os.fspath(path))
    except OutputError:
        discard([temporary])
        raise
    sync_folder(os.path.dirname(os.fspath(path)))


def write_if_changed(path: PathLike, data: bytes) -> bool:
    """``write_atomic``, but a file that already holds ``data`` keeps its time stamp; True when it was written."""
    if holds(path, data):
        return False
    write_atomic(path, data)
    return True


def stage(
    path: PathLike, data: bytes, *, mode: Optional[int] = None, token: Optional[str] = None, ending: str = TEMPORARY
) -> str:
    """Write ``data`` to a new file beside ``path``, flushed to the disk; returns that file's path.

    Without ``mode`` it gets the permissions of the file it is to replace, or 0644.
    """
    target = os.fspath(path)
    folder, name = os.path.split(target)
    # Nobody's to guess, and new: an existing file of that name is an error, not overwritten or followed.
    temporary = os.path.join(folder, f".{name}.{token or new_token()}{ending}")
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
            discard([temporary])
        raise _cannot_write(target, error) from None
    return temporary


def new_token() -> str:
    """What makes the names of temporary files unique: 12 hexadecimal digits."""
    return os.urandom(6).hex()


def _check_replaceable(target: str) -> None:
    """A name that stands for something else than a file is refused before anything is written."""
    try:
        mode = os.stat(target).st_mode
    except OSError:
        return
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "no file, but a device or a pipe,"
        raise OutputError(f"cannot write {target}: {what} stands there", remedy="give another name")


def rename(source: str, target: str) -> None:
    """Give a file the name ``target``, in one step, whatever has that name now. Raises OutputError."""
    try:
        os.replace(source, target)
    except OSError as error:
        raise _cannot_write(target, error) from None


def remove(path: str) -> None:
    """Remove a file that may be gone already. Raises OutputError."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise _cannot_write(path, error) from None


def keep(path: str, backup: str) -> bool:
    """Let what ``path`` names stand under ``backup``, too: as a second name, or as a copy; False if there is nothing.

    Raises:
        OutputError: neither is possible.
    """
    if not os.path.lexists(path):
        return False
    try:
        os.link(path, backup)
    except (OSError, NotImplementedError):  # FAT, some network drives
        _copy(path, backup)
    return True


def _copy(path: str, backup: str) -> None:
    try:
        with open(path, "rb") as source, open(backup, "xb") as copy:
            copy.write(source.read())
        os.chmod(backup, _mode_of(path))
    except OSError as error:
        discard([backup])
        raise _cannot_write(path, error) from None


def discard(paths: Iterable[str]) -> None:
    """Remove temporary files."""
    for path in paths:
        with contextlib.suppress(OSError):
            os.unlink(path)


def _mode_of(path: str) -> int:
    try:
        return stat.S_IMODE(os.stat(path).st_mode)
    except OSError:
        return 0o644


def holds(path: PathLike, data: bytes) -> bool:
    """Whether the file holds exactly ``data``."""
    try:
        if os.stat(path).st_size != len(data):
            return False
        with open(path, "rb") as stream:
            return stream.read() == data
    except OSError:
        return False


def sync_folder(folder: str) -> None:
    """Flush a folder's names to the disk, where the system can."""
    # Windows has no directory handles to flush; there the rename itself is journalled.
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        handle = os.open(folder or ".", os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _cannot_write(path: str, error: OSError) -> OutputError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(
            f"no room on the disk for {path}",
            remedy="free some space and try again; what was there before is untouched",
        )
    return OutputError(
        f"cannot write {path}: {error.strerror or error}",
        remedy="make the folder writable, or close the program that holds the file, and try again",
    )
