"""The real ``aos make`` where keys stand twice: the vendor's board builds with one warning, a setting of ours does not vanish."""

from __future__ import annotations

import json
import shutil

import pytest

pytestmark = pytest.mark.aos
TWICE = "def_config:\n  STDIO_UART: 0\n  STACK_SIZE: 8192\n  NET : 1\n  STDIO_UART: 0\n\n  STACK_SIZE: 4096\n"


def vendor_board(workspace):
    """A board as the vendor ships one, listed where the vendor's solutions list it."""
    boards = workspace.root / "hardware" / "board"
    shutil.copytree(boards / "haas100", boards / "haas200")
    package = boards / "haas200" / "package.yaml"
    text = package.read_text(encoding="utf-8").replace("haas100\n", "haas200\n")
    package.write_text(text + TWICE, encoding="utf-8")
    workspace.edit(workspace.package, "supported_boards:\n", "supported_boards:\n  - haas200: master\n")
    return package, text.count("\n")


def test_the_board_builds_with_one_warning_and_the_others_without(built_workspace):
    """In the same build: the other name of the section, and a text in the place of a list of macros."""
    workspace = built_workspace
    package, above = vendor_board(workspace)
    assert "twice" not in workspace.made().output
    workspace.edit(workspace.package, "def_config:\n", "defconfig:\n")
    cjson = workspace.root / "components" / "cjson" / "package.yaml"
    workspace.edit(cjson, "build_config:\n", "build_config:\n  define: CJSON_AS_TEXT=1\n")
    warning = (
        f"aos_ota_plugin: warning: {package}:{above + 5}:3: a key is set twice, and the last value counts: 'STDIO_UART' in "
        f"lines {above + 2} and {above + 5}, 'STACK_SIZE' in lines {above + 3} and {above + 7}\n"
    )
    for arguments in (("-b", "haas200"), ()):  # the first one rewrites the solution's package.yaml
        built = workspace.made(*arguments)
        assert built.output.count("is set twice") == 1
        assert warning in built.output
    manifest = json.loads(workspace.manifest.read_text(encoding="utf-8"))
    assert (manifest["board"], manifest["version"]) == ("haas200", "app-1.0.0")
    shown = workspace.run(str(workspace.aos.parent / "aos-ota"), "config")
    assert (shown.status, shown.output.count("is set twice")) == (0, 1)


def test_a_setting_of_ours_is_not_dropped(workspace):
    """In a section that aos-tools drops, whose names only the text has; what else is written twice is in tests/workspace."""
    package = workspace.root / "components" / "cjson" / "package.yaml"
    body = "def_config:\n  OTA_BASE_RELEASE: r.json\ndef_config:\n  CJSON: 1\n"
    package.write_text(package.read_text(encoding="utf-8") + body, encoding="utf-8")
    config = workspace.run(str(workspace.aos.parent / "aos-ota"), "config")
    built = workspace.make()
    for result in (config, built):
        assert result.status != 0
        assert f"{package}:" in result.output
        assert (
            "OTA_BASE_RELEASE: it does not count, because def_config is set twice, in lines 11 and 12" in result.output
        )
        assert "fix: take one of the two out" in result.output
        assert "Traceback" not in result.output
    assert not workspace.image.exists()
