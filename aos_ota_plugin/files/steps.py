"""Do the single steps on the disk that make up transactions, for the modules of this room only."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import Iterable, Optional, Union

from aos_ota_plugin.errors import OutputError
from aos_ota_plugin.files.links import leads_to_system

# No tempfile, shutil or pathlib here: importing them takes longer than signing does.
PathLike = Union[str, "os.PathLike[str]"]
NEW = ".tmp"
"""How the name of a file ends that is still being written."""
_NAME_MAX = 100
_COMPARED = 256 << 10
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


def stage(
    target: str, temporary: str, data: bytes, *, mode: Optional[int] = None, modified_ns: Optional[int] = None
) -> str:
    """Write ``data`` to the new file ``temporary``, which is to replace ``target``, and return its path.

    It is flushed to the disk. It gets the permissions ``mode``, else those of ``target``, else 0666 less the umask; and
    the modification time ``modified_ns`` (nanoseconds since 1970), else now.
    """
    opened = False
    check_replaceable(target)
    if mode is None:
        mode = _mode_of(target)
    try:
        os.makedirs(os.path.dirname(target) or ".", exist_ok=True)
        # Must not exist: nothing is overwritten, and no link is followed.
        handle = os.open(temporary, _CREATE, 0o666 if mode is None else 0o600)
        opened = True
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        if mode is not None:
            os.chmod(temporary, mode)
        if modified_ns is not None:
            os.utime(temporary, ns=(modified_ns, modified_ns))
    except OSError as error:
        if opened:
            discard([temporary])
        raise cannot_write(target, error) from None
    return temporary


def check_replaceable(target: str) -> None:
    """Raise OutputError for a name that is not a file's, or leads to the system's devices."""
    if leads_to_system(target):
        raise OutputError(
            f"cannot write {target}: the system keeps its devices and processes there",
            remedy="give another name; the commands that can write to standard output take `-o -`",
        )
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return
    except OSError as error:  # such as a link that leads to itself: a rename would replace it
        raise cannot_write(target, error) from None
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "no file, but a device or a pipe,"
        raise OutputError(f"cannot write {target}: {what} stands there", remedy="give another name")


def rename(source: str, target: str) -> None:
    """Give a file another name in one step, whatever has that name now. Raises OutputError."""
    try:
        os.replace(source, target)
    except OSError as error:
        raise cannot_write(target, error) from None


def back_up(path: str, backup: str) -> bool:
    """Give a file a second name, or copy it where links fail; return False if it does not exist."""
    if not os.path.lexists(path):
        return False
    try:
        os.link(path, backup)
    except (OSError, NotImplementedError):  # FAT, some network drives
        try:
            with open(path, "rb") as source, open(backup, "xb") as copy:
                copy.write(source.read())
            os.chmod(backup, stat.S_IMODE(os.stat(path).st_mode))
        except OSError as error:
            discard([backup])
            raise cannot_write(path, error) from None
    return True


def discard(paths: Iterable[str]) -> None:
    """Remove files, as far as that is possible."""
    for path in paths:
        with contextlib.suppress(OSError):
            os.unlink(path)


def new_token() -> str:
    """Return the 12 random hex digits that mark the temporary files of one set."""
    return os.urandom(6).hex()


def short_name(name: str) -> str:
    """Return a file's name as its temporary files have it: a long one by its digest, since they add to it.

    A file system takes 255 bytes, an encrypted one 143.
    """
    data = os.fsencode(name)
    if len(data) <= _NAME_MAX:
        return name
    import hashlib  # long names are rare

    return "~" + hashlib.sha256(data).hexdigest()[:32]


def temporary_path(folder: str, name: str, token: str, ending: str) -> str:
    """Return the path of the temporary file of a set that belongs to the file ``name``."""
    return os.path.join(folder, f".{short_name(name)}.{token}{ending}")


def _mode_of(path: str) -> Optional[int]:
    """Return the permissions of a file, None where there is none."""
    try:
        return stat.S_IMODE(os.stat(path).st_mode)
    except OSError:
        return None


def has_content(path: str, data: bytes) -> bool:
    """Return whether a file holds exactly these bytes."""
    try:
        status = os.stat(path)
        if status.st_size != len(data) or not stat.S_ISREG(status.st_mode):
            return False
        with open(path, "rb", buffering=0) as stream:
            # In parts: another whole file in memory takes three times as long.
            parts = range(0, len(data) + 1, _COMPARED)
            return all(stream.read(_COMPARED) == data[at : at + _COMPARED] for at in parts)
    except OSError:
        return False


def sync_folder(folder: str) -> None:
    """Flush a folder's names to the disk, where the system can: Windows journals renames instead."""
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        handle = os.open(folder or ".", os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def cannot_write(path: str, error: OSError) -> OutputError:
    """Return the error for a file that the system refuses to write."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(
            f"no room on the disk for {path}",
            remedy="free some space and try again; what was there before is untouched",
        )
    if error.errno == errno.ENAMETOOLONG:
        return OutputError(f"cannot write {path}: {error.strerror}", remedy="give a shorter name")
    if error.errno == errno.ELOOP:
        return OutputError(f"cannot write {path}: a link leads to itself", remedy="remove it, or give another name")
    return OutputError(
        f"cannot write {path}: {error.strerror or error}",
        remedy="make the folder writable, or close the program that holds the file, and try again",
    )
