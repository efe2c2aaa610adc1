"""Whole workspaces, read by aos-tools' own classes and by us: the same components, settings, board, chip and fields."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from generated import workspaces
from hypothesis import HealthCheck, Phase, given, settings

from aos_ota_plugin.errors import OtaError, SettingsError
from aos_ota_plugin.workspace.merge import variables_of
from aos_ota_plugin.workspace.solution import load_solution

READER = Path(__file__).with_name("aos_reader.py")


@pytest.fixture(scope="module")
def aos_reads(aos):
    """``read(folder, board, arguments)``: what aos-tools makes of a solution, in one process for all examples."""
    with subprocess.Popen([aos.with_name("python"), READER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, encoding="utf-8") as process:
        def read(folder, board="", arguments=()):
            process.stdin.write(json.dumps({"folder": str(folder), "board": board, "arguments": list(arguments)}) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())
        yield read
        process.stdin.close()


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
    return root / "solutions" / "s"


def ours(view, arguments):
    typed = [(name, int(value) if value.isdecimal() else value) for name, value in arguments]
    defines = {**variables_of(view.components, []), **dict(typed)}
    return {
        "components": [package.name for package in view.components],
        "types": {package.name: package.type for package in view.components},
        "depends": {name: sorted(set(names)) for name, names in view.depends.items()},
        "defines": {name: repr(value) for name, value in defines.items()},
        "board": view.board.name if view.board else None,
        "chip": view.chip.name if view.chip else None,
        "hardware": {name: view.hardware.get(name, "") for name in ("toolchain_prefix", "toolchain_path", "cpu_name")},
    }


# Not shrunk: that takes minutes, and an example is small enough to be read.
@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(workspaces())
def test_as_aos_tools_reads_it(aos_reads, tmp_path_factory, workspace):
    files, board, arguments = workspace
    root = tmp_path_factory.mktemp("工 作")
    try:
        compare(aos_reads, write(root, files), board, arguments)
    finally:
        shutil.rmtree(root)


def compare(aos_reads, folder, board, arguments):
    theirs = aos_reads(folder, board, arguments)
    if "hangs" in theirs or "not rewritten" in theirs:
        return
    try:
        view = load_solution(str(folder), None, arguments)  # for a board, aos-tools has rewritten its package.yaml
    except SettingsError as error:
        assert re.search(r"it (stands|does not count, because \S+ stands) twice", error.problem)
        return
    except OtaError as error:
        assert "fails" in theirs, f"refused here only: {error}"
        assert error.place is not None
        assert error.remedy
        return
    assert "fails" not in theirs, theirs
    mine = ours(view, arguments)
    if any("other: n" in path.read_text(encoding="utf-8") for path in folder.parents[1].rglob("package.yaml")):
        del mine["depends"]  # of an entry with two keys aos-tools follows the first, and lists the second
    assert mine == {name: theirs[name] for name in mine}
