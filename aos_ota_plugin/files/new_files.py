"""Putting files where none are: all of them, and never over or through something that is there."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from pathlib import Path
from typing import Dict, List, Mapping, NamedTuple, Sequence

from aos_ota_plugin.errors import OutputError
from aos_ota_plugin.files.atomic import TEMPORARY, discard, new_token, stage, sync_folder


def write_new(folder: str, files: Mapping[str, bytes]) -> List[str]:
    """Write files by their paths below `folder` (``/`` between folders); return where they are.

    The names must be safe (``images.names.check_name``). Either all files get their names or none does.

    Raises:
        OutputError: a file is there already, a link or a file stands where a folder is needed, or writing fails.
    """
    for name in files:
        _check_way(Path(folder), name)
    return place_new([New(Path(folder, *name.split("/")), data) for name, data in files.items()])


class New(NamedTuple):
    """A file to be, with the mode that it has from its first moment to its last."""

    path: Path
    data: bytes
    mode: int = 0o644


def place_new(files: Sequence[New]) -> List[str]:
    """Give all of these files their names, in this order, or none; return the names.

    What a killed writer of the same names left is taken back first, unless it had given the last of its files its name.

    Raises:
        OutputError: a file is there already, or writing fails.
    """
    take_back([file.path for file in files])
    for file in files:
        if os.path.lexists(file.path):
            raise _there(file.path)
    token = new_token()
    staged: Dict[str, str] = {}
    placed: List[str] = []
    try:
        for file in files:
            staged[os.fspath(file.path)] = stage(file.path, file.data, mode=file.mode, token=token)
        for final, temporary in staged.items():
            _give_name(temporary, final)
            placed.append(final)
        for folder in {os.path.dirname(final) for final in placed}:
            sync_folder(folder)
    except BaseException:
        for final in placed:
            with contextlib.suppress(OSError):
                Path(final).unlink()
        raise
    finally:
        discard(staged.values())
    return placed


def take_back(paths: Sequence[Path]) -> None:
    """Remove what a killed `place_new` of these paths left: its temporary files, and names that it had given already.

    Those are the second names of temporary files. When all paths have their files, it was through but for tidying up.
    """
    complete = all(os.path.lexists(path) for path in paths)
    for path in paths:
        for temporary in _left(path):
            with contextlib.suppress(OSError):
                if not complete and os.path.samestat(os.lstat(temporary), os.lstat(path)):
                    path.unlink()
            discard([temporary])


def _left(path: Path) -> List[str]:
    mine = re.compile(re.escape(f".{path.name}.") + "[0-9a-f]{12}" + re.escape(TEMPORARY))
    try:
        return [os.path.join(path.parent, name) for name in os.listdir(path.parent) if mine.fullmatch(name)]
    except OSError:
        return []


def _check_way(folder: Path, name: str) -> None:
    """Every folder on the way that exists must be one itself, not a link to one elsewhere."""
    way = folder
    for part in name.split("/")[:-1]:
        way = way / part
        try:
            mode = os.lstat(way).st_mode
        except OSError:
            return
        if not stat.S_ISDIR(mode):
            raise OutputError(
                f"{way} is there and is no folder", remedy="move it away, or choose another folder with -d"
            )


def _give_name(temporary: str, final: str) -> None:
    try:
        os.link(temporary, final)  # fails when the name is taken, in one step
        return
    except FileExistsError:
        raise _there(Path(final)) from None
    except (OSError, NotImplementedError):
        pass  # a file system without hard links
    if os.path.lexists(final):
        raise _there(Path(final))
    try:
        os.rename(temporary, final)
    except OSError as error:
        raise OutputError(
            f"cannot write {final}: {error.strerror or error}", remedy="make the folder writable"
        ) from None


def _there(path: Path) -> OutputError:
    return OutputError(f"{path} is there already", remedy="nothing was written; move it away, or choose another place")
