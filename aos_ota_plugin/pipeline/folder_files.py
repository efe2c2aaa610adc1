"""Read the files of a folder for a data-file pack: in a fixed order, without following links."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import List, NamedTuple, Tuple

from aos_ota_plugin.device.payload_content import refuse_private_key
from aos_ota_plugin.errors import FormatError, Place, placed
from aos_ota_plugin.files.read import PAYLOAD_MAX, read_bytes
from aos_ota_plugin.images.names import check_name, check_together
from aos_ota_plugin.images.pack import PackFile

_KINDS = (
    (stat.S_ISLNK, "a link"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class FolderFile(NamedTuple):
    """A file below a folder: its name in a pack, with ``/`` between folders, and its path."""

    name: str
    path: Path


def find_files(folder: str) -> Tuple[FolderFile, ...]:
    """Return the files below `folder` in the order of their names' bytes, without reading any.

    Raises:
        FormatError: the folder cannot be read, has no files, or has something that is neither file nor folder; a name
            means different files on different systems, or is too long for a device.
    """
    files = sorted(_walk(Path(folder), ""), key=lambda file: file.name.encode("utf-8", "surrogateescape"))
    if not files:
        raise FormatError(
            "there is no file in this folder",
            place=Place(folder),
            remedy="put the files for the device there, or name another folder",
        )
    with placed(folder):
        for file in files:
            check_name(file.name)
        check_together(file.name for file in files)
    return tuple(files)


def read_files(folder: str) -> Tuple[PackFile, ...]:
    """Read the files that `find_files` finds; raises the same errors."""
    return tuple(PackFile(file.name, read_linkless(file.path)) for file in find_files(folder))


def read_linkless(path: Path) -> bytes:
    """Read a file for devices, but follow no link, where the system can refuse links.

    Raises FormatError, also for a private key.
    """
    try:
        data = read_bytes(path, PAYLOAD_MAX, follow=False)
    except OSError as problem:
        raise _unreadable(problem, path) from None
    with placed(str(path)):
        refuse_private_key(data)
    return data


def special_kind(mode: int) -> str:
    """Return the kind of a file by its mode, e.g. "a link"; "" for a plain file or a folder."""
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return ""
    return next((name for test, name in _KINDS if test(mode)), "no file")


def _walk(folder: Path, prefix: str) -> List[FolderFile]:
    files: List[FolderFile] = []
    try:
        for entry in os.scandir(folder):
            path = folder / entry.name
            mode = os.lstat(path).st_mode
            kind = special_kind(mode)
            if kind:
                raise FormatError(
                    f"this is {kind}, and a pack holds only files",
                    place=Place(str(path)),
                    remedy="remove it from the folder, or put a copy of the file in its place",
                )
            if stat.S_ISDIR(mode):
                files += _walk(path, f"{prefix}{entry.name}/")
            else:
                files.append(FolderFile(prefix + entry.name, path))
    except OSError as problem:
        raise _unreadable(problem, folder) from None
    return files


def _unreadable(problem: OSError, path: Path) -> FormatError:
    return FormatError(
        f"cannot be read: {problem.strerror or problem}",
        place=Place(str(problem.filename or path)),
        remedy="give a folder with files that you may read",
    )
