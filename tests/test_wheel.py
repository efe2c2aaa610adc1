"""The wheel, installed into an empty environment: all that is needed travels in it, and the main job works from it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from aos_ota_plugin.verbs import GROUPS, verb_paths

PROJECT = Path(__file__).resolve().parent.parent
VERBS = tuple(verb_paths())
TOP = tuple(name for verbs in GROUPS.values() for name in verbs)
FOLDERS = ("templates", "site_scons")
HOOK = ("SConscript", "package.yaml")


@pytest.fixture(scope="session")
def installed(environment) -> Path:
    """The commands of an environment that holds the wheel and aos-tools, and does not see the checkout."""
    return environment(f"3.{sys.version_info[1]}")


def run(installed, *command, cwd, path=None):
    """A command of the installed wheel; a PYTHONPATH or an activated environment of the developer's does not reach it."""
    environ = {
        name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    }
    environ["PATH"] = path or "/usr/bin:/bin"
    return subprocess.run(
        [str(installed / command[0]), *command[1:]],
        cwd=cwd,
        env=environ,
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


def files_of_the_checkout():
    """{path in the wheel: file} of what a wheel has to hold."""
    found = {}
    for folder, prefix in (
        (PROJECT / "aos_ota_plugin", "aos_ota_plugin"),
        *((PROJECT / name, f"aos_ota_plugin/{name}") for name in FOLDERS),
    ):
        for path in folder.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                found[f"{prefix}/{path.relative_to(folder).as_posix()}"] = path
    found.update({f"aos_ota_plugin/component/{name}": PROJECT / name for name in HOOK})
    return found


def test_every_file_of_the_checkout_travels(wheel):
    expected = files_of_the_checkout()
    # What would be missed first.
    assert {
        "aos_ota_plugin/Kconfig",
        "aos_ota_plugin/templates/otaappdemo.c.j2",
        "aos_ota_plugin/component/SConscript",
        "aos_ota_plugin/site_scons/site_init.py",
        "aos_ota_plugin/site_scons/site_tools/aos_ota.py",
        "aos_ota_plugin/demo/workspace/.aos",
        "aos_ota_plugin/demo/workspace/.gitignore",
        "aos_ota_plugin/demo/workspace/solutions/ota_demo/SConstruct",
    } <= set(expected)
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        assert names == set(expected)
        assert [name for name, path in expected.items() if archive.read(name) != path.read_bytes()] == []


def test_metadata_says_what_it_needs(wheel):
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        text = archive.read(name).decode("utf-8")
    assert "Requires-Python: >=3.9" in text
    needs = [
        line.partition(": ")[2]
        for line in text.splitlines()
        if line.startswith("Requires-Dist") and "extra ==" not in line
    ]
    assert {need.split(">")[0].split("<")[0].lower() for need in needs} == {
        "bsdiff4",
        "click",
        "cryptography",
        "filelock",
        "jinja2",
        "kconfiglib",
        "pyelftools",
        "pyserial",
        "pyyaml",
        "rich",
    }


def test_it_is_the_wheel_that_runs(installed, tmp_path):
    done = run(installed, "python", "-c", "import aos_ota_plugin; print(aos_ota_plugin.__file__)", cwd=tmp_path)
    assert Path(done.stdout.strip()).is_relative_to(installed.parent)


def test_help_of_the_command(installed, tmp_path):
    done = run(installed, "aos-ota", "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "Example:" in done.stdout
    for verb in TOP:
        assert f"\n  {verb} " in done.stdout
    assert run(installed, "aos-ota", "--version", cwd=tmp_path).stdout.startswith("aos-ota, version ")


ALL_HELP = """
import json, sys
from click.testing import CliRunner
from aos_ota_plugin.cli.main import group
print(json.dumps([[done.exit_code, done.output] for done in (
    CliRunner().invoke(group, [*verb.split(), "--help"], prog_name="aos-ota") for verb in sys.argv[1:])]))
"""


def test_help_of_every_verb_has_an_example_of_itself(installed, tmp_path):
    done = run(installed, "python", "-c", ALL_HELP, *VERBS, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for verb, (status, text) in zip(VERBS, json.loads(done.stdout)):
        assert status == 0, text
        assert f"aos-ota {verb}" in text.partition("Example:")[2].splitlines()[1]
        assert max(map(len, text.splitlines())) <= 100
    assert list(tmp_path.iterdir()) == []


def test_help_lists_every_verb_in_order(installed, tmp_path):
    listed = run(installed, "aos-ota", "--help", cwd=tmp_path).stdout
    groups = listed[listed.index(next(iter(GROUPS))) :].partition("`aos-ota COMMAND")[0]
    assert tuple(line.split()[0] for line in groups.splitlines() if line.startswith("  ") and line[2:3].strip()) == TOP


def test_unknown_verb(installed, tmp_path):
    done = run(installed, "aos-ota", "signn", cwd=tmp_path)
    assert done.returncode == 2
    assert "signn" in done.stderr


@pytest.mark.aos
def test_demo_end_to_end(installed, tmp_path, require_tool):
    """In a folder with a space and Chinese characters, with no environment activated and no secret of the shell used."""
    require_tool("arm-none-eabi-gcc", Path("/usr/bin/arm-none-eabi-gcc").exists(), "apt-get install gcc-arm-none-eabi")
    folder = tmp_path / "演示 工作区"
    done = run(installed, "aos-ota", "demo", str(folder), cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    solution = folder / "solutions" / "ota_demo"
    for version in ("app-1.0.0", "app-1.0.1"):
        image = (solution / "releases" / version / "ota_rtos_ota.bin").read_bytes()
        manifest = json.loads((solution / "releases" / version / "ota_rtos_ota.json").read_bytes())
        assert manifest["version"] == version
        assert manifest["images"][0]["sha256"] == hashlib.sha256(image).hexdigest()
        assert version.encode() + b"\0" in image
        assert f"{version}: " in done.stdout
    # What an empty folder gets includes the dot files, and no secret can be committed from it.
    assert (folder / ".aos").is_file()
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    listed = (
        subprocess.run(
            ["git", "ls-files", "-z", "--others", "--exclude-standard"], cwd=folder, check=True, capture_output=True
        )
        .stdout.decode()
        .split("\0")
    )
    assert "solutions/ota_demo/package.yaml" in listed
    assert not [name for name in listed if name.endswith((".pem", ".o", ".elf", ".dblite", ".bin.tmp"))]
    # Again, with --json: the same images, and one object for a script to read.
    again = run(installed, "aos-ota", "demo", str(folder), "--json", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    shown = json.loads(again.stdout)
    assert set(shown) == {"app-1.0.0", "app-1.0.1"}
    assert shown["app-1.0.1"]["sha256"] == hashlib.sha256(image).hexdigest()


@pytest.mark.aos
def test_init_from_the_wheel(installed, tmp_path):
    """The files that make the component are those of the checkout."""
    import shutil

    root = tmp_path / "ws"
    shutil.copytree(PROJECT / "aos_ota_plugin" / "demo" / "workspace", root)
    solution = root / "solutions" / "ota_demo"
    package = solution / "package.yaml"
    package.write_text(
        "".join(
            line
            for line in package.read_text(encoding="utf-8").splitlines(keepends=True)
            if "aos_ota_plugin" not in line
        ),
        encoding="utf-8",
    )
    done = run(
        installed, "aos-ota", "init", str(solution), "--component", cwd=tmp_path, path=f"{installed}:/usr/bin:/bin"
    )
    assert done.returncode == 0, done.stderr
    for name in HOOK:
        assert (root / "components" / "aos_ota_plugin" / name).read_bytes() == (PROJECT / name).read_bytes()
