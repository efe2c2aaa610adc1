"""Finding things in a workspace, and a solution as aos builds it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import aos_ota_plugin
from aos_ota_plugin.errors import SecretError, WorkspaceError
from aos_ota_plugin.workspace.conditions import holds
from aos_ota_plugin.workspace.disk import read_text
from aos_ota_plugin.workspace.find import find_build, find_components, find_root, find_solution, read_configuration
from aos_ota_plugin.workspace.solution import load_solution


class Workspace:
    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True)
        (root / ".aos").write_text("")
        self.add(
            "hardware/chip/chip1",
            "chip",
            "hw_info: {cpu_name: cortex-m4, arch_name: arm, ld_script: a.ld}",
            def_config="FROM: chip",
        )
        self.add("hardware/board/b1", "board", "hw_info: {chip_name: chip1}", ["chip1"], "FROM: b1")
        self.add("hardware/board/b2", "board", "hw_info: {chip_name: chip1}", ["chip1"], "FROM: b2")

    def add(self, where, kind, extra="", depends=(), def_config=""):
        folder = self.root / where
        folder.mkdir(parents=True, exist_ok=True)
        text = f"name: {folder.name}\nversion: v1\ndescription: d\ntype: {kind}\n"
        text += "depends:\n" + "".join(f"  - {d if ':' in d else d + ': master'}\n" for d in depends) if depends else ""
        text += "def_config:\n" + "".join(f"  {line}\n" for line in def_config.splitlines()) if def_config else ""
        (folder / "package.yaml").write_text(text + extra + "\n", encoding="utf-8")
        return str(folder)

    def solution(self, depends=("b1",), def_config="", extra="hw_info: {board_name: b1}", name="ota_demo"):
        return self.add(f"solutions/{name}", "solution", extra, depends, def_config)


@pytest.fixture
def ws(tmp_path):
    return Workspace((tmp_path / "工 作").resolve())


def names(view):
    return [package.name for package in view.components]


def test_root(ws, tmp_path):
    folder = ws.solution()
    assert find_root(folder) == str(ws.root)
    (ws.root / ".aos").unlink()
    with pytest.raises(WorkspaceError, match="is not inside an AliOS Things workspace"):
        find_root(folder)
    ws.add("kernel/rhino", "kernel")
    assert find_root(folder) == str(ws.root)


def test_solution_here_or_configured(ws):
    folder = ws.solution()
    assert find_solution(folder) == folder
    with pytest.raises(WorkspaceError, match="there is no solution in this folder"):
        find_solution(str(ws.root))
    (ws.root / ".config").write_text("solution: ota_demo\nboard: b1\n")
    assert read_configuration(str(ws.root)) == ("ota_demo", "b1")
    assert find_solution(str(ws.root)) == folder
    with pytest.raises(WorkspaceError, match="there is no solution in this folder"):
        find_solution(str(ws.root / "hardware" / "board" / "b1"))
    (ws.root / ".config").write_text("solution: gone\n")
    with pytest.raises(WorkspaceError, match=r"\.config: there is no solution gone in this workspace"):
        find_solution(str(ws.root))


def test_what_to_build(ws):
    folder = ws.solution(["b1", "b2"])
    ws.solution(name="other")
    root = str(ws.root)
    # The board of package.yaml need not be said: aos-tools fails for any that the solution does not depend on.
    assert find_build(folder) == find_build(root, "ota_demo@b1") == find_build(folder, board="b1") == (folder, "")
    assert find_build(folder, "ota_demo@b2") == find_build(folder, board="b2") == (folder, "b2")
    (ws.root / ".config").write_text("solution: ota_demo\nboard: b2\n", encoding="utf-8")
    assert find_build(root) == (folder, "b2")
    assert find_build(root, board="b1") == find_build(folder) == (folder, "")
    with pytest.raises(WorkspaceError, match="- b2: master` under depends"):
        find_build(root, "other@b2")
    for named in ("", "clean", "@b1", "ota_demo@", "a@b@c", "b1@b1", "none@b1"):
        with pytest.raises(WorkspaceError):
            find_build(str(ws.root / "hardware"), named)


def test_components_are_found_where_aos_looks(ws):
    ws.add("components/a", "common")
    ws.add("components/deep/er/b", "common")
    ws.add("components/a/nested", "common")
    ws.add("elsewhere/c", "common")
    ws.add("solutions_mine/s", "solution")
    ws.add("examples/e", "common")
    found = find_components(str(ws.root))
    assert sorted(found) == ["a", "b", "b1", "b2", "chip1", "e", "s"]
    assert found["b"] == str(ws.root / "components" / "deep" / "er" / "b")


def test_a_link_in_a_circle_ends(ws):
    ws.add("components/deep/b", "common")
    try:
        (ws.root / "components" / "deep" / "loop").symlink_to(ws.root / "components", target_is_directory=True)
    except OSError:
        pytest.skip("no links here")
    assert "b" in find_components(str(ws.root))


def test_a_name_twice_is_an_error(ws):
    ws.add("components/a", "common")
    ws.add("kernel/a", "kernel")
    with pytest.raises(WorkspaceError) as caught:
        find_components(str(ws.root))
    assert "the component a is in this workspace twice" in str(caught.value)
    assert str(ws.root / "kernel" / "a") in str(caught.value)
    assert str(ws.root / "components" / "a") in str(caught.value)


def test_order_conditions_and_layers(ws):
    ws.add("components/x", "common", depends=["y", "z: master ? <WITH_Z>"], def_config="FROM: x\nWITH_Z: 1")
    ws.add("components/y", "kernel", def_config="FROM: y")
    ws.add("components/z", "common", depends=["zz"], def_config="FROM: z\nWITH_Q: y")
    ws.add("components/zz", "sdk", def_config="FROM: zz")
    ws.add("components/q", "common", def_config="FROM: q")
    ws.add("components/never", "common", def_config="FROM: never\nOTA_NEVER: 1")
    folder = ws.solution(
        ["x", "never: master ? <NEVER>", "q: master ? <WITH_Q, !NEVER>", "b1", "b2"], "FROM: sol\nOTA_DEMO_LOOP: 1"
    )
    view = load_solution(folder)
    # never, zz, z and q hang on conditions; q's is turned on by z, which stands before it.
    assert names(view) == ["x", "y", "b1", "chip1", "ota_demo", "z", "zz", "q"]
    assert [layer[0].value for layer in view.layers] == ["x", "z", "q", "y", "chip", "zz", "b1", "sol"]
    assert (view.board.name, view.chip.name, view.root) == ("b1", "chip1", str(ws.root))
    assert str(view.layers[-1][0].origin) == os.path.join(folder, "package.yaml") + ":12:9"
    assert {"OTA_DEMO_LOOP", "OTA_NEVER", "WITH_Z", "NEVER"} <= view.foreign_names
    assert "FROM" in view.foreign_names


def test_the_command_line_turns_conditions(ws):
    ws.add("components/x", "common")
    folder = ws.solution(["b1", "x: master ? <WITH_X>"], "WITH_X: 0")
    assert "x" not in names(load_solution(folder))
    assert "x" in names(load_solution(folder, command_line=[("WITH_X", "1")]))


def test_another_board(ws):
    folder = ws.solution(["b1"], extra="hw_info: {board_name: b1}\nsupported_boards: [{b1: m}, {b2: m}]")
    view = load_solution(folder, board="b2")
    assert names(view) == ["b2", "chip1", "ota_demo"]
    assert view.board.name == "b2"
    assert [layer[0].value for layer in view.layers] == ["chip", "b2"]


def test_a_circle_of_dependencies_ends(ws):
    ws.add("components/x", "common", depends=["y: master ? <A>", "y"])
    ws.add("components/y", "common", depends=["x: master ? <A>", "x", "ota_demo"])
    # aos-tools takes the solution where it meets it first.
    assert names(load_solution(ws.solution(["x", "b1"]))) == ["x", "y", "ota_demo", "b1", "chip1"]


@pytest.mark.parametrize(
    "depends, extra, board, message",
    [
        (
            ["nope: m ? <FROM>", "b1"],
            "hw_info: {board_name: b1}",
            None,
            "package.yaml:6:5: there is no component nope in this workspace\n  fix: install it with `aos install nope`",
        ),
        (["b1"], "hw_info: {board_name: b9}", None, "package.yaml: there is no board b9 in this workspace"),
        (["b1"], "hw_info: {board_name: b1}", "chip1", "package.yaml: there is no board chip1 in this workspace"),
        (
            ["b1"],
            "hw_info: {}",
            None,
            "package.yaml: the solution ota_demo has no board\n  fix: set `board_name:` under hw_info",
        ),
        (["b1"], "hw_info: {chip_name: c9}", None, "package.yaml: the solution ota_demo has no board"),
        (
            ["x"],
            "hw_info: {chip_name: c9}",
            None,
            "package.yaml: the chip c9 is not in this workspace, or nothing in use depends on it",
        ),
        (
            ["x"],
            "hw_info: {board_name: b1}",
            None,
            "package.yaml: the solution ota_demo does not depend on its board b1",
        ),
        (["b1"], "", None, "package.yaml:1: this solution has no section `hw_info`"),
    ],
)
def test_what_is_missing_is_named(ws, depends, extra, board, message):
    ws.add("components/x", "common")
    with pytest.raises(WorkspaceError) as caught:
        load_solution(ws.solution(depends, extra=extra), board)
    assert message in str(caught.value)


def test_an_optional_component_may_be_missing(ws):
    ws.add("components/x", "common", depends=["lost"])
    view = load_solution(ws.solution(["nope: master ? <NEVER>", "x", "b1"]))
    assert names(view) == ["x", "b1", "chip1", "ota_demo"]
    assert sorted(view.missing) == ["lost", "nope"]


def test_a_component_is_no_solution(ws):
    with pytest.raises(WorkspaceError, match="x is a component of type common, not a solution"):
        load_solution(ws.add("components/x", "common"))


def test_a_typo_is_not_excused_by_the_solutions_name(ws):
    folder = ws.solution(["b1"], "OTA_APP_VERSON: a\nOTA_DEMO_X: 1", name="ota")
    assert "OTA_DEMO_X" not in load_solution(folder).foreign_names
    folder = ws.solution(["b1"], "OTA_APP_VERSON: a\nOTA_APP_LED: 1", name="ota_app")
    view = load_solution(folder)
    assert "OTA_APP_LED" in view.foreign_names
    assert "OTA_APP_VERSON" not in view.foreign_names


def test_a_secret_in_any_component_in_use_is_found(ws):
    ws.add("components/x", "common", def_config="A: 1\nDEVICE_SECRET: zq81")
    with pytest.raises(SecretError) as caught:
        load_solution(ws.solution(["x", "b1"]))
    assert os.path.join("components", "x", "package.yaml") + ":7:18: " in str(caught.value)
    assert "zq81" not in str(caught.value)


def test_unreadable_files(tmp_path):
    (tmp_path / "a").write_bytes(b"ok\nname: \xff\n")
    with pytest.raises(WorkspaceError, match=r"a:2: this file is not UTF-8 text"):
        read_text(tmp_path / "a")
    with pytest.raises(WorkspaceError, match="the file cannot be read"):
        read_text(tmp_path / "gone")


@given(st.binary(max_size=40))
def test_any_bytes_are_text_or_our_error(tmp_path_factory, data):
    file = tmp_path_factory.mktemp("b") / "f"
    file.write_bytes(data)
    try:
        assert read_text(file).encode("utf-8") == data
    except WorkspaceError as error:
        assert error.remedy


@pytest.mark.parametrize(
    "value, true, false",
    [
        ("y", True, False),
        ("n", False, True),
        (1, True, False),
        (0, False, True),
        ("1", True, False),
        ("t", True, False),
        (None, False, True),
        ("2", False, False),
        (True, False, False),
        (False, False, False),
        ("Y", False, False),
    ],
)
def test_aos_own_idea_of_true(value, true, false):
    assert holds(["A"], {"A": value}) is true
    assert holds(["!A"], {"A": value}) is false
    assert not holds(["A", "!A"], {"A": value})


def test_unset_is_false_and_nothing_is_true():
    assert holds(["!A"], {})
    assert not holds(["A"], {})
    assert holds([], {})


def test_the_demo_workspace_loads(tmp_path):
    demo = tmp_path / "demo"
    shutil.copytree(Path(aos_ota_plugin.__file__).parent / "demo" / "workspace", demo)
    plugin = demo / "components" / "aos_ota_plugin"
    plugin.mkdir(exist_ok=True)
    (plugin / "package.yaml").write_text("name: aos_ota_plugin\ndescription: d\ntype: common\n")
    view = load_solution(str(demo / "solutions" / "ota_demo"))
    assert {"ota", "haas100", "haas1000", "ota_demo"} <= set(names(view))
    assert "OTA_APP_VERSION" in {raw.name for layer in view.layers for raw in layer}
