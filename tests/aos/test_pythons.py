"""The real ``aos make`` on the oldest and the newest Python that the machine has, and by `make faults` on those between; the
project is installed as the wheel that users get."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aos_ota_plugin.workspace.component_files import site_files

WITH_AOS_MAKE = True
pytestmark = [pytest.mark.aos, pytest.mark.pythons]

MINORS = range(9, 14)
PLUGIN = "  - aos_ota_plugin: master     # renders the sources and makes the signed images\n"


def find(minor):
    """A Python 3.<minor> of this machine: the one that runs the tests, pyenv's, the system's, one on PATH."""
    if sys.version_info[1] == minor:
        return sys.executable
    name = f"python3.{minor}"
    places = sorted(Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/{name}"), reverse=True)
    places += [Path("/usr/bin") / name, Path("/usr/local/bin") / name]
    for place in places:
        if place.is_file():
            return str(place)
    return shutil.which(name)


PYTHONS = {f"3.{minor}": find(minor) for minor in MINORS if find(minor)}
BETWEEN = list(PYTHONS)[1:-1]


@pytest.fixture(params=[pytest.param(name, marks=[pytest.mark.faults] if name in BETWEEN else []) for name in PYTHONS])
def on(request, built_workspace, environment):
    """A built workspace whose `aos` is that of an environment on this Python."""
    workspace = built_workspace
    python = PYTHONS[request.param]
    started = subprocess.run(
        [python, "-c", "import venv, ensurepip, sys; print('%d.%d' % sys.version_info[:2])"],
        capture_output=True,
        text=True,
        check=False,
    )
    if started.stdout.strip() != request.param:
        pytest.skip(f"{python} does not start, or cannot make environments")
    workspace.aos = environment(python) / "aos"
    return workspace, tuple(map(int, request.param.split(".")))


def builds(workspace):
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
    made = workspace.made("V=1")
    assert "signed by key" in made.output
    quiet = workspace.made()
    assert quiet.count() == {}, quiet.output
    outputs = workspace.snapshot()
    bumped = workspace.made("OTA_APP_VERSION=app-1.0.1")
    assert bumped.steps("CC") == ["out/ota_demo/otaappdemo.o"]
    assert json.loads(workspace.manifest.read_bytes())["version"] == "app-1.0.1"
    verdict = workspace.run(
        str(workspace.aos.with_name("aos-ota")),
        "verify",
        str(workspace.image),
        "--elf",
        str(workspace.elf),
        "--current-version",
        "app-1.0.0",
        "--version",
        "app-1.0.1",
    )
    assert verdict.status == 0, verdict.output
    return outputs


def test_component_hook_makes_the_same_bytes_everywhere(on):
    workspace, version = on
    expected = workspace.snapshot()
    running = workspace.run(
        "python", "-c", "import sys, aos_ota_plugin; print(*sys.version_info[:2], aos_ota_plugin.__file__)"
    )
    assert running.output.split()[:2] == [str(number) for number in version]
    assert str(workspace.aos.parent.parent) in running.output
    assert builds(workspace) == expected


def test_init_chooses_what_works_there(on):
    workspace, version = on
    if version < (3, 12) and version != sys.version_info[:2]:
        pytest.skip("where SCons 3 loads site_init.py, it does so as on the Python of the other tests")
    workspace.edit(workspace.package, PLUGIN, "")
    shutil.rmtree(workspace.root / "components" / "aos_ota_plugin")
    result = workspace.run(str(workspace.aos.with_name("aos-ota")), "init")
    assert result.status == 0, result.output
    said = f"setting up the component: `aos make` runs on Python 3.{version[1]}, where SCons 3 cannot load"
    as_component = version >= (3, 12)
    assert (said in result.output) is as_component
    assert (workspace.solution / "site_scons").exists() is not as_component
    assert (workspace.root / "components" / "aos_ota_plugin").exists() is as_component
    assert ("aos_ota_plugin: master" in workspace.package.read_text(encoding="utf-8")) is as_component
    # The same choice as before when it is run again, and it works.
    assert "nothing to do" in workspace.run(str(workspace.aos.with_name("aos-ota")), "init").output
    assert "signed by key" in workspace.made().output


@pytest.mark.skipif("3.12" not in PYTHONS and "3.13" not in PYTHONS, reason="needs a Python that SCons 3 fails on")
def test_site_scons_left_from_an_older_python_is_named(built_workspace, environment):
    """An environment moved to Python 3.12: the shim is there already, and its mere presence ends the build."""
    workspace = built_workspace
    workspace.edit(workspace.package, PLUGIN, "")
    shutil.rmtree(workspace.root / "components" / "aos_ota_plugin")
    (workspace.solution / "site_scons").mkdir()
    (workspace.solution / "site_scons" / "site_init.py").write_bytes(site_files()["site_init.py"])
    workspace.aos = environment(PYTHONS.get("3.13") or PYTHONS["3.12"]) / "aos"
    assert workspace.make().status != 0
    result = workspace.run(str(workspace.aos.with_name("aos-ota")), "init")
    assert result.status == 0, result.output
    assert "setting up the component" in result.output
    site_init = workspace.solution / "site_scons" / "site_init.py"
    assert f"removed {site_init}: on Python 3.1" in result.output
    assert "signed by key" in workspace.made().output

    # One of the user's own is not ours to remove.
    site_init.write_text("print('mine')\n")
    again = workspace.run(str(workspace.aos.with_name("aos-ota")), "init")
    assert again.status == 0, again.output
    assert f"warning: {site_init} is yours" in again.output
    assert site_init.read_text() == "print('mine')\n"
