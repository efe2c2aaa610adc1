"""The wrapper of the chip vendor's image step, run as aos-tools runs it: a script of its own, in any Python."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import aos_ota_plugin.scons

WRAPPER = Path(aos_ota_plugin.scons.__file__).with_name("postimage.py")
IMAGE, PACKED, MANIFEST = "ota_rtos_ota.bin", "ota_rtos_ota.bin.xz", "ota_rtos_ota.json"


class Step:
    """A folder of outputs, a step script, and the wrapper around it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "ota_bin"
        self.folder.mkdir(parents=True)
        self.target = root / "out" / "demo@board.bin"
        self.target.parent.mkdir()
        self.target.write_bytes(b"firmware")
        self.record = root / "out" / "ota" / "image-step.json"
        self.script = root / "vendor step.py"

    def writes(self, text: str) -> None:
        self.script.write_text(f"import os, pathlib, sys\nfolder = pathlib.Path({str(self.folder)!r})\n{text}\n", encoding="utf-8")

    def run(self, *own: str, sweep: bool = False, script=None, python=sys.executable):
        # The order of arguments is the one that aos-tools makes of our command: its --target before ours.
        command = [python, str(WRAPPER), f"--target={self.target}", f"--run={script or self.script}", f"--record={self.record}",
                   f"--folder={self.folder}", *(["--sweep"] if sweep else []), *own]
        done = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL, cwd=self.root)
        return done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")

    def recorded(self):
        return json.loads(self.record.read_text(encoding="utf-8")) if self.record.exists() else None

    def publish(self, image: bytes = b"signed image") -> None:
        """What a release of ours leaves: an image and the manifest that vouches for it."""
        (self.folder / IMAGE).write_bytes(image)
        (self.folder / MANIFEST).write_text(json.dumps(
            {"images": [{"file": IMAGE, "sha256": hashlib.sha256(image).hexdigest()}]}))

    def files(self):
        return {path.name: path.read_bytes() for path in self.folder.iterdir()}


@pytest.fixture
def step(tmp_path):
    return Step(tmp_path / "芯片 厂商's $HOME")


# --- what is run, and what is noted


def test_success_is_recorded_with_what_it_was_run_for(step):
    step.writes("print('made', *sys.argv[1:])\n(folder / 'ota_rtos.bin').write_bytes(b'payload')")
    status, output = step.run("--board=x y", "plain", "--flag")
    assert status == 0
    assert output == f"made --board=x y plain --flag --target={step.target}\n"
    assert step.recorded() == {"script": str(step.script), "status": 0,
                               "target_sha256": hashlib.sha256(b"firmware").hexdigest()}
    assert step.files() == {"ota_rtos.bin": b"payload"}
    assert sorted(path.name for path in step.record.parent.iterdir()) == ["image-step.json"]


@pytest.mark.parametrize(("text", "status"), [("sys.exit(3)", 3), ("raise ValueError('no license')", 1), ("sys.exit('text')", 1),
                                              ("def broken(:", 1)])
def test_failing_script(step, text, status):
    step.writes(text)
    assert step.run()[0] == status
    assert step.recorded()["status"] == status


def test_script_ended_by_a_signal_has_failed(step):
    step.writes("import signal\nos.kill(os.getpid(), signal.SIGKILL)")
    assert step.run()[0] != 0
    assert step.recorded()["status"] == -signal.SIGKILL


def test_missing_script(step):
    status, output = step.run()
    assert status == 2
    assert "vendor step.py" in output
    assert step.recorded()["status"] == 2


def test_script_that_is_no_python(step):
    shell = step.root / "step.sh"
    shell.write_text("#!/bin/sh\nprintf '%s' \"$1\" > \"$(dirname \"$0\")/seen\"\nexit 4\n")
    shell.chmod(0o755)
    assert step.run(script=shell)[0] == 4
    assert (step.root / "seen").read_text() == f"--target={step.target}"
    assert step.recorded()["status"] == 4


@pytest.mark.parametrize("mode", [0o644, None], ids=["not executable", "not there"])
def test_program_that_cannot_be_started(step, mode):
    program = step.root / "step"
    if mode:
        program.write_text("#!/bin/sh\n")
        program.chmod(mode)
    status, output = step.run(script=program)
    assert status == 1
    assert f"cannot run {program}: " in output
    assert step.recorded()["status"] == 1


def test_step_that_was_killed_leaves_no_record(step):
    """The record of an earlier build must not vouch for this one."""
    step.writes("pass")
    step.run()
    assert step.recorded()["status"] == 0
    step.writes("import signal, time\nos.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(0.1)")
    assert step.run()[0] == -signal.SIGKILL
    assert step.recorded() is None


def test_target_that_the_script_changes_is_recorded_as_it_is_afterwards(step):
    step.writes(f"pathlib.Path({str(step.target)!r}).write_bytes(b'signed by the chip vendor')")
    step.run()
    assert step.recorded()["target_sha256"] == hashlib.sha256(b"signed by the chip vendor").hexdigest()


def test_target_that_is_not_there(step):
    step.writes("pass")
    step.target.unlink()
    step.run()
    assert step.recorded()["target_sha256"] is None


# --- what stands under our names


OVERWRITES = "for name in ('ota_rtos_ota.bin', 'ota_rtos_ota.bin.xz'):\n    (folder / name).write_bytes(b'unsigned')"


@pytest.mark.parametrize("ending", ["", "\nsys.exit(1)", "\nraise SystemExit(7)"], ids=["success", "failure", "another failure"])
@pytest.mark.parametrize("sweep", [True, False])
def test_signed_image_is_put_back(step, sweep, ending):
    step.publish()
    before = step.files()
    step.writes(OVERWRITES + ending)
    step.run(sweep=sweep)
    after = step.files()
    assert {name: after[name] for name in before} == before
    assert (PACKED in after) is not sweep
    assert not (step.record.parent / "keep").exists()


def test_signed_image_that_nobody_touches_is_not_touched(step):
    step.publish()
    before = (step.folder / IMAGE).stat()
    step.writes("pass")
    step.run(sweep=True)
    after = (step.folder / IMAGE).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_put_back_with_its_own_time_stamp(step):
    step.publish()
    os.utime(step.folder / IMAGE, ns=(10**18 + 123456789,) * 2)
    step.writes(OVERWRITES)
    step.run(sweep=True)
    assert (step.folder / IMAGE).stat().st_mtime_ns == 10**18 + 123456789


@pytest.mark.parametrize("what", ["image", "manifest", "both"])
def test_what_the_script_deletes_is_put_back(step, what):
    step.publish()
    before = step.files()
    names = {"image": [IMAGE], "manifest": [MANIFEST], "both": [IMAGE, MANIFEST]}[what]
    step.writes(f"for name in {names!r}:\n    os.remove(folder / name)")
    step.run(sweep=True)
    assert step.files() == before


def test_manifest_that_the_script_overwrites_is_put_back(step):
    step.publish()
    before = step.files()
    step.writes("(folder / 'ota_rtos_ota.json').write_text('{}')")
    step.run(sweep=True)
    assert step.files() == before


MANIFESTS = [b"", b"{", b"[]", b"null", b'{"images": 1}', b'{"images": [1]}', b'{"images": [{}]}', b'{"images": []}', b"\xff\xfe",
             b'{"images": [{"file": "ota_rtos_ota.bin", "sha256": null}]}', b'{"images": {"file": 1}}',
             b'{"images": [{"file": ["x"], "sha256": "x"}]}', b"[" * 100_000]


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda data: repr(data[:40]))
def test_image_that_no_manifest_vouches_for_is_swept(step, manifest):
    (step.folder / IMAGE).write_bytes(b"whose?")
    (step.folder / MANIFEST).write_bytes(manifest)
    step.writes("print('ran')")
    status, output = step.run(sweep=True)
    assert (status, output) == (0, "ran\n")
    assert IMAGE not in step.files()
    assert step.recorded()["status"] == 0


def test_image_of_another_digest_is_swept_or_left(step):
    for sweep in (True, False):
        step.publish()
        (step.folder / IMAGE).write_bytes(b"foreign")
        step.writes("pass")
        step.run(sweep=sweep)
        assert (step.folder / IMAGE).exists() is not sweep


def test_other_files_of_the_folder_are_the_scripts_own(step):
    step.publish()
    step.writes("(folder / 'ota_littlefs.bin').write_bytes(b'new')\n(folder / 'ota_rtos.bin').write_bytes(b'new')")
    (step.folder / "ota_littlefs.bin").write_bytes(b"old")
    step.run(sweep=True)
    assert step.files()["ota_littlefs.bin"] == b"new"
    assert step.files()["ota_rtos.bin"] == b"new"


def test_outputs_folder_that_is_not_there_yet(step):
    step.folder.rmdir()
    step.writes("folder.mkdir()\n(folder / 'ota_rtos_ota.bin').write_bytes(b'unsigned')")
    assert step.run(sweep=True)[0] == 0
    assert step.files() == {}


def test_build_after_one_that_was_killed_between_overwriting_and_putting_back(step):
    """The signed image is gone then; what must not happen is that the unsigned one stays for it."""
    step.publish()
    step.writes(OVERWRITES + "\nimport signal\nos.kill(os.getppid(), signal.SIGKILL)")
    step.run(sweep=True)
    assert step.files()[IMAGE] == b"unsigned"
    step.writes("pass")
    assert step.run(sweep=True)[0] == 0
    assert set(step.files()) == {MANIFEST}
    assert not (step.record.parent / "keep").exists()
