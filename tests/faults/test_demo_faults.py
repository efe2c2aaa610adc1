"""`aos-ota demo` and `simulate`: their folder is made ready with calls that are killed here; the rest is `aos make`, killed for real.

What a build writes is looked at call by call in test_build_faults.py. `simulate` makes its folder ready by the same functions,
keeps what it built only with a mark that is set last, and runs its devices in folders that it throws away. `story`, `fleet`
and `device` do as these and `cloud` do; what `device` adds is its flash.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
from fault_layer import FAULTS, KILL, attempt
from fault_scene import contents, is_temporary

from aos_ota_plugin.errors import OtaError
from aos_ota_plugin.lab.demo import workspace_copy
from aos_ota_plugin.lab.demo.releases import KEY, SOLUTION
from aos_ota_plugin.lab.simulate import network

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")


@pytest.mark.parametrize(
    "calls",
    [
        pytest.param(range(1, 9), id="the first"),
        pytest.param(range(9, 1000), id="the others", marks=pytest.mark.faults),
    ],
)
def test_making_the_folder_ready_is_killed(tmp_path, monkeypatch, calls):
    """With three files of the workspace, which are as good as all."""
    root, report, package = tmp_path / "演示 demo", tmp_path / "report", tmp_path / "package"
    report.mkdir()
    for name in (".aos", "solutions/ota_demo/package.yaml", "solutions/ota_demo/maintask.c"):
        (package / "demo" / "workspace" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(
            workspace_copy.package_folder() / "demo" / "workspace" / name, package / "demo" / "workspace" / name
        )
    monkeypatch.setattr(workspace_copy, "package_folder", lambda: package)
    monkeypatch.setattr(workspace_copy, "component_files", lambda: {"SConscript": b"#"})

    def work() -> int:
        try:
            workspace_copy.prepare(root)
            workspace_copy.make_key(root / SOLUTION / KEY)
        except OtaError as error:
            sys.stderr.write(f"aos-ota: error: {error}\n")
            return 1
        return 0

    assert work() == 0  # here, so that no child has to load the modules again
    new = contents(root)
    shutil.rmtree(root)
    done = attempt(work, tmp_path, report=report)
    assert done.status == 0, done.output
    assert 30 < len(done.calls) < 1000
    for nth in calls[: len(done.calls) + 1 - calls.start]:
        shutil.rmtree(root, ignore_errors=True)
        where = f"killed at call {nth} ({done.calls[nth - 1]})"
        assert attempt(work, tmp_path, nth=nth, fault=KILL, report=report).status == -9
        again = attempt(work, tmp_path, report=report)
        assert again.status == 0, f"{where}: {again.output}"
        left = contents(root)
        assert not [name for name in left if is_temporary(name)], where
        assert left.keys() == new.keys(), where
        assert {name for name in left if left[name] != new[name]} <= {(SOLUTION / KEY).as_posix()}, where


@pytest.mark.parametrize(
    "fault", [pytest.param(fault, marks=[] if fault in (KILL, "ENOSPC") else [pytest.mark.faults]) for fault in FAULTS]
)
def test_a_flash_is_whole_or_not_there(tmp_path, fault):
    """`aos-ota device --keep` goes on with whatever stands there."""
    flash_list = (
        workspace_copy.package_folder()
        / "demo"
        / "workspace"
        / "hardware"
        / "chip"
        / "mps2_an505"
        / "release"
        / "write_flash_gui"
        / "mps2_dld_cfg.yaml"
    ).read_text(encoding="utf-8")
    built = network.NetworkBuilt(b"boot", {}, b"", b"", flash_list)
    device, report = tmp_path / "device", tmp_path / "report"
    report.mkdir()

    def work() -> int:
        try:
            network.prepare(device, built, b"firmware", network.Identity("p", "d", "s"), "mqtt://10.0.2.2:1883")
        except OtaError as error:
            sys.stderr.write(f"aos-ota: error: {error}\n")
            return 1
        return 0

    assert work() == 0
    new = contents(device)
    shutil.rmtree(device)
    calls = attempt(work, tmp_path, report=report).calls
    first = calls.index("open") + 1  # before it, the folder is made
    for nth in range(first, len(calls) + 1):
        shutil.rmtree(device)
        done = attempt(work, tmp_path, nth=nth, fault=fault, report=report)
        assert "Traceback" not in done.output
        assert {name: data for name, data in contents(device).items() if not is_temporary(name)} in ({}, new), calls[
            nth - 1
        ]
        assert attempt(work, tmp_path, report=report).status == 0
        assert contents(device) == new


@pytest.mark.aos
@pytest.mark.faults
def test_a_demo_that_is_killed_is_resumed(aos, tmp_path):
    """The whole of it, compilers and all, killed at any moment; the next one shows what one that nobody killed shows."""

    def demo(folder):
        return [sys.executable, "-m", "aos_ota_plugin", "demo", str(folder), "--json"]

    clean, killed = tmp_path / "a", tmp_path / "b"
    begin = time.monotonic()
    shown = subprocess.run(demo(clean), cwd=tmp_path, check=True, capture_output=True).stdout
    takes = time.monotonic() - begin
    workspace_copy.prepare(killed)
    (killed / SOLUTION / KEY).parent.mkdir()
    shutil.copy(clean / SOLUTION / KEY, killed / SOLUTION / KEY)
    kills = 0
    for number in range(4):
        process = subprocess.Popen(
            demo(killed), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(takes * random.Random(number).uniform(0.05, 0.95))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        output = process.communicate()[0]
        assert b"Traceback" not in output
        kills += process.returncode == -9
    assert kills >= 2
    done = subprocess.run(demo(killed), cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads(shown)
    assert not [name for name in contents(killed) if is_temporary(name)]
