"""Knowing that the last build died, and taking away what it made.

SCons records what it built when it ends. A build that is killed has changed files of which that record knows nothing:
sources rendered for another version count as up to date, and so do objects and programs that are half written, as
they are newer than what they are made of.
"""

from __future__ import annotations

import contextlib
import os
from typing import Collection, Iterable, List

from aos_ota_plugin.release import store

NAME = "build.unfinished"
_MADE = (".o", ".obj", ".a", ".lib", ".elf", ".axf", ".bin", ".map", ".d")


class BuildMark:
    """A file that stands in ``folder`` while a build runs."""

    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, NAME)

    def heal(self, folders: Iterable[str], rendered: Collection[str]) -> List[str]:
        """If an earlier build left its mark, remove what it made below `folders`; returns what was removed.

        That is everything as young as the mark with the suffix of a compiler's output, or listed in `rendered`.
        """
        try:
            since = os.stat(self._path).st_mtime_ns
        except OSError:
            return []
        made = [path for folder in folders for path in _files(folder)
                if _is_as_young(path, since) and (path.endswith(_MADE) or path in rendered)]
        for path in made:
            with contextlib.suppress(OSError):
                os.unlink(path)
        self.end()
        return made

    def begin(self) -> None:
        """Set the mark, with the time of now. Raises OutputError."""
        store.write_atomic(self._path, b"")

    def end(self) -> None:
        """What was built is on record."""
        with contextlib.suppress(OSError):
            os.unlink(self._path)


def _files(folder: str) -> List[str]:
    return [os.path.join(where, name) for where, _, names in os.walk(folder) for name in names]


def _is_as_young(path: str, since: int) -> bool:
    try:
        return os.lstat(path).st_mtime_ns >= since
    except OSError:
        return False
