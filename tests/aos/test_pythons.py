"""The real ``aos make`` on the oldest and the newest Python that the machine has, and by `make faults` on those between; the
project is installed as the wheel that users get."""

from __future__ import annotations

import json
import shutil
import sys

import pytest
from environments import can_make_environments, pythons

from aos_ota_plugin.workspace.component_files import site_files

WITH_AOS_MAKE = True
pytestmark = [pytest.mark.aos, pytest.mark.pythons]

PLUGIN = "  - aos_ota_plugin: master     # renders the sources and makes the signed images\n"


PYTHONS = pythons()
BETWEEN = list(PYTHONS)[1:-1]


@pytest.fixture(params=[pytest.param(name, marks=[pytest.mark.faults] if name in BETWEEN else []) for name in PYTHONS])
def on(request, built_workspace, environment):
    """A built workspace whose `aos` is that of an environment on this Python."""
    workspace = built_workspace
    if not can_make_environments(PYTHONS[request.param]):
        pytest.skip(f"{PYTHONS[request.param]} does not start, or cannot make environments")
    workspace.aos = environment(request.param) / "aos"
    return workspace, tuple(map(int, request.param.split(".")))


def aos_ota(workspace, *arguments):
    return workspace.run(str(workspace.aos.with_name("aos-ota")), *arguments)


def take_us_out(workspace):
    """Leave a solution that is built and does not list us, as init finds one."""
    workspace.edit(workspace.package, PLUGIN, "")
    shutil.rmtree(workspace.root / "components" / "aos_ota_plugin")


def test_component_hook_makes_the_same_bytes_everywhere(on):
    workspace, version = on
    expected = workspace.snapshot()
    running = workspace.run(
        "python", "-c", "import sys, aos_ota_plugin; print(*sys.version_info[:2], aos_ota_plugin.__file__)"
    )
    assert running.output.split()[:2] == [str(number) for number in version]
    assert str(workspace.aos.parent.parent) in running.output
    # All that is ours is made anew.
    for name in (
        "ota_demo/otaappdemo.c",
        "ota/hal/ota_hal_digest.c",
        "aos_ota_plugin/ota_identity.o",
        "ota_demo/aos.elf",
    ):
        (workspace.out / name).unlink()
    workspace.image.unlink()
    workspace.manifest.unlink()
    assert "signed by key" in workspace.made("V=1").output
    assert workspace.snapshot() == expected
    quiet = workspace.made()
    assert quiet.count() == {}, quiet.output
    bumped = workspace.made("OTA_APP_VERSION=app-1.0.1")
    assert bumped.steps("CC") == ["out/ota_demo/otaappdemo.o"]
    assert json.loads(workspace.manifest.read_bytes())["version"] == "app-1.0.1"
    verdict = aos_ota(
        workspace,
        *("verify", str(workspace.image), "--elf", str(workspace.elf)),
        *("--current-version", "app-1.0.0", "--version", "app-1.0.1"),
    )
    assert verdict.status == 0, verdict.output


def test_init_chooses_what_works_there(on):
    """Init's own choice builds everything, by the shim up to Python 3.11, by the component from there on.

    Where SCons 3 cannot load the shim, its mere presence ends a build: an environment that was moved to Python 3.12 has it.
    """
    workspace, version = on
    if version < (3, 12) and version != sys.version_info[:2]:
        pytest.skip("where SCons 3 loads site_init.py, it does so as on the Python of the other tests")
    as_component = version >= (3, 12)
    take_us_out(workspace)
    site_init = workspace.solution / "site_scons" / "site_init.py"
    if as_component:
        site_init.parent.mkdir()
        site_init.write_bytes(site_files()["site_init.py"])
        assert workspace.make().status != 0
    result = aos_ota(workspace, "init")
    assert result.status == 0, result.output
    said = f"setting up the component: `aos make` runs on Python 3.{version[1]}, where SCons 3 cannot load"
    assert (said in result.output) is as_component
    assert (f"removed {site_init}: on Python 3.1" in result.output) is as_component
    assert site_init.exists() is not as_component
    assert (workspace.root / "components" / "aos_ota_plugin").exists() is as_component
    assert ("aos_ota_plugin: master" in workspace.package.read_text(encoding="utf-8")) is as_component
    # The same choice as before when it is run again, and it works.
    assert "nothing to do" in aos_ota(workspace, "init").output
    assert "signed by key" in workspace.made().output
    if not as_component:
        return
    # One of the user's own is not ours to remove.
    site_init.parent.mkdir(exist_ok=True)
    site_init.write_text("print('mine')\n")
    again = aos_ota(workspace, "init")
    assert again.status == 0, again.output
    assert f"warning: {site_init} is yours" in again.output
    assert site_init.read_text() == "print('mine')\n"
