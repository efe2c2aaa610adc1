"""A board with keys that stand twice, as the vendor ships one: it matters to who builds for it, and as a warning."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import aos_ota_plugin

DEMO = Path(aos_ota_plugin.__file__).parent / "demo" / "workspace"
BOARD = """\
name: haas200
version: v1
description: a board whose author lost the overview
type: board
depends:
  - haas1000: master
board:
  chip_name: haas1000
def_config:
  STDIO_UART: 0
  STACK_SIZE: 8192
  NET : 1
  STDIO_UART: 0

  STACK_SIZE: 4096
"""


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "工作 区"
    shutil.copytree(DEMO, root)
    component = root / "components" / "aos_ota_plugin"
    component.mkdir()
    (component / "package.yaml").write_text("name: aos_ota_plugin\ndescription: d\ntype: common\n")
    board = root / "hardware" / "board" / "haas200"
    board.mkdir()
    (board / "package.yaml").write_text(BOARD)
    return root / "solutions" / "ota_demo"


def replace(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


WARNING = (
    "haas200/package.yaml:13:3: a key is set twice, and the last value counts: 'STDIO_UART' in lines 10 and 13, "
    "'STACK_SIZE' in lines 11 and 15"
)
COMMANDS = [("config",), ("config", "--json"), ("sbom",), ("doctor",), ("doctor", "--json")]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("listed", ["depends", "supported_boards"])
def test_a_board_that_is_not_built_does_not_matter(folder, run, listed, command):
    replace(folder / "package.yaml", f"{listed}:\n", f"{listed}:\n  - haas200: master\n")
    done = run(*command)
    assert "twice" not in done.stdout + done.stderr
    assert "haas200" not in done.stderr
    if command[0] != "doctor":  # there is no key
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("command", COMMANDS[:3], ids=" ".join)
def test_for_that_board_there_is_one_warning_beside_the_output(folder, run, command):
    done = run(*command, "-b", "haas200")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("aos-ota: warning: ")
    assert WARNING in done.stderr
    assert "twice" not in done.stdout
    if command != ("config",):
        json.loads(done.stdout)


def test_doctor_notes_it(folder, run):
    done = run("doctor", "-b", "haas200", "--json")
    notes = [check for check in json.loads(done.stdout)["checks"] if "twice" in check["seen"]]
    assert [(check["name"], check["ok"]) for check in notes] == [("workspace", None)]
    assert WARNING in notes[0]["seen"]
    assert "twice" not in done.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_setting_of_ours_twice_is_an_error_with_both_lines(folder, run, command):
    package = folder / "package.yaml"
    text = package.read_text(encoding="utf-8")
    package.write_text(text.replace("def_config:\n", "def_config:\n  OTA_APP_VERSION: app-9.9.9\n"), encoding="utf-8")
    first = text[: text.index("def_config:\n")].count("\n") + 2
    done = run(*command)
    assert done.returncode == 1
    shown = done.stdout + done.stderr
    assert f"OTA_APP_VERSION: it is set twice, in lines {first} and " in shown
    assert "take one of the two out" in shown
    assert "Traceback" not in shown


def test_what_is_missing_is_a_warning_as_in_a_build(folder, run):
    replace(folder / "package.yaml", "depends:\n", "depends:\n  - gone: master\n")
    done = run("config", "--json")
    assert done.returncode == 0, done.stderr
    assert "there is no component gone in this workspace, and aos make builds without it" in done.stderr
    json.loads(done.stdout)
    report = json.loads(run("doctor", "--json").stdout)
    assert [check["ok"] for check in report["checks"] if "no component gone" in check["seen"]] == [False]


def test_sbom_lists_no_dependency_whose_condition_does_not_hold(folder, run):
    replace(folder / "package.yaml", "depends:\n", "depends:\n  - cjson: master ? <NOT_SET>\n  - pair: master\n")
    pair = folder.parents[1] / "components" / "pair"
    pair.mkdir()
    (pair / "package.yaml").write_text(
        "name: pair\nversion: v1\ndescription: d\ntype: common\ndepends:\n- cjson: m ? <PAIRED>\n"
    )
    for arguments, expected in (((), []), (("PAIRED=1",), ["component:cjson"])):
        document = json.loads(run("sbom", *arguments).stdout)
        assert [one["dependsOn"] for one in document["dependencies"] if one["ref"] == "component:pair"] == [expected]
