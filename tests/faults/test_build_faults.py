"""What a build writes beside the compiler: the rendered source, the images, the modules, the manifest, the state.

Each call that changes the disk goes wrong in turn, as in test_commands_faults.py; the next build then begins as every build
does, and puts everything right. And a command is killed from outside, at random moments.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fault_layer import FAULTS, KILL, attempt
from fault_scene import contents, is_temporary, spread, visible

from aos_ota_plugin.errors import OtaError
from aos_ota_plugin.files import transaction
from aos_ota_plugin.pipeline import build as release_build
from aos_ota_plugin.pipeline import rendering
from aos_ota_plugin.pipeline.keyset import BuildKeys
from aos_ota_plugin.pipeline.site import Site
from aos_ota_plugin.settings.resolve import resolve
from aos_ota_plugin.settings.secretfile import Secrets
from aos_ota_plugin.settings.sources import read_def_config
from aos_ota_plugin.sources.template_files import load_templates

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")

STATE = "out/ota/b/state.json"
KEYS = Path(__file__).resolve().parents[1] / "keys" / "data"
SETTINGS = """def_config:
  OTA_APP_VERSION: {version}
  OTA_SIGNING_KEY: key.pem
  OTA_PARTITION_SIZE: 0x578000
  OTA_COMPRESS_XZ: y
  OTA_MODULES: ota.modules.yaml
"""
MODULES = """modules:
  - {{name: js, version: js-{number}, file: app.js, store_path: /data/app.js}}
{more}"""
RADIO = "  - {name: radio, version: radio-1.0.0, file: radio.bin, magic: mcu}\n"
TEMPLATES = load_templates()


def build(folder: Path):
    """What `aos make` has us do in ``folder``: read the settings, render, make the release."""

    def work():
        try:
            settings = resolve(
                [read_def_config((folder / "package.yaml").read_text("utf-8"), "package.yaml")],
                solution_dir=str(folder),
                secrets=Secrets(),
            )
            out = folder / "out" / "ota"
            site = Site(
                image=str(folder / "release" / "ota_rtos_ota.bin"),
                manifest=str(folder / "release" / "ota_rtos_ota.json"),
                payload=str(folder / "ota_rtos.bin"),
                state=str(out / "b" / "state.json"),
                copy=str(out / "b"),
                solution="s",
            )
            release_build.recover(site, unfinished=True)
            keys = BuildKeys(settings)
            where = {"user_file": None, "display": None, "templates": TEMPLATES}
            transaction.write_file(out / "otaappdemo.c", rendering.render_app_source(settings, **where))
            transaction.write_file(out / "ota_hal_digest.c", rendering.render_digest_source(keys.trusted, **where))
            release_build.build_release(site, settings, keys)
        except OtaError as error:
            sys.stderr.write(f"aos_ota_plugin: error: {error}\n")
            return 1
        return 0

    return work


def write_inputs(folder: Path, version: str, number: int, more: str) -> None:
    (folder / "package.yaml").write_text(SETTINGS.format(version=version), encoding="utf-8")
    (folder / "ota.modules.yaml").write_text(MODULES.format(number=number, more=more), encoding="utf-8")
    (folder / "app.js").write_bytes(b"print(%d)" % number)
    (folder / "ota_rtos.bin").write_bytes(random.Random(number).randbytes(6000))


@pytest.fixture
def start(tmp_path):
    """A solution with a built release app-1.0.0 of two modules, whose sources are now those of app-1.0.1, with one."""
    folder = tmp_path / "工作 w"
    folder.mkdir()
    shutil.copy(KEYS / "private.pem", folder / "key.pem")
    (folder / "key.pem").chmod(0o600)
    (folder / "radio.bin").write_bytes(random.Random(9).randbytes(2000))
    write_inputs(folder, "app-1.0.0", 1, RADIO)
    report = tmp_path / "report"
    report.mkdir()
    assert build(folder)() == 0  # here, so that no child has to load the modules again
    assert (folder / "release" / "ota_module_radio.bin").exists()
    write_inputs(folder, "app-1.0.1", 2, "")
    return folder, report


def outputs(files):
    return {name: data for name, data in files.items() if name.startswith("release/")}


@pytest.mark.parametrize(
    ("fault", "calls"),
    [
        pytest.param(KILL, 14, id="kill at some calls"),
        *(pytest.param(fault, 1000, id=fault, marks=pytest.mark.faults) for fault in FAULTS),
    ],
)
def test_any_call_of_a_build_goes_wrong(tmp_path, start, fault, calls):
    work, report = start
    kept = tmp_path / "kept"
    shutil.copytree(work, kept)
    old = contents(work)

    def fresh():
        shutil.rmtree(work)
        shutil.copytree(kept, work)  # where it was: the state has absolute paths

    reference = attempt(build(work), work, report=report)
    assert reference.status == 0, reference.output
    new = contents(work)
    assert "release/ota_module_radio.bin" not in new
    problems = []
    for nth in spread(len(reference.calls), calls):
        where = f"{fault} at call {nth} ({reference.calls[nth - 1]})"
        fresh()
        done = attempt(build(work), work, nth=nth, fault=fault, report=report)
        left = visible(contents(work))
        if "Traceback" in done.output:
            problems.append(f"{where}: {done.output[-800:]}")
        if fault == KILL and done.status != -9:
            problems.append(f"{where}: status {done.status}")
        if fault != KILL and done.status == 1 and (outputs(left) != outputs(old) or "\n  fix: " not in done.output):
            problems.append(f"{where}: not the old set, or no remedy: {done.output[-300:]}")
        if fault != KILL and done.status == 0 and outputs(left) != outputs(new):
            problems.append(f"{where}: ends well without its outputs")
        state = json.loads(left.pop(STATE))  # says what may be there, too
        problems += [
            f"{where}: no digest of {name}"
            for path, digests in state["outputs"].items()
            for name in [f"release/{Path(path).name}"]
            if name in left and hashlib.sha256(left[name]).hexdigest() not in digests
        ]
        problems += [
            f"{where}: {name} is neither old nor new"
            for name, data in left.items()
            if data not in (old.get(name), new.get(name))
        ]
        if fault == KILL:
            # A build that begins, and gets no further: one of the sets is whole.
            shutil.copytree(work, tmp_path / "begun")
            release_build.recover(
                Site(image=str(tmp_path / "begun" / "release" / "ota_rtos_ota.bin"), manifest="", payload=""),
                unfinished=True,
            )
            if outputs(contents(tmp_path / "begun")) not in (outputs(old), outputs(new)):
                problems.append(f"{where}: neither set is whole once the next build begins")
            shutil.rmtree(tmp_path / "begun")
        if fault != KILL and contents(work) == old:
            continue  # the next build is one like any other
        mended = attempt(build(work), work, report=report)
        if mended.status or contents(work) != new:
            odd = {name for name in {*contents(work), *new} if contents(work).get(name) != new.get(name)}
            problems.append(f"{where}: the next build leaves {sorted(odd)} {mended.output[-300:]}")
    assert not problems, "\n".join(problems)


def test_killed_from_outside_at_any_moment(tmp_path):
    """A real process, a real kill -9; the next run makes the whole new set."""
    random_payload = random.Random(3).randbytes(60_000)
    (tmp_path / "p.bin").write_bytes(random_payload)
    shutil.copy(KEYS / "private.pem", tmp_path / "key.pem")
    (tmp_path / "key.pem").chmod(0o600)

    def sign(version):
        return [
            sys.executable,
            "-m",
            "aos_ota_plugin",
            "sign",
            "p.bin",
            "--key",
            "key.pem",
            "--also",
            "xz",
            "--version",
            version,
            "-o",
            "out/i.bin",
        ]

    def seconds_of(command):
        begin = time.monotonic()
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
        return time.monotonic() - begin

    def made():
        return visible(contents(tmp_path / "out"))

    subprocess.run(sign("app-1.0.0"), cwd=tmp_path, check=True, capture_output=True)
    old = made()
    (tmp_path / "p.bin").write_bytes(random_payload[::-1])
    takes = seconds_of(sign("app-1.0.1"))
    new = made()
    killed = 0
    for number in range(8):
        shutil.rmtree(tmp_path / "out")
        (tmp_path / "out").mkdir()
        for name, data in old.items():
            (tmp_path / "out" / name).write_bytes(data)
        process = subprocess.Popen(sign("app-1.0.1"), cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(takes * random.Random(number).random())
        process.send_signal(signal.SIGKILL)
        said = process.communicate()[1]
        killed += process.returncode == -9
        assert b"Traceback" not in said
        assert all(data in (old.get(name), new.get(name)) for name, data in made().items())
        takes = seconds_of(sign("app-1.0.1"))  # as fast as this machine is just now
        assert made() == new
        assert not [name for name in contents(tmp_path / "out") if is_temporary(name)]
    assert killed
