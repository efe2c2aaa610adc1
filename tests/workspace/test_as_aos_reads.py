"""Whole workspaces, read by aos-tools' own classes and by us: the same components, settings, board, chip and fields."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from generated import workspaces
from hypothesis import HealthCheck, Phase, given, settings

from aos_ota_plugin.errors import OtaError, SettingsError
from aos_ota_plugin.scons.variables import _member
from aos_ota_plugin.settings.fields import SYMBOLS
from aos_ota_plugin.settings.sources import read_command_line
from aos_ota_plugin.workspace.disk import load_package
from aos_ota_plugin.workspace.find import find_components
from aos_ota_plugin.workspace.layers import read_members
from aos_ota_plugin.workspace.merge import variables_of
from aos_ota_plugin.workspace.solution import load_solution
from aos_ota_plugin.workspace.used_components import inputs_of

pytestmark = pytest.mark.aos

READER = Path(__file__).with_name("aos_reader.py")


@pytest.fixture(scope="module")
def aos_reads(aos):
    """``read(folder, board, arguments)``: what aos-tools makes of a solution, in one process for all examples."""
    with subprocess.Popen(
        [aos.with_name("python"), READER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
    ) as process:

        def read(folder, board="", arguments=()):
            process.stdin.write(
                json.dumps({"folder": str(folder), "board": board, "arguments": list(arguments)}) + "\n"
            )
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
        "sources": {name: list(used.entries) for name, used in inputs_of(view).components.items()},
        "defines": {name: repr(value) for name, value in defines.items()},
        "board": view.board.name if view.board else None,
        "chip": view.chip.name if view.chip else None,
        "hardware": {name: view.hardware.get(name, "") for name in ("toolchain_prefix", "toolchain_path", "cpu_name")},
    }


# Not shrunk: that takes minutes, and an example is small enough to be read.
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(workspaces())
def test_as_aos_tools_reads_it(aos_reads, tmp_path_factory, workspace):
    files, board, arguments = workspace
    root = tmp_path_factory.mktemp("工 作")
    try:
        compare(aos_reads, write(root, files), board, arguments)
    finally:
        shutil.rmtree(root)


def test_board_that_only_another_component_depends_on(aos_reads, tmp_path):
    """Found by a run of the test above."""
    hardware = "hw_info:\n  cpu_name: cortex-m4\n  arch_name: arm\n  ld_script: a.ld\n"
    files = {
        ".aos": "",
        "solutions/s/package.yaml": "name: s\nversion: v1\ndescription: x\ntype: solution\nsolution:\n  board_name: b1\n"
        "depends:\n- ca: v1\n",
        "components/ca/package.yaml": "name: ca\nversion: v1\ndescription: x\ntype: common\ndepends:\n- b1: v1\n",
        "hardware/board/b1/package.yaml": "name: b1\nversion: v1\ndescription: x\ntype: board\ndepends: [{k1: v1}]\n"
        "hw_info:\n  chip_name: k1\n",
        "hardware/chip/k1/package.yaml": f"name: k1\nversion: v1\ndescription: x\ntype: chip\n{hardware}",
    }
    folder = write(tmp_path, files)
    assert "fails" in aos_reads(folder, "", [])
    with pytest.raises(OtaError, match="does not depend on its board b1"):
        load_solution(str(folder), None, [])


def test_sources_with_conditions(aos_reads, tmp_path):
    hardware = "hw_info:\n  cpu_name: cortex-m4\n  arch_name: arm\n  ld_script: a.ld\n"
    head = "name: {0}\nversion: v1\ndescription: x\ntype: {0}\n"
    files = {
        ".aos": "",
        "solutions/s/package.yaml": "name: s\nversion: v1\ndescription: x\ntype: solution\nsolution:\n  board_name: board\n"
        "depends:\n- board: v1\n- ca: v1\ndef_config:\n  WANTED: 1\n  NOT: n\n  PART: a\n",
        "components/ca/package.yaml": "name: ca\nversion: v1\ndescription: x\ntype: common\n"
        "source_file:\n- a.c\n- a.c ? <WANTED>\n- b.c ? <NOT>\n- c.c ? <WANTED, !NOT>\n- ./*.c ? <!WANTED>\n- '*.c ? <!NONE>'\n"
        "- <PART>.c\n- <PART>.c ? <WANTED>\n",
        **{f"components/ca/{name}.c": "" for name in "abc"},
        "hardware/board/board/package.yaml": head.format("board")
        + "depends: [{chip: v1}]\nhw_info:\n  chip_name: chip\n",
        "hardware/chip/chip/package.yaml": head.format("chip") + hardware,
    }
    folder = write(tmp_path, files)
    compare(aos_reads, folder, "", [])
    used = inputs_of(load_solution(str(folder), None, [])).components["ca"]
    assert list(used.sources()) == ["a.c", "a.c", "c.c", "a.c", "b.c", "c.c", "a.c", "a.c"]
    assert used.find_source("b.c") == "b.c"


def as_in_a_build(view, theirs, arguments):
    """What the build's hook reads of aos-tools' components is what the commands read."""
    packages = {package.name: package for package in view.components}
    paths = {Path(path).name: path for path in find_components(view.root).values()}
    members = [
        _member(
            SimpleNamespace(
                name=name,
                type=packages[name].type,
                path=packages[name].path,
                defconfig={raw.name: raw.value for raw in packages[name].def_config},
            ),
            True,
            SYMBOLS,
        )
        for name in theirs["components"]
    ]
    for name, path in paths.items():
        if name in theirs["waiting"] and name not in packages:
            package = load_package(Path(path))
            members.append(
                _member(
                    SimpleNamespace(
                        name=name,
                        type=package.type,
                        path=path,
                        defconfig={raw.name: raw.value for raw in package.def_config},
                    ),
                    False,
                    SYMBOLS,
                )
            )
    built = read_members(members, view.solution.name, read_command_line(arguments), SYMBOLS)
    assert [
        [raw for raw in layer if raw.name in SYMBOLS]
        for layer in built.layers
        if any(raw.name in SYMBOLS for raw in layer)
    ] == [
        [raw for raw in layer if raw.name in SYMBOLS]
        for layer in view.layers
        if any(raw.name in SYMBOLS for raw in layer)
    ]
    assert built.notices == view.notices
    assert {name for name in built.foreign if name.startswith("OTA_")} == {
        name for name in view.foreign_names if name.startswith("OTA_")
    }


def compare(aos_reads, folder, board, arguments):
    theirs = aos_reads(folder, board, arguments)
    if "hangs" in theirs or "not rewritten" in theirs:
        return
    try:
        view = load_solution(str(folder), None, arguments)  # for a board, aos-tools has rewritten its package.yaml
    except SettingsError as error:
        assert re.search(r"it (is set|is merged|does not count, because \S+ is set) twice", error.problem)
        return
    except OtaError as error:
        assert "fails" in theirs, f"refused here only: {error}"
        assert error.place is not None
        assert error.remedy
        return
    assert "fails" not in theirs, theirs
    as_in_a_build(view, theirs, arguments)
    mine = ours(view, arguments)
    if any("other: n" in path.read_text(encoding="utf-8") for path in folder.parents[1].rglob("package.yaml")):
        del mine["depends"]  # of an entry with two keys aos-tools follows the first, and lists the second
    assert mine == {name: theirs[name] for name in mine}
