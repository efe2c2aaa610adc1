"""Putting files where none are: all of them, and never over or through something that is there."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import Dict, List, Mapping

from aos_ota_plugin.errors import OutputError
from aos_ota_plugin.release.store import discard, stage


def write_new(folder: str, files: Mapping[str, bytes]) -> List[str]:
    """Write files by their paths below `folder` (``/`` between folders); return where they are.

    The names must be safe (``images.names.check_name``). Either all files get their names or none does.

    Raises:
        OutputError: a file is there already, a link or a file stands where a folder is needed, or writing fails.
    """
    targets = {name: Path(folder, *name.split("/")) for name in files}
    for name, target in targets.items():
        _check_way(Path(folder), name)
        if os.path.lexists(target):
            raise _there(target)
    staged: Dict[str, str] = {}
    placed: List[str] = []
    try:
        for name, data in files.items():
            staged[os.fspath(targets[name])] = stage(targets[name], data)
        for final, temporary in staged.items():
            _give_name(temporary, final)
            placed.append(final)
    except BaseException:
        for final in placed:
            with contextlib.suppress(OSError):
                Path(final).unlink()
        raise
    finally:
        discard(staged.values())
    return placed


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
            raise OutputError(f"{way} is there and is no folder",
                              remedy="move it away, or choose another folder with -d")


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
        raise OutputError(f"cannot write {final}: {error.strerror or error}",
                          remedy="make the folder writable") from None


def _there(path: Path) -> OutputError:
    return OutputError(f"{path} is there already", remedy="nothing was written; move it away, or choose another folder "
                       "with -d")
