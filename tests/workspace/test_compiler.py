"""The compiler that a build takes, against aos-tools' own search."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from aos_ota_plugin.workspace.compiler import find_aos_compiler, find_compiler

pytestmark = pytest.mark.programs

SCRIPT = """
import json, sys
from contextlib import redirect_stdout
with redirect_stdout(sys.stderr):
    from aostools.toolchain import ToolchainYoC
    tools = ToolchainYoC()
    found = [
        [tools.check_program(prefix) or None, tools.check_toolchain_by_path(prefix, folder) or None]
        for prefix, folder in json.loads(sys.argv[1])
    ]
print(json.dumps(found))
"""
PREFIXES = ("arm-none-eabi", "csky-abiv2-elf", "arm-ali-aoseabi", "riscv32-esp-elf")


def test_it_is_the_one_that_aos_tools_takes(tmp_path, monkeypatch):
    tools, on_path = tmp_path / "家 1" / ".aliot", tmp_path / "bin"

    def compiler(folder, prefix):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{prefix}-gcc").write_text("#!/bin/sh\n")
        (folder / f"{prefix}-gcc").chmod(0o755)

    places = (("main", "bin"), ("{}", "bin"), ("{}", "main", "bin"), ())
    for prefix, place in zip(PREFIXES, places):
        compiler(on_path, prefix)
        if place:
            compiler(tools.joinpath(prefix, *(part.format(prefix) for part in place)), prefix)
    monkeypatch.setenv("HOME", str(tools.parent))
    monkeypatch.setenv("PATH", str(on_path) + os.pathsep + os.environ["PATH"])
    tasks = [[prefix, str(tools / prefix)] for prefix in PREFIXES]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, json.dumps(tasks)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )
    ours = [[find_aos_compiler(folder, prefix), find_compiler(folder, prefix)] for prefix, folder in tasks]
    assert ours == json.loads(done.stdout)
    assert [[bool(path) for path in pair] for pair in ours] == [[True, True]] * 3 + [[False, False]]
