"""The chip vendor's image step: run as aos-tools runs it, looked at, and kept off what is ours."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import signal
from pathlib import Path

import pytest

from aos_ota_plugin.errors import BuildError
from aos_ota_plugin.pipeline.build import recover
from aos_ota_plugin.pipeline.image_step import make_payloads, run_image_step
from aos_ota_plugin.pipeline.output_backup import outputs_saved
from aos_ota_plugin.pipeline.site import Site
from aos_ota_plugin.release.names import DEFAULT_NAMES
from aos_ota_plugin.workspace.chip import Chip

IMAGE, PACKED, MANIFEST = "ota_rtos_ota.bin", "ota_rtos_ota.bin.xz", "ota_rtos_ota.json"


class Step:
    """A folder of outputs, and a vendor's script that writes there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "ota_bin"
        self.folder.mkdir(parents=True)
        self.target = root / "demo@board.bin"
        self.target.write_bytes(b"firmware")
        self.script = root / "vendor step.py"

    def writes(self, text: str) -> None:
        self.script.write_text(
            f"import os, pathlib, sys\nfolder = pathlib.Path({str(self.folder)!r})\n{text}\n", encoding="utf-8"
        )

    def run(self, options: str = "", *, remove_unsigned: bool = False, script=None) -> None:
        with outputs_saved(str(self.folder), DEFAULT_NAMES, remove_unsigned=remove_unsigned):
            run_image_step(f"{script or self.script}{options}", target=str(self.target))

    def publish(self, image: bytes = b"signed image") -> None:
        """What a release of ours leaves: an image and the manifest that vouches for it."""
        (self.folder / IMAGE).write_bytes(image)
        (self.folder / MANIFEST).write_text(
            json.dumps({"images": [{"file": IMAGE, "sha256": hashlib.sha256(image).hexdigest()}]})
        )

    def files(self):
        return {path.name: path.read_bytes() for path in self.folder.iterdir()}


@pytest.fixture
def step(tmp_path):
    return Step(tmp_path / "芯片 厂商's $HOME")


def test_the_target_and_the_scripts_own_options_reach_it(step, capfd):
    step.writes("print(sys.argv[1:])")
    step.run(' --chip="haas 1000" plain --flag')
    assert ast.literal_eval(capfd.readouterr().out) == [
        f"--target={step.target}",
        "--chip=haas 1000",
        "plain",
        "--flag",
    ]


def test_the_step_sees_no_secret_of_ours(step, capfd, monkeypatch):
    monkeypatch.setenv("AOS_OTA_KEY_PASSPHRASE", "hush")
    monkeypatch.setenv("AOS_OTA_DEVICE_SECRET", "hush")
    step.writes("print(sorted(name for name in os.environ if name.startswith('AOS_OTA')), 'PATH' in os.environ)")
    step.run()
    assert capfd.readouterr().out == "[] True\n"


@pytest.mark.skipif(os.name != "posix", reason="permission bits")
def test_what_a_step_makes_of_a_secret_is_its_owners_alone(step):
    step.publish()
    (step.folder / IMAGE).chmod(0o640)
    (step.folder / "ota_rtos.bin").touch(0o666)
    step.writes(
        "old = folder / 'ota_rtos.bin'\n"
        "print(oct(old.stat().st_mode)[-3:], flush=True)\n"
        "old.write_bytes(b'secret'); (folder / 'whole').write_bytes(b'secret'); (folder / 'whole').chmod(0o644)\n"
        "sys.exit(oct(old.stat().st_mode)[-3:] != '600')"
    )
    site = Site(
        image=str(step.folder / IMAGE),
        manifest=str(step.folder / MANIFEST),
        payload=str(step.folder / "ota_rtos.bin"),
        binary=str(step.target),
        chip_folder=str(step.root),
        steps=(str(step.script),),
        chip=Chip("chip", file="chip.yaml"),
    )
    assert make_payloads(site, remove_unsigned=False, private=True).full == b"secret"
    modes = {path.name: path.stat().st_mode & 0o777 for path in step.folder.iterdir()}
    assert modes["ota_rtos.bin"] == modes["whole"] == modes[IMAGE] == 0o600
    assert step.target.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("sys.exit(3)", 3),
        ("raise ValueError('no license')", 1),
        ("sys.exit('text')", 1),
        ("def broken(:", 1),
        ("os.kill(os.getpid(), 9)", -signal.SIGKILL),
    ],
)
def test_failing_script(step, text, status):
    step.writes(text)
    with pytest.raises(BuildError, match=f"image step failed with status {status}: ") as caught:
        step.run()
    assert str(step.script) in str(caught.value)
    assert caught.value.remedy


def test_missing_script(step):
    with pytest.raises(BuildError, match="image step failed with status 2"):
        step.run()


def test_script_that_is_no_python(step):
    shell = step.root / "step.sh"
    shell.write_text('#!/bin/sh\nprintf \'%s\' "$1" > "$(dirname "$0")/seen"\nexit 4\n')
    shell.chmod(0o755)
    with pytest.raises(BuildError, match="status 4"):
        step.run(script=shell)
    assert (step.root / "seen").read_text() == f"--target={step.target}"


@pytest.mark.parametrize("mode", [0o644, None], ids=["not executable", "not there"])
def test_program_that_cannot_be_started(step, mode):
    program = step.root / "step"
    if mode:
        program.write_text("#!/bin/sh\n")
        program.chmod(mode)
    with pytest.raises(BuildError, match="cannot be started"):
        step.run(script=program)


OVERWRITES = "for name in ('ota_rtos_ota.bin', 'ota_rtos_ota.bin.xz'):\n    (folder / name).write_bytes(b'unsigned')"


def run_either_way(step, *, remove_unsigned):
    try:
        step.run(remove_unsigned=remove_unsigned)
    except BuildError:
        return False
    return True


@pytest.mark.parametrize(
    "ending", ["", "\nsys.exit(1)", "\nraise SystemExit(7)"], ids=["success", "failure", "another failure"]
)
@pytest.mark.parametrize("remove_unsigned", [True, False])
def test_signed_image_is_put_back(step, remove_unsigned, ending):
    step.publish()
    before = step.files()
    step.writes(OVERWRITES + ending)
    assert run_either_way(step, remove_unsigned=remove_unsigned) is (ending == "")
    after = step.files()
    assert {name: after[name] for name in before} == before
    assert (PACKED in after) is not remove_unsigned


def test_signed_image_that_nobody_touches_is_not_touched(step):
    step.publish()
    before = (step.folder / IMAGE).stat()
    step.writes("pass")
    step.run(remove_unsigned=True)
    after = (step.folder / IMAGE).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_put_back_with_its_own_time_stamp(step):
    step.publish()
    os.utime(step.folder / IMAGE, ns=(10**18 + 123456789,) * 2)
    step.writes(OVERWRITES)
    step.run(remove_unsigned=True)
    assert (step.folder / IMAGE).stat().st_mtime_ns == 10**18 + 123456789


@pytest.mark.parametrize("what", ["image", "manifest", "both"])
def test_what_the_script_deletes_is_put_back(step, what):
    step.publish()
    before = step.files()
    names = {"image": [IMAGE], "manifest": [MANIFEST], "both": [IMAGE, MANIFEST]}[what]
    step.writes(f"for name in {names!r}:\n    os.remove(folder / name)")
    step.run(remove_unsigned=True)
    assert step.files() == before


def test_diff_is_put_back_when_it_is_ours_and_left_when_it_is_not(step):
    name, data = "ota_rtos_ota.diff.bin", b"signed diff"
    (step.folder / name).write_bytes(data)
    (step.folder / MANIFEST).write_text(
        json.dumps({"images": [{"file": name, "sha256": hashlib.sha256(data).hexdigest()}]})
    )
    step.writes(f"os.remove(folder / {name!r})")
    step.run(remove_unsigned=True)
    assert step.files()[name] == data
    # No vendor's script writes that name: what stands there is someone's own.
    (step.folder / name).write_bytes(b"made by hand")
    step.writes("pass")
    step.run(remove_unsigned=True)
    assert step.files()[name] == b"made by hand"


def test_manifest_that_the_script_overwrites_is_put_back(step):
    step.publish()
    before = step.files()
    step.writes("(folder / 'ota_rtos_ota.json').write_text('{}')")
    step.run(remove_unsigned=True)
    assert step.files() == before


def test_next_build_removes_what_a_killed_one_left_unsigned(step):
    """Whatever comes of that build: the vendor's images are gone before it does anything."""
    step.publish()
    (step.folder / PACKED).write_bytes(b"unsigned")
    (step.folder / "ota_rtos.bin").write_bytes(b"payload")
    before = step.files()
    site = Site(image=str(step.folder / IMAGE), manifest="", payload="")
    recover(site, unfinished=False)
    assert step.files() == before
    recover(site, unfinished=True)
    assert step.files() == {name: data for name, data in before.items() if name != PACKED}
    (step.folder / IMAGE).write_bytes(b"unsigned")
    recover(site, unfinished=True)
    assert set(step.files()) == {MANIFEST, "ota_rtos.bin"}
    (step.folder / MANIFEST).unlink()
    (step.folder / IMAGE).write_bytes(b"unsigned, and no release before it")
    recover(site, unfinished=True)
    assert set(step.files()) == {"ota_rtos.bin"}


MANIFESTS = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'{"images": 1}',
    b'{"images": [1]}',
    b'{"images": [{}]}',
    b'{"images": []}',
    b"\xff\xfe",
    b'{"images": [{"file": "ota_rtos_ota.bin", "sha256": null}]}',
    b'{"images": {"file": 1}}',
    b'{"images": [{"file": ["x"], "sha256": "x"}]}',
    b"[" * 100_000,
]


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda data: repr(data[:40]))
def test_image_that_no_manifest_vouches_for_is_swept(step, manifest):
    (step.folder / IMAGE).write_bytes(b"whose?")
    (step.folder / MANIFEST).write_bytes(manifest)
    step.writes("(folder / 'ran').touch()")
    step.run(remove_unsigned=True)
    assert IMAGE not in step.files()
    assert "ran" in step.files()


def test_image_of_another_digest_is_swept_or_left(step):
    for remove_unsigned in (True, False):
        step.publish()
        (step.folder / IMAGE).write_bytes(b"foreign")
        step.writes("pass")
        step.run(remove_unsigned=remove_unsigned)
        assert (step.folder / IMAGE).exists() is not remove_unsigned


def test_images_under_each_others_names_are_swept(step):
    images = {IMAGE: b"full", PACKED: b"packed"}
    (step.folder / MANIFEST).write_text(
        json.dumps(
            {"images": [{"file": name, "sha256": hashlib.sha256(data).hexdigest()} for name, data in images.items()]}
        )
    )
    (step.folder / IMAGE).write_bytes(b"packed")
    (step.folder / PACKED).write_bytes(b"full")
    step.writes("pass")
    step.run(remove_unsigned=True)
    assert set(step.files()) == {MANIFEST}


def test_other_files_of_the_folder_are_the_scripts_own(step):
    step.publish()
    step.writes("(folder / 'ota_littlefs.bin').write_bytes(b'new')\n(folder / 'ota_rtos.bin').write_bytes(b'new')")
    (step.folder / "ota_littlefs.bin").write_bytes(b"old")
    step.run(remove_unsigned=True)
    assert step.files()["ota_littlefs.bin"] == b"new"
    assert step.files()["ota_rtos.bin"] == b"new"


def test_outputs_folder_that_is_not_there_yet(step):
    step.folder.rmdir()
    step.writes("folder.mkdir()\n(folder / 'ota_rtos_ota.bin').write_bytes(b'unsigned')")
    step.run(remove_unsigned=True)
    assert step.files() == {}
