"""What the wrapper of the image step does by hand, to start fast: telling files of ours, JSON, starting a program."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from aos_ota_plugin.release.manifest import Artifact, Manifest
from aos_ota_plugin.scons import postimage

IMAGE, XZ, MANIFEST = "ota_rtos_ota.bin", "ota_rtos_ota.bin.xz", "ota_rtos_ota.json"
OURS, FOREIGN = b"signed by us", b"the vendor's, unsigned"


class Step:
    """A folder of outputs, and a vendor's script that runs in it."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "ota \"bin\" 输出"
        self.folder.mkdir()
        self.record = root / "out" / "step.json"
        self.target = root / "a b.bin"
        self.target.write_bytes(b"linked")
        self.script = root / "build bin.py"

    def __call__(self, body: str = "", *more: str, script: str = "") -> int:
        self.script.write_text(f"import os, sys\nos.chdir({str(self.folder)!r})\n{body}\n", encoding="utf-8")
        self.done = subprocess.run(
            [sys.executable, postimage.__file__, f"--target={self.target}", f"--run={script or self.script}",
             f"--record={self.record}", f"--folder={self.folder}", *more],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=60)
        return self.done.returncode

    def ours(self, **images: bytes) -> None:
        """Put images of ours there, and the manifest that the product writes for them."""
        names = {"image": IMAGE, "xz": XZ}
        for key, data in images.items():
            (self.folder / names[key]).write_bytes(data)

        def artifact(name: str, kind: str, data: bytes) -> Artifact:
            return Artifact(name, kind, len(data), hashlib.md5(data).hexdigest(), hashlib.sha256(data).hexdigest())
        manifest = Manifest(
            version="app-1.0.0", security="local", identity="kv", key_fingerprint="0" * 64, proofs=(),
            payload=artifact("ota_rtos.bin", "payload", FOREIGN),
            images=tuple(artifact(names[key], "full", data) for key, data in images.items()))
        (self.folder / MANIFEST).write_bytes(manifest.to_json())

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.folder.iterdir()}


@pytest.fixture
def step(tmp_path):
    return Step(tmp_path)


OVERWRITE = f"open({IMAGE!r}, 'wb').write({FOREIGN!r})\n"


def test_a_manifest_of_someone_else_is_theirs(step):
    (step.folder / MANIFEST).write_text("{}")
    step(f"open({MANIFEST!r}, 'w').write('new')")
    assert step.files() == {MANIFEST: b"new"}


def test_the_scripts_own_options_reach_it_with_the_target(step):
    step("print(sys.argv[1:])", "--chip=haas1000", "plain", "--target-x=1")
    assert ast.literal_eval(step.done.stdout) == ["--chip=haas1000", "plain", "--target-x=1", f"--target={step.target}"]


@pytest.mark.skipif(os.name != "posix", reason="SIGPIPE")
def test_the_step_has_the_usual_signals(step):
    # A Python would ignore SIGPIPE by itself, so a shell is asked.
    tool = step.script.with_name("tool.sh")
    tool.write_text("#!/bin/sh\nkill -PIPE $$\nexit 0\n")
    tool.chmod(0o755)
    assert step(script=str(tool)) != 0
    assert json.loads(step.record.read_text("utf-8"))["status"] == -13


def test_ours_is_given_back_with_time_and_mode(step):
    step.ours(image=OURS, xz=OURS)
    path = step.folder / IMAGE
    path.chmod(0o640)
    os.utime(path, ns=(1_600_000_000_123_456_789, 1_600_000_000_987_654_321))
    before = step.files()
    assert step(OVERWRITE + f"os.remove({XZ!r})\nopen({MANIFEST!r}, 'w').write('{{}}')", "--sweep") == 0
    assert step.files() == before
    assert path.stat().st_mtime_ns == 1_600_000_000_987_654_321
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def unsigned_payload_under_our_name(step):
    step.ours(image=OURS)
    (step.folder / IMAGE).write_bytes(FOREIGN)  # its digest stands in the manifest, as the payload's


def images_swapped(step):
    step.ours(image=OURS, xz=b"other")
    (step.folder / IMAGE).write_bytes(b"other")
    (step.folder / XZ).write_bytes(OURS)


def manifest_of_another_form(step):
    step.ours(image=OURS)
    path = step.folder / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")), separators=(",", ":")), encoding="utf-8")


@pytest.mark.parametrize("broken", [unsigned_payload_under_our_name, images_swapped, manifest_of_another_form])
def test_what_the_manifest_does_not_name_is_swept(step, broken):
    broken(step)
    assert step("", "--sweep") == 0
    assert not {IMAGE, XZ} & set(step.files())


@pytest.mark.parametrize("text", ["plain", 'q"b\\s', "\n\t\x00\x7f", "输出 😀", "\udcff", "/a b"])
def test_quoted_is_json(text):
    quoted = postimage._quoted(text)
    assert quoted.isascii()
    assert json.loads(quoted) == text


def test_it_imports_next_to_nothing():
    """It runs on every build, twice a Python's start otherwise."""
    script = f"import sys; before = set(sys.modules); sys.path.insert(0, {str(Path(postimage.__file__).parent)!r})\n" \
             "import postimage; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)
    slow = {"json", "re", "enum", "typing", "subprocess", "shutil", "contextlib", "dataclasses", "tempfile", "pathlib"}
    assert not slow & set(done.stdout.split())
