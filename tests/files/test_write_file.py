"""All of a file or nothing of it, whatever fails on the way."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from aos_ota_plugin.errors import BusyError, OutputError
from aos_ota_plugin.files.lock import BuildLock
from aos_ota_plugin.files.transaction import NewFile, create_files, write_file


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "输出 folder"
    path.mkdir()
    (path / "a").write_bytes(b"old a")
    (path / "b").write_bytes(b"old b")
    return path


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_write_file(folder):
    assert write_file(folder / "a", b"old a") is False
    assert write_file(folder / "a", b"new a") is True
    assert write_file(folder / "sub" / "c", b"c") is True
    assert (folder / "a").read_bytes() == b"new a"


def test_time_stamp(folder):
    write_file(folder / "a", b"new a", modified_ns=1_000_000_000_000_000_000)
    assert (folder / "a").stat().st_mtime_ns == 1_000_000_000_000_000_000
    before = (folder / "b").stat().st_mtime_ns
    write_file(folder / "b", b"old b", modified_ns=1_000_000_000_000_000_000)
    assert (folder / "b").stat().st_mtime_ns == before


@pytest.mark.skipif(os.name != "posix", reason="links")
@pytest.mark.parametrize("name", ["loop", "loop/c"])
def test_a_link_that_leads_to_itself_is_not_replaced(folder, name):
    (folder / "loop").symlink_to("loop")
    with pytest.raises(OutputError, match="a link leads to itself\n  fix: remove it"):
        write_file(folder / name, b"new")
    assert (folder / "loop").is_symlink()
    assert len(list(folder.iterdir())) == 3


@pytest.mark.skipif(os.name != "posix", reason="permission bits")
def test_permissions_of_a_replaced_file_stay(folder):
    (folder / "a").chmod(0o640)
    write_file(folder / "a", b"new a")
    write_file(folder / "c", b"new c")
    write_file(folder / "d", b"new d", mode=0o600)
    assert (folder / "a").stat().st_mode & 0o777 == 0o640
    assert (folder / "d").stat().st_mode & 0o777 == 0o600
    assert (folder / "c").stat().st_mode & 0o777 == 0o644  # the tests' umask is 022


@pytest.mark.skipif(os.name != "posix", reason="permission bits")
@pytest.mark.parametrize("umask, expected", [(0o077, 0o600), (0o002, 0o664), (0o027, 0o640)])
def test_permissions_of_a_new_file_are_those_that_the_umask_leaves(folder, umask, expected):
    before = os.umask(umask)
    try:
        write_file(folder / "c", b"new c")
        create_files([NewFile(folder / "e", b"e"), NewFile(folder / "f", b"f", 0o600)])
    finally:
        os.umask(before)
    modes = [(folder / name).stat().st_mode & 0o777 for name in "cef"]
    assert modes == [expected, expected, 0o600]


def test_readers_never_see_half_a_file(folder):
    small, large = b"x" * 10, b"y" * 300_000
    seen, stop = set(), threading.Event()

    def read():
        while not stop.is_set():
            seen.add((folder / "a").read_bytes())

    write_file(folder / "a", small)
    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(30):
        write_file(folder / "a", large)
        write_file(folder / "a", small)
    stop.set()
    reader.join()
    assert seen <= {small, large}


def test_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError):
        write_file(tmp_path / "file" / "a", b"")


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
            write_file(folder / name, b"x")
        assert caught.value.remedy
    assert (folder / "pipe").is_fifo()
    assert (folder / "sub").is_dir()
