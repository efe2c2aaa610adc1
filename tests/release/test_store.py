"""All of a file or nothing of it, whatever fails on the way."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from aos_ota_plugin.errors import BusyError, OutputError
from aos_ota_plugin.release import store
from aos_ota_plugin.release.lock import BuildLock


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "输出 folder"
    path.mkdir()
    (path / "a").write_bytes(b"old a")
    (path / "b").write_bytes(b"old b")
    return path


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_write_set_replaces_what_differs(folder):
    before = (folder / "a").stat().st_mtime_ns
    assert store.write_set(folder, {"a": b"old a", "b": b"new b"}) == ["b"]
    assert contents(folder) == {"a": b"old a", "b": b"new b"}
    assert (folder / "a").stat().st_mtime_ns == before


def test_write_if_changed(folder):
    assert store.write_if_changed(folder / "a", b"old a") is False
    assert store.write_if_changed(folder / "a", b"new a") is True
    assert store.write_if_changed(folder / "sub" / "c", b"c") is True
    assert (folder / "a").read_bytes() == b"new a"


@pytest.mark.skipif(os.name != "posix", reason="permission bits")
def test_permissions_of_a_replaced_file_stay(folder):
    (folder / "a").chmod(0o640)
    store.write_atomic(folder / "a", b"new a")
    store.write_atomic(folder / "c", b"new c")
    assert (folder / "a").stat().st_mode & 0o777 == 0o640
    assert (folder / "c").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("call", ["open", "write", "fsync"])
@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize(("number", "says"), [(errno.ENOSPC, "no room on the disk"), (errno.EACCES, "cannot write"),
                                              (errno.EROFS, "cannot write"), (errno.EIO, "cannot write")])
def test_failure_before_any_name_changes_hands(folder, monkeypatch, call, nth, number, says):
    calls = []

    def failing(original):
        def wrapper(*arguments, **options):
            calls.append(call)
            if len(calls) == nth:
                raise OSError(number, os.strerror(number))
            return original(*arguments, **options)
        return wrapper

    if call == "open":
        monkeypatch.setattr(store.os, "open", failing(os.open))
    elif call == "fsync":
        monkeypatch.setattr(store.os, "fsync", failing(os.fsync))
    else:
        original = os.fdopen

        def fdopen(*arguments, **options):
            stream = original(*arguments, **options)
            real = stream.write

            class Failing:
                def __enter__(self):
                    return self

                def __exit__(self, *_):
                    stream.close()

                def __getattr__(self, name):
                    return getattr(stream, name)

                write = staticmethod(failing(real))

            return Failing()
        monkeypatch.setattr(store.os, "fdopen", fdopen)
    with pytest.raises(OutputError, match=says) as caught:
        store.write_set(folder, {"a": b"new a", "b": b"new b"})
    assert "\n  fix: " in str(caught.value)
    assert contents(folder) == {"a": b"old a", "b": b"old b"}


def test_failure_of_the_first_rename(folder, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EACCES, "held open")
    monkeypatch.setattr(store.os, "replace", refuse)
    with pytest.raises(OutputError, match="cannot write"):
        store.write_set(folder, {"a": b"new a", "b": b"new b"})
    assert contents(folder) == {"a": b"old a", "b": b"old b"}


def test_readers_never_see_half_a_file(folder):
    small, large = b"x" * 10, b"y" * 300_000
    seen, stop = set(), threading.Event()

    def read():
        while not stop.is_set():
            seen.add((folder / "a").read_bytes())
    store.write_atomic(folder / "a", small)
    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(30):
        store.write_atomic(folder / "a", large)
        store.write_atomic(folder / "a", small)
    stop.set()
    reader.join()
    assert seen <= {small, large}


def test_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError):
        store.write_atomic(tmp_path / "file" / "a", b"")


def test_lock_is_for_one(tmp_path):
    path = Path(tmp_path) / "out" / "build.lock"
    first, second = BuildLock(path), BuildLock(path)
    first.acquire()
    with pytest.raises(BusyError, match="another build of this solution is running"):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


def test_lock_that_cannot_be_made(tmp_path):
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot write"):
        BuildLock(tmp_path / "out" / "build.lock").acquire()


@pytest.mark.skipif(os.name != "posix", reason="pipes with names")
def test_what_is_no_file_is_never_replaced(folder):
    os.mkfifo(folder / "pipe")
    (folder / "sub").mkdir()
    (folder / "link").symlink_to(folder / "pipe")
    for name, says in (("pipe", "a device or a pipe"), ("link", "a device or a pipe"), ("sub", "a folder")):
        with pytest.raises(OutputError, match=says) as caught:
            store.write_atomic(folder / name, b"x")
        assert caught.value.remedy
    assert (folder / "pipe").is_fifo()
    assert (folder / "sub").is_dir()


def test_a_set_with_a_folder_in_its_way_leaves_everything(folder):
    (folder / "z").mkdir()
    with pytest.raises(OutputError, match="a folder stands there"):
        store.write_set(folder, {"a": b"new a", "b": b"new b", "z": b"new"})
    (folder / "z").rmdir()
    assert contents(folder) == {"a": b"old a", "b": b"old b"}


def test_leftovers_of_killed_writers_are_swept(folder):
    """Only those of the named files: what else has such a name is someone else's."""
    temporary, _ = store.stage(folder / "a", b"never committed")
    (folder / ".c.0123.tmp").write_bytes(b"another's")
    (folder / ".a.swp").write_bytes(b"an editor's")
    store.sweep(folder, ["a", "b"])
    assert not os.path.exists(temporary)
    assert set(contents(folder)) == {"a", "b", ".c.0123.tmp", ".a.swp"}
