"""``- aos_ota_plugin: master`` is all a user adds, wherever it stands and however the build is started."""

from __future__ import annotations

import json
import re

import pytest

WITH_AOS_MAKE = True
pytestmark = pytest.mark.aos

PLUGIN = "  - aos_ota_plugin: master     # renders the sources and makes the signed images\n"


def _without_plugin(workspace) -> str:
    text = workspace.package.read_text(encoding="utf-8")
    assert text.count(PLUGIN) == 1
    return text.replace(PLUGIN, "")


def _proves_a_version_bump_touches_one_object(workspace):
    bumped = workspace.made("OTA_APP_VERSION=app-1.0.1")
    assert bumped.steps("CC") == ["out/ota_demo/otaappdemo.o"], bumped.output
    assert (bumped.count()["render"], bumped.count()["image"]) == (1, 1), bumped.output
    assert json.loads(workspace.manifest.read_text(encoding="utf-8"))["version"] == "app-1.0.1"


@pytest.mark.faults  # the suite has it first where init puts it (test_init.py), and last everywhere else
@pytest.mark.parametrize("place", ["first", "before ota's own user", "last"])
def test_place_in_the_list(built_workspace, place):
    workspace = built_workspace
    text = _without_plugin(workspace)
    line = "  - aos_ota_plugin: master\n"
    if place == "first":
        text = text.replace("depends:\n", "depends:\n" + line, 1)
    elif place == "last":
        text = text.replace("  - ulog: master\n", "  - ulog: master\n" + line, 1)
    else:
        text = text.replace("  - netmgr: master\n", line + "  - netmgr: master\n", 1)
    workspace.package.write_text(text, encoding="utf-8")
    workspace.made("OTA_APP_VERSION=app-1.0.0")
    _proves_a_version_bump_touches_one_object(workspace)


def _sets_a_condition(workspace):
    """Let the solution have settings of its own, as the vendor's ota_demo has for its code and for conditions."""
    text = workspace.package.read_text(encoding="utf-8")
    text = text.replace(
        "def_config:\n", "def_config:\n  USE_OTA: 1\n  OTA_DEMO_CONFIG_TEST_LOOP: 1\n  OTA_USE_LWIP: 1\n"
    )
    text = text.replace("  - lwip: master\n", "  - lwip: master ? <OTA_USE_LWIP>\n", 1)
    workspace.package.write_text(text, encoding="utf-8")
    _lists_conditional(workspace, ("aos_ota_plugin",))
    output = workspace.made("V=1").output
    _has_one_macro_of_ours(output, {"OTA_DEMO_CONFIG_TEST_LOOP", "OTA_USE_LWIP"})
    assert "-DOTA_DEMO_CONFIG_TEST_LOOP=1" in output
    assert "-DOTA_USE_LWIP=1" in output


def _lists_conditional(workspace, conditional):
    """List these components last, with a condition that holds; `ota` and ours without one first if they are none of them."""
    text = re.sub(r"  - (ota|aos_ota_plugin): .*\n", "", workspace.package.read_text(encoding="utf-8"))
    for name in ("ota", "aos_ota_plugin"):
        if name not in conditional:
            text = text.replace("depends:\n", f"depends:\n  - {name}: master\n", 1)
    lines = "".join(f"  - {name}: master ? <USE_OTA>\n" for name in conditional)
    text = text.replace("  - ulog: master\n", "  - ulog: master\n" + lines, 1)
    workspace.package.write_text(text, encoding="utf-8")


def _has_one_macro_of_ours(output, solutions_own):
    """Whether the device verifies locally, never as 0, for the component ota alone; no setting is on any compile line."""
    assert "arm-none-eabi-gcc" in output
    macros = set(re.findall(r"-D(OTA_\w+)", output))
    assert macros == {"OTA_SW_VERSION", "OTA_DEMO_SW_VERSION", "OTA_CONFIG_LOCAL_RSA"} | solutions_own
    lines = [line for line in output.splitlines() if "-DOTA_CONFIG_LOCAL_RSA" in line]
    assert lines
    assert all("-DOTA_CONFIG_LOCAL_RSA=1" in line and " out/ota/" in line for line in lines)
    assert len(lines) == len([line for line in output.splitlines() if "gcc -o out/ota/" in line])


@pytest.mark.parametrize(
    "conditional",
    [
        ("aos_ota_plugin",),
        ("ota",),
        pytest.param(("ota", "aos_ota_plugin"), marks=pytest.mark.faults),
        pytest.param(("aos_ota_plugin", "ota"), marks=pytest.mark.faults),
    ],
)
def test_components_that_depend_on_conditions(restore_state, conditional):
    workspace = restore_state("with a condition", _sets_a_condition)
    if conditional != ("aos_ota_plugin",):  # built so
        _lists_conditional(workspace, conditional)
        workspace.made("OTA_APP_VERSION=app-1.0.0")
    _proves_a_version_bump_touches_one_object(workspace)


def test_no_compile_line_has_a_macro_of_ours_where_the_platform_signs(built_workspace):
    workspace = built_workspace
    (workspace.solution / "cloud.pem").write_bytes(_public_pem(workspace))
    cloud = workspace.made("V=1", "OTA_CONFIG_CLOUD_RSA=y", "OTA_PUBLIC_KEY=cloud.pem").output
    assert "gcc -o out/ota/" in cloud
    assert "-DOTA_CONFIG_LOCAL_RSA" not in cloud


def test_a_define_of_the_component_does_not_decide_who_signs(built_workspace):
    """However it is written; here both ways at once, none of which may be left."""
    workspace = built_workspace
    for path in (workspace.out / "ota").rglob("*.o"):
        path.unlink()
    package = workspace.root / "components" / "ota" / "package.yaml"
    workspace.edit(
        package,
        "  internal_include:\n",
        "  define:\n    - OTA_CONFIG_LOCAL_RSA=0\n    - OTA_CONFIG_LOCAL_RSA\n  internal_include:\n",
    )
    lines = [line for line in workspace.made("V=1").output.splitlines() if "-DOTA_CONFIG_LOCAL_RSA" in line]
    assert lines
    assert all(line.count("-DOTA_CONFIG_LOCAL_RSA") == line.count("-DOTA_CONFIG_LOCAL_RSA=1") == 1 for line in lines)


def _public_pem(workspace) -> bytes:
    from aos_ota_plugin.keys.signer import load_signer

    return load_signer(workspace.key.read_bytes(), file="key", passphrase=None).public_key.to_pem().encode()


def test_burn_and_then_clean_without_a_key(built_workspace):
    """`aos burn` finds the firmware and not the OTA image; `clean` takes all of ours along, without the key."""
    workspace = built_workspace
    burnt = workspace.run(str(workspace.aos), "burn")
    assert burnt.status == 0, burnt.output
    assert "ota_demo@haas100.bin" in burnt.output
    assert "ota_rtos_ota.bin" not in burnt.output

    assert workspace.image.exists()
    workspace.image.write_bytes(b"unsigned, as a build leaves it that was killed in the image step")
    packed = workspace.images / "ota_rtos_ota.bin.xz"
    packed.write_bytes(b"unsigned, too")
    # Nothing of ours but image and manifest lies among the vendor's files; 0.1.0 had its lock there.
    assert not list(workspace.images.parent.rglob(".*"))
    lock = workspace.images.parent / ".ota_rtos_ota.lock"
    lock.touch()
    workspace.key.unlink()
    cleaned = workspace.make("clean")
    assert cleaned.status == 0, cleaned.output
    left = [
        path.relative_to(workspace.root)
        for path in (
            workspace.image,
            packed,
            workspace.manifest,
            lock,
            workspace.out / "ota_demo" / "otaappdemo.c",
            workspace.out / "aos_ota_plugin" / "ota_identity.o",
            workspace.solution / "aos_sdk" / "lib" / "libaos_ota_plugin.a",
            *(workspace.out / "ota").rglob("*"),
        )
        if path.exists()
    ]
    assert left == []
