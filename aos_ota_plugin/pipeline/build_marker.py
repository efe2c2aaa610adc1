"""Mark a build as unfinished until it succeeds, and remove the files of a build that did not succeed.

A killed build has changed files without an entry in SCons' record, and a failed build leaves a half-written file. They
are newer than their sources, so the next build would count them as up to date.

``files/transaction.py`` writes the mark; it cannot protect the object files and programs, which compilers write.
"""

from __future__ import annotations

import contextlib
import os
from typing import Callable, Collection, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from aos_ota_plugin.errors import FormatError, OutputError
from aos_ota_plugin.files.documents import DocumentKind, read_document, write_document
from aos_ota_plugin.files.read import IMAGE_MAX, read_bytes
from aos_ota_plugin.files.transaction import recover, remove_file, write_file
from aos_ota_plugin.release.names import DEFAULT_NAMES, MODULE_PREFIX

NAME = "build.unfinished"
_KIND = DocumentKind("mark of an unfinished build", {"schema": "aos-ota-unfinished/1"}, "build again")

State = Tuple[int, int]
"""Modification time (nanoseconds since 1970) and size (bytes) of a file."""


class Cleanup(NamedTuple):
    """The paths of removed targets, and of targets that stay because an earlier build made them."""

    removed: List[str]
    left: List[str]


class BuildMarker:
    """A file in `folder` that exists from before a build until one succeeds.

    It lists the files below the folders `outputs` when the build began. A file that differs from the list was made by
    that build, even if the clock was changed since. ``names`` are the names of the release's files.
    """

    def __init__(self, folder: str, outputs: Sequence[str], names: Collection[str] = DEFAULT_NAMES.outputs) -> None:
        self._path = os.path.join(folder, NAME)
        self._outputs = outputs
        self._names = frozenset(names)

    def clean_up(self, targets: Callable[[], Optional[Collection[str]]]) -> Cleanup:
        """Remove the targets that the last build made, if it did not succeed; the mark stays.

        These are the `targets` (paths by ``os.path.normcase``; None for every file) below the outputs that are new or
        changed since that build began. Files of a release stay: they were proven, and written as a whole. Targets
        without an entry in its record SCons builds again in any case.

        Raises:
            OutputError: a file cannot be read or removed.
        """
        cleanup = Cleanup([], [])
        recover(os.path.dirname(self._path), NAME.__eq__)
        if not self.is_set():
            return cleanup
        before = self._listed()
        named = targets()
        for path, state in _files(self._outputs):
            if (named is None or os.path.normcase(path) in named) and not self._is_release(os.path.basename(path)):
                if before.get(path) == state:
                    cleanup.left.append(path)
                elif path != self._path:
                    remove_file(path)
                    cleanup.removed.append(path)
        return cleanup

    def is_set(self) -> bool:
        """Return whether the last build did not succeed."""
        return os.path.lexists(self._path)

    def begin(self) -> None:
        """Set the mark, with the list of files that exist now. Raises OutputError."""
        write_file(self._path, write_document(_KIND, {"files": dict(_files(self._outputs))}))

    def end(self) -> None:
        """Remove the mark: the build has succeeded."""
        with contextlib.suppress(OutputError):
            remove_file(self._path)

    def _is_release(self, name: str) -> bool:
        return name in self._names or name.startswith(MODULE_PREFIX)

    def _listed(self) -> Dict[str, State]:
        """Return the files in the mark; none if it is not valid, so that everything is built again."""
        try:
            fields = read_document(read_bytes(self._path, IMAGE_MAX), _KIND, file=self._path)
            listed = fields.within(fields.values.get("files"), '"files"').values
            return {path: (int(state[0]), int(state[1])) for path, state in listed.items()}
        except OSError as error:
            raise OutputError(
                f"cannot read {self._path}: {error.strerror or error}", remedy="make the file readable, and build again"
            ) from None
        except (FormatError, ValueError, TypeError, IndexError):
            return {}


def _files(folders: Sequence[str]) -> Iterator[Tuple[str, State]]:
    """Yield every file below `folders` with its state, without following links. Raises OutputError."""
    waiting = list(folders)
    while waiting:
        folder = waiting.pop()
        try:
            entries = list(os.scandir(folder))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise OutputError(
                f"cannot read {folder}: {error.strerror or error}", remedy="make the folder readable, and build again"
            ) from None
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)
            else:
                with contextlib.suppress(FileNotFoundError):
                    status = entry.stat(follow_symlinks=False)
                    yield entry.path, (status.st_mtime_ns, status.st_size)
