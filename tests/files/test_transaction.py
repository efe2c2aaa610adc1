"""The whole of a set of files or nothing of it, whatever fails or dies on the way."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from aos_ota_plugin.errors import BuildError, OutputError
from aos_ota_plugin.files import steps, transaction
from aos_ota_plugin.files.transaction import NewFile, create_files, take_back

OLD = {"a": b"old a", "b": b"old b", "gone": b"old gone"}
NEW = {"a": b"new a", "b": b"new b", "fresh": b"new fresh"}


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "输出 folder"
    path.mkdir()
    for name, data in OLD.items():
        (path / name).write_bytes(data)
    return path


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_write_set_replaces_what_differs(folder):
    before = (folder / "a").stat().st_mtime_ns
    assert transaction.write_set(folder, {"a": b"old a", "b": b"new b"}) == ["b"]
    assert contents(folder) == {**OLD, "b": b"new b"}
    assert (folder / "a").stat().st_mtime_ns == before


def test_a_set_with_a_folder_in_its_way_leaves_everything(folder):
    (folder / "z").mkdir()
    with pytest.raises(OutputError, match="a folder stands there"):
        transaction.write_set(folder, {"a": b"new a", "b": b"new b", "z": b"new"})
    (folder / "z").rmdir()
    assert contents(folder) == OLD


# --- what fails: the nth call that changes something on the disk

CALLS = ("open", "link", "replace", "unlink", "fsync", "chmod")
NUMBERS = (errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EIO)


class Failing:
    """Lets the nth of these calls fail, once."""

    def __init__(self, monkeypatch, nth, number):
        self.left, self.number = nth, number
        for call in CALLS:
            monkeypatch.setattr(os, call, self._failing(getattr(os, call)))

    def _failing(self, original):
        def wrapper(*arguments, **options):
            self.left -= 1
            if self.left == 0:
                raise OSError(self.number, os.strerror(self.number))
            return original(*arguments, **options)

        return wrapper


@pytest.mark.parametrize("number", NUMBERS)
def test_any_call_fails(folder, monkeypatch, number):
    """The old set whole and an error, or the new set whole; nothing else is left once the next writer is through."""
    outcomes = []
    for nth in range(1, 100):
        for path in folder.iterdir():
            path.unlink()
        for name, data in OLD.items():
            (folder / name).write_bytes(data)
        with monkeypatch.context() as patch:
            failing = Failing(patch, nth, number)
            try:
                transaction.write_set(folder, NEW, drop=["gone"])
                outcomes.append(NEW)
            except OutputError as error:
                assert "no room" in str(error) if number == errno.ENOSPC else "cannot write" in str(error)
                assert error.remedy
                outcomes.append(OLD)
            reached = failing.left <= 0
        now = contents(folder)
        assert {name: data for name, data in now.items() if not name.startswith(".")} == outcomes[-1], f"call {nth}"
        transaction.write_set(folder, NEW, drop=["gone"])
        assert contents(folder) == NEW
        if not reached:
            break
    assert OLD in outcomes
    assert outcomes[-1] == NEW


@pytest.mark.parametrize("number", NUMBERS)
def test_one_file_of_a_set_that_cannot_get_its_name_is_still_there(folder, monkeypatch, number):
    """The others are as they should be already."""

    def refused(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "replace", refused)
    with pytest.raises(OutputError):
        transaction.write_set(folder, {"a": OLD["a"], "b": b"new b"})
    assert contents(folder) == OLD


def test_without_hard_links(folder, monkeypatch):
    """FAT has none: the backups are copies then."""

    def no_links(*_, **__):
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", no_links)
    assert transaction.write_set(folder, NEW, drop=["gone"]) == ["a", "b", "fresh"]
    assert contents(folder) == NEW
    renames = []

    def second_refused(source, target, replace=os.replace):
        renames.append(target)
        if len(renames) == 3:  # the first is the decision
            raise PermissionError(errno.EACCES, "held open")
        replace(source, target)

    monkeypatch.setattr(os, "replace", second_refused)
    with pytest.raises(OutputError, match="held open|cannot write"):
        transaction.write_set(folder, {"a": b"newer", "b": b"newer", "fresh": b"newer"})
    assert contents(folder) == NEW


# --- who dies: at the nth such call, before it or after it

WRITER_HEAD = """
    import os, signal, sys
    from aos_ota_plugin.files import transaction
    left, late = int(sys.argv[2]), sys.argv[3] == "after"
    def dying(original):
        def wrapper(*arguments, **options):
            global left
            left -= 1
            if left == 0 and not late:
                os.kill(os.getpid(), signal.SIGKILL)
            result = original(*arguments, **options)
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return result
        return wrapper
    for call in %r:
        setattr(os, call, dying(getattr(os, call)))
    """
WRITER = textwrap.dedent(
    WRITER_HEAD
    + """
    transaction.write_set(sys.argv[1], %r, drop=["gone"])
    """
) % (CALLS, NEW)


@pytest.mark.programs
@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_any_call(folder, when):
    """Whoever comes next finds the old set whole or makes the new one whole, also without writing anything himself."""
    seen = []
    for nth in range(1, 100):
        for path in folder.iterdir():
            path.unlink()
        for name, data in OLD.items():
            (folder / name).write_bytes(data)
        done = subprocess.run([sys.executable, "-c", WRITER, str(folder), str(nth), when], check=False)
        transaction.recover(folder, lambda name: name in {*OLD, *NEW})
        now = contents(folder)
        assert now in (OLD, NEW), f"call {nth}"
        seen.append(now)
        if done.returncode == 0:
            break
    assert seen[0] == OLD
    assert seen[-1] == NEW


# --- creating files

MADE = {"first": b"1", "sub/second": b"2", "third": b"3"}


def new_files(folder):
    return [NewFile(folder / name, data, 0o600) for name, data in MADE.items()]


def contents_below(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def restart(folder):
    shutil.rmtree(folder)
    folder.mkdir()


@pytest.mark.parametrize("number", NUMBERS)
def test_any_call_of_creating_fails(folder, monkeypatch, number):
    """None of the files and an error, or all of them; a second attempt makes them."""
    outcomes = []
    for nth in range(1, 100):
        restart(folder)
        with monkeypatch.context() as patch:
            failing = Failing(patch, nth, number)
            try:
                create_files(new_files(folder))
                outcomes.append(MADE)
            except OutputError as error:
                assert error.remedy
                outcomes.append({})
            reached = failing.left <= 0
        files = contents_below(folder)
        assert {name: data for name, data in files.items() if "/." not in f"/{name}"} == outcomes[-1], f"call {nth}"
        if outcomes[-1] == {}:
            create_files(new_files(folder))
        else:
            take_back([file.path for file in new_files(folder)])
        assert contents_below(folder) == MADE
        if not reached:
            break
    assert {} in outcomes
    assert outcomes[-1] == MADE


CREATOR = textwrap.dedent(
    WRITER_HEAD
    + """
    transaction.create_files([transaction.NewFile(os.path.join(sys.argv[1], name), data) for name, data in %r.items()])
    """
) % (CALLS, MADE)


@pytest.mark.programs
@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_any_call_of_creating(folder, when):
    """The next one finds all of the files, or none, and nothing else."""
    seen = []
    for nth in range(1, 100):
        restart(folder)
        done = subprocess.run([sys.executable, "-c", CREATOR, str(folder), str(nth), when], check=False)
        take_back([file.path for file in new_files(folder)])
        seen.append(contents_below(folder))
        assert seen[-1] in ({}, MADE), f"call {nth}"
        if done.returncode == 0:
            break
    assert seen[0] == {}
    assert seen[-1] == MADE


def test_creating_never_replaces(folder):
    with pytest.raises(OutputError, match="is there already"):
        create_files([NewFile(folder / "new", b"1"), NewFile(folder / "b", b"2")])
    assert contents(folder) == OLD


def test_taking_back_leaves_an_undecided_set_of_the_same_name(folder):
    """It is another writer's, and has to be completed."""
    (folder / ".a.0123456789ab.set").write_bytes(b"decided")
    take_back([folder / "a"])
    assert transaction.recover(folder, "a".__eq__) == ["a"]
    assert contents(folder) == {**OLD, "a": b"decided"}


# --- what a program writes


def test_a_programs_output_replaces_the_file(folder):
    (folder / ".a.0123456789ab.tmp").write_bytes(b"of one that was killed")
    with transaction.written_by_program(folder / "a") as temporary:
        Path(temporary).write_bytes(b"made")
        assert (folder / "a").read_bytes() == OLD["a"]
    assert contents(folder) == {**OLD, "a": b"made"}


def test_a_program_that_fails_leaves_the_file(folder):
    def compile_to(output, error):
        with transaction.written_by_program(folder / "a") as temporary:
            if error:
                Path(temporary).write_bytes(output)
                raise error

    with pytest.raises(BuildError):
        compile_to(b"half", BuildError("it failed"))
    with pytest.raises(OutputError):
        compile_to(b"", None)  # it has written no file
    assert contents(folder) == OLD


# --- whose files


def test_leftovers_are_removed_and_others_are_not_touched(folder):
    """Only those of the named files: what else has such a name is someone else's."""
    temporary = steps.stage(
        str(folder / "a"), steps.temporary_path(str(folder), "a", "0123456789ab", ".tmp"), b"never decided"
    )
    others = {
        ".c.0123456789ab.tmp": b"another's",
        ".c.0123456789ab.set": b"another's",
        ".a.swp": b"an editor's",
        ".a.0123.tmp": b"someone's",
    }
    for name, data in others.items():
        (folder / name).write_bytes(data)
    assert transaction.recover(folder, {"a", "b"}.__contains__) == []
    assert not os.path.exists(temporary)
    assert contents(folder) == {**OLD, **others}


def test_recover_where_nothing_is(tmp_path):
    assert transaction.recover(tmp_path / "nowhere", lambda name: True) == []


# --- names up to what the file system takes

LONG = "n" * 251


@pytest.mark.parametrize("names", [[LONG + ".bin"], [LONG + ".bin", LONG[:-4] + "长.bin"]])
def test_names_of_255_bytes(tmp_path, names):
    for data in (b"one", b"two"):
        assert transaction.write_set(tmp_path, dict.fromkeys(names, data)) == names
        assert contents(tmp_path) == dict.fromkeys(names, data)
    transaction.write_file(tmp_path / names[0], b"three")
    create_files([NewFile(tmp_path / ("c" * 255), b"new")])
    with transaction.written_by_program(tmp_path / ("p" * 255)) as temporary:
        Path(temporary).write_bytes(b"made")
    assert set(contents(tmp_path)) == {*names, "c" * 255, "p" * 255}


def test_a_name_that_no_file_system_takes(tmp_path):
    with pytest.raises(OutputError) as caught:
        transaction.write_set(tmp_path, {"a": b"a", LONG + "12345": b"b"})
    assert caught.value.remedy == "give a shorter name"
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("decided", [False, True])
def test_a_killed_writer_of_long_names(tmp_path, monkeypatch, decided):
    """What it left is completed or removed by the next writer of these names, and nobody else touches it."""
    old, new = {LONG: b"old", "b": b"old"}, {LONG: b"new", "b": b"new", "x" + LONG: b"new"}
    transaction.write_set(tmp_path, old)
    with monkeypatch.context() as patch:
        patch.setattr(steps, "sync_folder" if decided else "back_up", interrupted)
        with pytest.raises(KeyboardInterrupt):
            transaction.write_set(tmp_path, new)
    left = contents(tmp_path)
    assert len(left) > len(old)
    assert transaction.recover(tmp_path, {"x" * 255}.__contains__, ["x" * 255]) == []
    assert contents(tmp_path) == left
    changed = transaction.recover(tmp_path, set(new).__contains__, set(new))
    assert contents(tmp_path) == (new if decided else old)
    assert sorted(changed) == (sorted(new) if decided else [])


def interrupted(*_):
    raise KeyboardInterrupt
