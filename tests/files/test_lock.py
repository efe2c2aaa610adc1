"""One build of a solution at a time, and none while a program of a killed build still writes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from aos_ota_plugin.errors import BusyError, OutputError
from aos_ota_plugin.files.lock import BuildLock, shared_lock

# A build that starts a program as SCons does, which says that it runs and ends when its input does.
BUILD = """
import os, sys, time
from pathlib import Path
from aos_ota_plugin.files.lock import BuildLock
lock = BuildLock(Path(sys.argv[1]))
lock.acquire()
tool = "import sys; print('running', flush=True); sys.stdin.read()"
process = os.spawnvpe(os.P_NOWAIT, sys.executable, [sys.executable, "-c", tool], os.environ)
while not os.path.exists(sys.argv[1] + ".end"):  # the program reads all of the input
    time.sleep(0.02)
"""


@pytest.fixture
def build(tmp_path):
    """A running build and its lock; when its input is closed, what it started ends as well."""
    path = tmp_path / "方案 out" / "ota" / "build.lock"
    process = subprocess.Popen(
        [sys.executable, "-c", BUILD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "running\n"
    yield process, path
    Path(f"{path}.end").touch()
    process.communicate()


def test_a_second_build_is_refused(build):
    with pytest.raises(BusyError, match="another build of this solution is running"):
        BuildLock(build[1]).acquire()


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_program_that_a_killed_build_left_keeps_the_next_one_out(build):
    process, path = build
    process.send_signal(signal.SIGKILL)
    process.wait()
    with pytest.raises(BusyError, match="was killed, and a program that it had started still runs"):
        BuildLock(path).acquire()
    process.communicate()  # until the program has ended, too
    lock = BuildLock(path)
    lock.acquire()
    lock.release()


@pytest.mark.skipif(os.name != "posix", reason="a lock that programs inherit")
def test_what_lives_on_after_an_orderly_end_keeps_nobody_out(build):
    """The server of a compiler cache, for one."""
    process, path = build
    Path(f"{path}.end").touch()
    process.wait()
    assert process.returncode == 0
    lock = BuildLock(path)
    lock.acquire()
    lock.release()


def test_lock_is_taken_again_after_its_release(tmp_path):
    for _ in range(2):
        lock = BuildLock(tmp_path / "build.lock")
        lock.acquire()
        with pytest.raises(BusyError):
            BuildLock(tmp_path / "build.lock").acquire()
        lock.release()
        lock.release()


def test_lock_that_cannot_be_made(tmp_path):
    (tmp_path / "build.lock").mkdir()
    with pytest.raises(OutputError, match="a folder stands there"):
        BuildLock(Path(tmp_path / "build.lock")).acquire()


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_a_shared_folder_is_locked_outside_of_it_by_its_real_path(tmp_path, temporary):
    shared, other = tmp_path / "write_flash_gui", tmp_path / "另 一个"
    for folder in (shared, other):
        folder.mkdir()
    (tmp_path / "link").symlink_to(shared)
    lock = shared_lock(str(tmp_path / "link"))
    lock.acquire()
    with pytest.raises(BusyError):
        shared_lock(str(shared)).acquire()
    with shared_lock(str(other)).hold():
        pass
    lock.release()
    assert not list(shared.iterdir())
    assert not list(other.iterdir())
    (own,) = temporary.iterdir()
    assert own.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(os.name != "posix", reason="permissions")
def test_no_lock_is_put_where_others_can_write(tmp_path, temporary):
    own = temporary / f"aos_ota_plugin-{os.getuid()}"
    own.symlink_to(tmp_path)
    with pytest.raises(OutputError, match="is not a folder that only you can write to"):
        shared_lock(str(tmp_path))
    own.unlink()
    own.mkdir()
    own.chmod(0o777)
    with pytest.raises(OutputError, match="is not a folder that only you can write to"):
        shared_lock(str(tmp_path))
    own.rmdir()
    own.write_bytes(b"")
    with pytest.raises(OutputError, match="is not a folder that only you can write to"):
        shared_lock(str(tmp_path))
