"""A build that is killed while the vendor's image step runs leaves our signed files, not the vendor's unsigned ones."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys

import pytest
from waiting import HANGS, until

from aos_ota_plugin.errors import BuildError
from aos_ota_plugin.pipeline import step_guard
from aos_ota_plugin.pipeline.own_outputs import keep

IMAGE, PACKED, MANIFEST = "ota_rtos_ota.bin", "ota_rtos_ota.bin.xz", "ota_rtos_ota.json"
BUILD = (
    "import sys\nfrom aos_ota_plugin.pipeline.image_step import run_image_step\n"
    "run_image_step(sys.argv[1], target='x.bin', folder=sys.argv[2], sweep=True)\n"
)
WAIT_FOR_GO = "while not (folder / 'go').exists():\n    time.sleep(0.05)\n"

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL and process groups")


class Killed:
    """A build that stands in the vendor's step, which has written its unsigned images."""

    def __init__(self, root, rest="time.sleep(600)"):
        self.folder = root / "ota_bin"
        self.folder.mkdir(parents=True)
        self.publish(b"signed image" * 100_000)
        script = root / "vendor step.py"
        script.write_text(
            "import pathlib, sys, time\n"
            f"folder = pathlib.Path({str(self.folder)!r})\n"
            "def write():\n"
            f"    for name in ({IMAGE!r}, {PACKED!r}):\n        (folder / name).write_bytes(b'unsigned')\n"
            f"write()\n(folder / 'written').touch()\n{rest}\n",
            encoding="utf-8",
        )
        self.build = subprocess.Popen(
            [sys.executable, "-c", BUILD, str(script), str(self.folder)], start_new_session=True, stdout=subprocess.PIPE
        )
        until((self.folder / "written").exists)

    def publish(self, image):
        (self.folder / IMAGE).write_bytes(image)
        (self.folder / MANIFEST).write_text(
            json.dumps({"images": [{"file": IMAGE, "sha256": hashlib.sha256(image).hexdigest()}]})
        )
        self.published = self.outputs()

    def outputs(self):
        return {
            name: (self.folder / name).read_bytes()
            for name in (IMAGE, PACKED, MANIFEST)
            if (self.folder / name).exists()
        }

    def all_ended(self):
        """Wait until the guard has ended, too: build, script and guard write to one pipe."""
        self.build.communicate(timeout=HANGS)


def test_all_of_the_build_is_killed(tmp_path):
    killed = Killed(tmp_path / "芯片 厂商's $HOME")
    assert killed.outputs() != killed.published
    os.killpg(killed.build.pid, signal.SIGKILL)
    killed.build.wait()
    until(lambda: killed.outputs() == killed.published)


def test_the_script_outlives_the_build_and_writes_again(tmp_path):
    killed = Killed(tmp_path, f"{WAIT_FOR_GO}write()\n(folder / 'again').touch()")
    killed.build.kill()
    killed.build.wait()
    (killed.folder / "go").touch()
    until((killed.folder / "again").exists)
    until(lambda: killed.outputs() == killed.published)


def test_a_release_that_was_made_meanwhile_stays(tmp_path):
    killed = Killed(tmp_path, f"{WAIT_FOR_GO}(folder / 'gone').touch()")
    killed.build.kill()
    killed.build.wait()
    (killed.folder / PACKED).unlink()
    killed.publish(b"the next release")
    (killed.folder / "go").touch()
    until((killed.folder / "gone").exists)
    killed.all_ended()
    assert killed.outputs() == killed.published


def test_nothing_is_left_running(tmp_path):
    """The guard of a step that ends is gone before the build goes on."""
    folder = tmp_path / "out"
    folder.mkdir()
    with step_guard.StepGuard(str(folder), keep(str(folder)), sweep=True) as guard:
        assert guard._process.poll() is None
    assert guard._process.poll() == 0


def test_a_guard_that_someone_ended_does_not_stop_the_build(tmp_path):
    with step_guard.StepGuard(str(tmp_path), {}, sweep=True) as guard:
        guard._process.kill()
        guard._process.wait()


def test_guard_that_cannot_be_started(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no python"))
    with pytest.raises(BuildError, match="cannot start the process that guards the images") as caught:
        step_guard.StepGuard(str(tmp_path), {}, sweep=True).__enter__()
    assert caught.value.remedy


@pytest.mark.parametrize("sent", [b"", b"12", b"12\n{", b'40\n{"files": {"ota_rtos_ota.bin": [5, 0]}}\nabc', b"\xff\n"])
def test_guard_that_was_told_half(tmp_path, sent):
    """The build died before its step began: nothing to restore."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", step_guard.PROCESS], input=sent, capture_output=True, check=False, cwd=tmp_path
    )
    assert done.stderr == b""
    assert list(tmp_path.iterdir()) == []
