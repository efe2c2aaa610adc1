"""Modules that an application updates by itself, with the functions of the vendor's component: the demo's, run on this machine."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from waiting import HANGS

from aos_ota_plugin.workspace.component_files import package_folder

pytestmark = pytest.mark.native


def test_custom_modules(tmp_path):
    components = package_folder() / "demo" / "workspace" / "components"
    module = components / "ota" / "ota_agent" / "module"
    program = tmp_path / "modules"
    compiled = subprocess.run(
        ["gcc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-o", str(program)]
        + [f"-I{components / name / 'include'}" for name in ("ota", "filestore", "ulog")]
        + [f"-I{module}", str(Path(__file__).parent / "custom_module_main.c")]
        + [str(module / name) for name in ("ota_module.c", "ota_module_custom.c")],
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )
    assert compiled.returncode == 0, compiled.stderr
    done = subprocess.run([str(program)], capture_output=True, text=True, timeout=HANGS, check=False)
    assert (done.returncode, done.stdout) == (0, "all good\n"), done.stderr
