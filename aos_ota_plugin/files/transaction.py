"""Putting files in place that belong together: the whole new set or the whole old one.

No file system renames several files at once. So all new files are written first, as ``.NAME.TOKEN.tmp``; then the
last one is renamed to ``.NAME.TOKEN.set``: from here on the set is decided, and whoever comes next completes it
(``recover``) if its writer is killed between two of the renames that follow. A rename that is refused takes the earlier
ones back.
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import Callable, Collection, Dict, Iterable, List, Mapping, Tuple

from aos_ota_plugin.errors import OutputError
from aos_ota_plugin.files import atomic
from aos_ota_plugin.files.atomic import TEMPORARY, PathLike

_AS_BEFORE: Mapping[str, int] = {}
_DECIDED, _DROPPED, _REPLACED = ".set", ".drop", ".old"
_LEFT = re.compile(r"\.(?P<name>.+)\.(?P<token>[0-9a-f]{12})(?P<ending>\.tmp|\.set|\.drop|\.old)", re.DOTALL)


def write_set(
    folder: PathLike, files: Mapping[str, bytes], *, drop: Collection[str] = (), modes: Mapping[str, int] = _AS_BEFORE
) -> List[str]:
    """Write `files` by name, remove those in `drop`; the names of those written, which are those that differed.

    `modes` are permissions that some of them get; the others keep theirs, or get 0644.

    What killed writers of the same names left is completed or removed first.

    Raises:
        OutputError: the folder cannot be written, or the disk is full; the old set is then whole.
    """
    where = os.fspath(folder)
    recover(where, {*files, *drop}.__contains__)
    token = atomic.new_token()
    staged: Dict[str, str] = {}
    dropped: Dict[str, str] = {}
    try:
        for name, data in files.items():
            target = os.path.join(where, name)
            if not atomic.holds(target, data):
                staged[name] = atomic.stage(target, data, mode=modes.get(name), token=token)
        for name in drop:
            target = os.path.join(where, name)
            if os.path.lexists(target):
                dropped[name] = atomic.stage(target, b"", token=token, ending=_DROPPED)
        _commit(where, staged, dropped, token)
    except OutputError:
        atomic.discard([*staged.values(), *dropped.values()])
        raise
    return list(staged)


def write_file(path: PathLike, data: bytes) -> bool:
    """`write_set` for a single file; True when it was written."""
    folder, name = os.path.split(os.path.abspath(path))
    return bool(write_set(folder, {name: data}))


def recover(folder: PathLike, is_ours: Callable[[str], bool]) -> List[str]:
    """Complete the sets that were decided when their writers were killed, and remove what the undecided ones left.

    For who knows that no other is at work on files whose names `is_ours` accepts. Returns the names that were changed.
    """
    where = os.fspath(folder)
    left = _left(where, is_ours)
    changed: List[str] = []
    for token in {token for _, token, ending in left if ending == _DECIDED}:
        with contextlib.suppress(OSError):
            changed += _complete(where, token, [(name, ending) for name, other, ending in left if other == token])
    atomic.discard(
        [_path(where, name, token, ending) for name, token, ending in _left(where, is_ours) if ending != _DECIDED]
    )
    return changed


def _complete(where: str, token: str, left: Iterable[Tuple[str, str]]) -> List[str]:
    """The renames that were still to be done; the mark of the decision goes last."""
    changed: List[str] = []
    for name, ending in sorted(left, key=lambda entry: entry[1] == _DECIDED):
        if ending in (TEMPORARY, _DECIDED):
            os.replace(_path(where, name, token, ending), os.path.join(where, name))
            changed.append(name)
        elif ending == _DROPPED:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(where, name))
                changed.append(name)
    atomic.sync_folder(where)
    return changed


def _left(where: str, is_ours: Callable[[str], bool]) -> List[Tuple[str, str, str]]:
    """Name, token and ending of what writers keep beside the files."""
    try:
        entries = os.listdir(where)
    except OSError:
        return []
    found = [match for match in map(_LEFT.fullmatch, entries) if match and is_ours(match["name"])]
    return [(match["name"], match["token"], match["ending"]) for match in found]


def _commit(where: str, staged: Mapping[str, str], dropped: Mapping[str, str], token: str) -> None:
    """Renames and removals, all of them or none.

    Raises:
        OutputError: one was refused; those before it were taken back.
    """
    names = [*dropped, *staged]
    sources = dict(staged)
    kept: Dict[str, str] = {}
    touched: List[str] = []
    try:
        if staged and len(names) > 1:
            for name in names:
                backup = _path(where, name, token, _REPLACED)
                if atomic.keep(os.path.join(where, name), backup):
                    kept[name] = backup
            sources[names[-1]] = _path(where, names[-1], token, _DECIDED)
            atomic.rename(staged[names[-1]], sources[names[-1]])
            atomic.sync_folder(where)  # what comes after must not reach the disk before the decision
        for name in names:
            touched.append(name)
            if name in dropped:
                atomic.remove(os.path.join(where, name))
            else:
                atomic.rename(sources[name], os.path.join(where, name))
    except OutputError:
        if staged and len(names) > 1:  # otherwise the refused one is as it was, and was not kept
            _take_back(where, touched, kept)
        atomic.discard([*sources.values(), *kept.values()])
        raise
    atomic.discard([*dropped.values(), *kept.values()])
    if names:
        atomic.sync_folder(where)


def _take_back(where: str, touched: Iterable[str], kept: Mapping[str, str]) -> None:
    for name in touched:
        target = os.path.join(where, name)
        with contextlib.suppress(OSError):
            if name in kept:
                os.replace(kept[name], target)
            else:
                os.unlink(target)


def _path(where: str, name: str, token: str, ending: str) -> str:
    return os.path.join(where, f".{name}.{token}{ending}")
