"""Write and remove files: all files of a set or none, whatever fails or is killed on the way.

No file system renames several files in one step. TOKEN is 12 random hex digits, new for every set. A long NAME
stands in the temporary names by its digest.

``write_set`` and ``write_file`` replace files of one folder::

    NAME: old bytes
     |  write and flush every new file; mark every file to remove    .NAME.TOKEN.tmp, .NAME.TOKEN.drop
     |  give what is there now a second name                         .NAME.TOKEN.old
     |  rename the last .tmp: the set is decided                     .NAME.TOKEN.set
     |  remove the files that have a .drop, rename every .tmp, the .set last of all
    NAME: new bytes

    killed before .set exists     recover() removes .tmp, .drop and .old    -> old set
    killed after it               recover() does the steps that are left    -> new set
    a step is refused             the .old files get their names back       -> old set, OutputError

``create_files`` never replaces; its files may lie in several folders::

    no NAME
     |  write and flush every new file                               .NAME.TOKEN.tmp
     |  link every .tmp to its NAME, which fails where NAME exists   NAME and .tmp are one file
     |  remove every .tmp
    NAME

    killed before the last link   take_back() removes each NAME that is one file with a .tmp, and the .tmp
    killed after it               take_back() removes the .tmp files
    a step is refused             the NAMEs that exist already are removed, OutputError
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from typing import Callable, Collection, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from aos_ota_plugin.errors import OutputError
from aos_ota_plugin.files import steps
from aos_ota_plugin.files.folders import make_folder
from aos_ota_plugin.files.steps import NEW, PathLike

_AS_BEFORE: Mapping[str, int] = {}
_DECIDED, _DROPPED, _OLD = ".set", ".drop", ".old"
_TEMPORARY = re.compile(r"\.(?P<name>.+)\.(?P<token>[0-9a-f]{12})(?P<ending>\.tmp|\.set|\.drop|\.old)", re.DOTALL)
_SHORT = re.compile(r"~[0-9a-f]{32}")


class NewFile(NamedTuple):
    """A file to create, with its permissions from the first moment.

    They are ``mode``, or 0666 less the umask where that is None.
    """

    path: PathLike
    data: bytes
    mode: Optional[int] = None


# --- replacing files


def write_file(path: PathLike, data: bytes, *, mode: Optional[int] = None, modified_ns: Optional[int] = None) -> bool:
    """Write ``data`` to ``path`` unless the file holds it already; return whether it was written.

    A new file gets the permissions ``mode``, else those of the file that it replaces, else 0666 less the
    umask; and the modification time ``modified_ns`` (nanoseconds since 1970), else now.

    Raises:
        OutputError: the folder cannot be written, or the disk is full; the old file is untouched.
    """
    folder, name = os.path.split(os.path.abspath(path))
    modes = _AS_BEFORE if mode is None else {name: mode}
    return bool(_write(folder, {name: data}, (), modes, modified_ns))


def write_set(
    folder: PathLike, files: Mapping[str, bytes], *, drop: Collection[str] = (), modes: Mapping[str, int] = _AS_BEFORE
) -> List[str]:
    """Write ``files`` by name to ``folder``, remove those in ``drop``; return the names of changed files.

    ``modes`` gives some of them permissions; the others keep theirs, and new ones get 0666 less the umask. What a
    killed writer of the same names left is completed or removed first, so two writers of one name must not run at once.

    Raises:
        OutputError: the folder cannot be written, or the disk is full; the old set is whole.
    """
    return _write(os.fspath(folder), files, drop, modes, None)


def recover(folder: PathLike, is_ours: Callable[[str], bool], names: Collection[str] = ()) -> List[str]:
    """Complete the sets that killed writers had decided, remove others; return the changed names.

    Only files whose names ``is_ours`` accepts are touched; no writer of them may be running. ``names`` are those that
    may be too long to stand in the temporary names.
    """
    where = os.fspath(folder)
    left = _leftovers(where, is_ours, names)
    changed: List[str] = []
    for token in {token for _, token, ending in left if ending == _DECIDED}:
        with contextlib.suppress(OSError):
            changed += _complete(where, token, [(name, ending) for name, other, ending in left if other == token])
    steps.discard(
        [steps.temporary_path(where, *entry) for entry in _leftovers(where, is_ours, names) if entry[2] != _DECIDED]
    )
    return changed


@contextlib.contextmanager
def written_by_program(path: PathLike) -> Iterator[str]:
    """Yield a path for a program to write to; without an error it replaces ``path`` at the end.

    Raises:
        OutputError: the folder or the file cannot be written.
    """
    folder, name = os.path.split(os.path.abspath(path))
    recover(folder, name.__eq__, [name])
    steps.check_replaceable(os.path.join(folder, name))
    make_folder(folder)
    temporary = steps.temporary_path(folder, name, steps.new_token(), NEW)
    try:
        yield temporary
        steps.rename(temporary, os.path.join(folder, name))
    finally:
        steps.discard([temporary])


def remove_file(path: PathLike) -> None:
    """Remove a file, which may be gone already. Raises OutputError."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise steps.cannot_write(os.fspath(path), error) from None


def _write(
    where: str, files: Mapping[str, bytes], drop: Iterable[str], modes: Mapping[str, int], modified_ns: Optional[int]
) -> List[str]:
    names = {*files, *drop}
    recover(where, names.__contains__, names)
    token = steps.new_token()
    staged: Dict[str, str] = {}
    dropped: Dict[str, str] = {}
    try:
        for name, data in files.items():
            target = os.path.join(where, name)
            if not steps.has_content(target, data):
                temporary = steps.temporary_path(where, name, token, NEW)
                staged[name] = steps.stage(target, temporary, data, mode=modes.get(name), modified_ns=modified_ns)
        for name in drop:
            target = os.path.join(where, name)
            if os.path.lexists(target):
                dropped[name] = steps.stage(target, steps.temporary_path(where, name, token, _DROPPED), b"")
        _commit(where, staged, dropped, token)
    except OutputError:
        steps.discard([*staged.values(), *dropped.values()])
        raise
    return list(staged)


def _commit(where: str, staged: Mapping[str, str], dropped: Mapping[str, str], token: str) -> None:
    """Do all renames and removals. Raises OutputError when one is refused; the others are undone then."""
    names = [*dropped, *staged]
    is_set = bool(staged) and len(names) > 1  # otherwise there is one step, or only removals
    sources = dict(staged)
    backups: Dict[str, str] = {}
    touched: List[str] = []
    try:
        if is_set:
            for name in names:
                backup = steps.temporary_path(where, name, token, _OLD)
                if steps.back_up(os.path.join(where, name), backup):
                    backups[name] = backup
            sources[names[-1]] = steps.temporary_path(where, names[-1], token, _DECIDED)
            steps.rename(staged[names[-1]], sources[names[-1]])
            steps.sync_folder(where)  # what comes after must not reach the disk before the decision
        for name in names:
            touched.append(name)
            if name in dropped:
                remove_file(os.path.join(where, name))
            else:
                steps.rename(sources[name], os.path.join(where, name))
    except OutputError:
        if is_set:
            _undo(where, touched, backups)
        steps.discard([*sources.values(), *backups.values()])
        raise
    steps.discard([*dropped.values(), *backups.values()])
    if names:
        steps.sync_folder(where)


def _undo(where: str, touched: Iterable[str], backups: Mapping[str, str]) -> None:
    for name in touched:
        target = os.path.join(where, name)
        with contextlib.suppress(OSError):
            if name in backups:
                os.replace(backups[name], target)
            else:
                os.unlink(target)


def _complete(where: str, token: str, left: Iterable[Tuple[str, str]]) -> List[str]:
    """Do the steps of a decided set that are left, the ``.set`` file last; return the names that changed."""
    changed: List[str] = []
    for name, ending in sorted(left, key=lambda entry: entry[1] == _DECIDED):
        if ending in (NEW, _DECIDED):
            os.replace(steps.temporary_path(where, name, token, ending), os.path.join(where, name))
            changed.append(name)
        elif ending == _DROPPED:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(where, name))
                changed.append(name)
    steps.sync_folder(where)
    return changed


def _leftovers(where: str, is_ours: Callable[[str], bool], names: Collection[str]) -> List[Tuple[str, str, str]]:
    """Return name, token and ending of the files that writers keep beside the files of these names."""
    try:
        entries = os.listdir(where)
    except OSError:
        return []
    full = {steps.short_name(name): name for name in (*entries, *names)}
    matches = [match for match in map(_TEMPORARY.fullmatch, entries) if match]
    left = [(_full_name(match["name"], full), match["token"], match["ending"]) for match in matches]
    return [entry for entry in left if entry[0] and is_ours(entry[0])]


def _full_name(name: str, full: Mapping[str, str]) -> str:
    """Return the name that a temporary one stands for, "" for a long one that nobody knows."""
    return full.get(name, "") if _SHORT.fullmatch(name) else name


# --- creating files


def create_below(folder: str, files: Mapping[str, bytes]) -> List[str]:
    """Create all of these files, by paths below ``folder`` with ``/``, or none; return their full paths.

    The names must be safe (``images.names.check_name``).

    Raises:
        OutputError: a file exists already, a link or a file stands where a folder is needed, or writing fails.
    """
    for name in files:
        _check_folders(folder, name)
    return create_files([NewFile(os.path.join(folder, *name.split("/")), data) for name, data in files.items()])


def create_files(files: Sequence[NewFile]) -> List[str]:
    """Create these files, all or none, in this order; return their paths.

    What a killed creator of the same files left is taken back first.

    Raises:
        OutputError: a file exists already, or writing fails.
    """
    take_back([file.path for file in files])
    for file in files:
        if os.path.lexists(file.path):
            raise _exists(file.path)
    token = steps.new_token()
    staged: Dict[str, str] = {}
    created: List[str] = []
    try:
        for file in files:
            folder, name = os.path.split(os.path.abspath(file.path))
            temporary = steps.temporary_path(folder, name, token, NEW)
            staged[os.fspath(file.path)] = steps.stage(os.fspath(file.path), temporary, file.data, mode=file.mode)
        for path, temporary in staged.items():
            _link_new(temporary, path)
            created.append(path)
        for folder in {os.path.dirname(path) for path in created}:
            steps.sync_folder(folder)
    except BaseException:
        steps.discard(created)
        raise
    finally:
        steps.discard(staged.values())
    return created


def take_back(paths: Sequence[PathLike]) -> None:
    """Remove what a killed ``create_files`` of these paths left: if all exist, only temporary files."""
    complete = all(os.path.lexists(path) for path in paths)
    for path in paths:
        folder, name = os.path.split(os.path.abspath(path))
        for _, token, ending in _leftovers(folder, name.__eq__, [name]):
            if ending != NEW:
                continue
            temporary = steps.temporary_path(folder, name, token, ending)
            with contextlib.suppress(OSError):
                if not complete and os.path.samestat(os.lstat(temporary), os.lstat(path)):
                    os.unlink(path)
            steps.discard([temporary])


def _check_folders(folder: str, name: str) -> None:
    """Raise OutputError unless each part of the path that exists is a folder, not a link to one elsewhere."""
    path = folder
    for part in name.split("/")[:-1]:
        path = os.path.join(path, part)
        try:
            mode = os.lstat(path).st_mode
        except OSError:
            return
        if not stat.S_ISDIR(mode):
            raise OutputError(
                f"{path} is there and is no folder", remedy="move it away, or choose another folder with -d"
            )


def _link_new(temporary: str, path: str) -> None:
    try:
        os.link(temporary, path)  # fails when the name is taken, in one step
        return
    except FileExistsError:
        raise _exists(path) from None
    except (OSError, NotImplementedError):
        pass  # a file system without hard links
    if os.path.lexists(path):
        raise _exists(path)
    steps.rename(temporary, path)


def _exists(path: PathLike) -> OutputError:
    return OutputError(
        f"{os.fspath(path)} is there already", remedy="nothing was written; move it away, or choose another place"
    )
