"""``aos-ota init`` on a solution that knows nothing of us, and the real ``aos make`` after it."""

from __future__ import annotations

import difflib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aos_ota_plugin.workspace.component_files import component_files, site_files

WITH_AOS_MAKE = True
pytestmark = pytest.mark.aos

PLUGIN = "  - aos_ota_plugin: master     # renders the sources and makes the signed images\n"
ON_311 = pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="SCons 3 loads site_scons/site_init.py up to Python 3.11 only"
)


def build_without_us(workspace):
    workspace.edit(workspace.package, PLUGIN, "")
    shutil.rmtree(workspace.root / "components" / "aos_ota_plugin")
    workspace.made()
    assert workspace.snapshot() == {}


@pytest.fixture
def bare(restore_state):
    """The workspace as before anyone heard of us, built as it is."""
    return restore_state("without us", build_without_us, above=None)


def build_with_the_component(workspace):
    assert init(workspace, "--component").status == 0
    makes_the_first_image(workspace)


@pytest.fixture
def as_component(restore_state, bare):
    """That workspace with the component that init set up, and app-1.0.0 built."""
    return restore_state("component by init", build_with_the_component, above=lambda: bare)


def take_component_out(workspace):
    """Leave what was built: once the component is back in its place, nothing has to be compiled."""
    workspace.edit(workspace.package, "  - aos_ota_plugin: master\n", "")
    shutil.rmtree(workspace.root / "components" / "aos_ota_plugin")


def init(workspace, *arguments, cwd=None, env=None):
    return workspace.run(str(workspace.aos.with_name("aos-ota")), "init", *arguments, cwd=cwd, env=env)


LAUNCHERS = {"aos": "", "scons": "echo SCons 3.1.2", "python": "echo 3 11"}


@pytest.fixture
def quickly(tmp_path_factory):
    """`init` with launchers that answer as the real ones do, at once: for tests of what it writes."""
    folder = tmp_path_factory.mktemp("launchers")
    for name, text in LAUNCHERS.items():
        script(folder, name, f"#!/bin/sh\n{text}\n")
    env = {"PATH": f"{folder}:{os.environ['PATH']}"}
    return lambda workspace, *arguments, cwd=None: init(workspace, *arguments, cwd=cwd, env=env)


def tree(root):
    """{path: (mtime_ns, mode, bytes)} of every file below root."""
    return {
        path.relative_to(root).as_posix(): (path.stat().st_mtime_ns, path.stat().st_mode, path.read_bytes())
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def changed(before, after):
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def lines_changed(before, after):
    """The lines, endings included, that a change removed and added."""
    return [
        line
        for line in difflib.ndiff(before.splitlines(keepends=True), after.splitlines(keepends=True))
        if line[0] in "+-"
    ]


def makes_the_first_image(workspace):
    first = workspace.made()
    assert "signed by key" in first.output
    assert first.count()["image"] == 1
    assert json.loads(workspace.manifest.read_bytes())["version"] == "app-1.0.0"


def makes_the_next_image(workspace):
    """A build without a change, one for the next version, each as it should be; then clean."""
    released = workspace.solution / "released.elf"
    released.write_bytes(workspace.elf.read_bytes())
    assert workspace.made().count() == {}
    bumped = workspace.made("OTA_APP_VERSION=app-1.0.1")
    assert bumped.steps("CC") == ["out/ota_demo/otaappdemo.o"], bumped.output
    assert (bumped.count()["LINK"], bumped.count()["image"]) == (1, 1)
    verdict = workspace.run(
        str(workspace.aos.with_name("aos-ota")),
        "verify",
        str(workspace.image),
        "--elf",
        str(released),
        "--current-version",
        "app-1.0.0",
        "--version",
        "app-1.0.1",
    )
    assert verdict.status == 0, verdict.output
    assert workspace.make("clean").status == 0
    left = [
        path
        for path in (
            workspace.image,
            workspace.manifest,
            workspace.out / "ota_demo" / "otaappdemo.c",
            workspace.out / "ota" / "hal" / "ota_hal_digest.c",
            workspace.out / "aos_ota_plugin" / "ota_identity.o",
            workspace.solution / "aos_sdk" / "lib" / "libaos_ota_plugin.a",
            workspace.out / "ota" / "haas100",
        )
        if path.exists()
    ]
    assert left == []


# --- site_scons/


@ON_311
def test_site_scons_is_all_that_it_adds(bare):
    before = tree(bare.root)
    result = init(bare)
    assert result.status == 0, result.output
    after = tree(bare.root)
    added = changed(before, after)
    assert added == [
        f"solutions/ota_demo/{name}"
        for name in (".gitignore", "ota.example.yaml", "site_scons/site_init.py", "site_scons/site_tools/aos_ota.py")
    ]
    for name in added:
        assert f"wrote {bare.root / name}" in result.output
    for name, data in site_files().items():
        assert (bare.solution / "site_scons" / name).read_bytes() == data
    ignored = (bare.solution / ".gitignore").read_text().splitlines()
    assert ignored == ["ota.secrets.yaml", "keys/*.pem", "!keys/*.pub.pem", "releases/"]

    again = init(bare)
    assert again.status == 0, again.output
    assert "nothing to do" in again.output
    assert tree(bare.root) == after

    makes_the_first_image(bare)
    makes_the_next_image(bare)
    bare.made("-b", "haaseduk1")  # this hook for the chip's other board
    assert json.loads(bare.manifest.read_bytes())["board"] == "haaseduk1"


@ON_311
def test_a_solution_without_a_board_is_told_to_name_one(bare):
    """aos-tools ends before it reads any component: with this hook the build says so itself."""
    assert init(bare).status == 0
    bare.edit(bare.package, "  board_name: haas100\n", "  cpu_id:\n")
    result = bare.make()
    assert result.status == 2, result.output
    assert "aos_ota_plugin: error: " in result.output
    assert "has no board" in result.output
    assert "fix: set `board_name:` under hw_info, or build with `aos make -b BOARD`" in result.output


@ON_311
def test_from_another_folder_and_from_the_workspace_root(bare, quickly):
    outside = bare.root.parent
    assert quickly(bare, str(bare.solution), cwd=outside).status == 0
    assert (bare.solution / "site_scons" / "site_init.py").is_file()
    refused = quickly(bare, cwd=bare.root)
    assert refused.status == 1
    assert "there is no solution in this folder" in refused.output
    assert "fix: " in refused.output


@ON_311
def test_git_ignores_what_it_should(bare, quickly):
    assert quickly(bare).status == 0
    subprocess.run(["git", "init", "-q"], cwd=bare.solution, check=True)
    (bare.solution / "keys" / "ota_key.pub.pem").write_text("public\n")
    (bare.solution / "ota.secrets.yaml").write_text("")
    listed = subprocess.run(
        ["git", "ls-files", "--others", "--exclude-standard"],
        cwd=bare.solution,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    assert "keys/ota_key.pub.pem" in listed
    assert not {"ota.secrets.yaml", "keys/ota_dev_key.pem"} & set(listed)


@ON_311
@pytest.mark.parametrize("before", [b"*.log", b"*.log\r\nota.secrets.yaml\r\n", b"\xff\xfe# GBK \xc4\xe3\n"])
def test_gitignore_of_the_user_only_grows(bare, quickly, before):
    path = bare.solution / ".gitignore"
    path.write_bytes(before)
    assert quickly(bare).status == 0
    after = path.read_bytes()
    assert after.startswith(before)
    lines = [line.strip() for line in after.splitlines()]
    assert [lines.count(entry) for entry in (b"ota.secrets.yaml", b"keys/*.pem", b"!keys/*.pub.pem")] == [1, 1, 1]
    again = quickly(bare)
    assert "nothing to do" in again.output
    assert path.read_bytes() == after


@ON_311
def test_example_of_settings_that_the_user_changed_stays(bare, quickly):
    example = bare.solution / "ota.example.yaml"
    example.write_text("mine\n")
    assert quickly(bare).status == 0
    assert example.read_text() == "mine\n"


def test_example_of_settings_is_what_a_solution_may_hold(bare, quickly):
    """Every line of it, the commented ones too, names a setting that there is."""
    import yaml

    from aos_ota_plugin.settings.fields import SYMBOLS

    assert quickly(bare).status == 0
    text = (bare.solution / "ota.example.yaml").read_text(encoding="utf-8")
    assert set(yaml.safe_load(text)["def_config"]) <= set(SYMBOLS)
    everything = yaml.safe_load(text.replace("  # OTA_", "  OTA_"))["def_config"]
    assert set(everything) <= set(SYMBOLS)
    assert len(everything) >= 8


# --- the component


def added_one_line(before, after, line):
    assert lines_changed(before.decode(), after.decode()) == ["+ " + line]


@ON_311
def test_own_site_init_of_the_user_leads_to_the_component(as_component):
    """SCons loads one site_init.py, and it is the user's."""
    bare = as_component
    take_component_out(bare)
    own = bare.solution / "site_scons" / "site_init.py"
    own.parent.mkdir()
    own.write_text("print('the own site_init runs')\n")
    before = bare.package.read_bytes()
    result = init(bare)
    assert result.status == 0, result.output
    assert f"setting up the component: {own} is yours already" in result.output
    assert own.read_text() == "print('the own site_init runs')\n"
    assert [path.name for path in own.parent.iterdir()] == ["site_init.py"]
    added_one_line(before, bare.package.read_bytes(), "  - aos_ota_plugin: master\n")
    component = bare.root / "components" / "aos_ota_plugin"
    assert {path.name: path.read_bytes() for path in component.iterdir()} == component_files()

    after = tree(bare.root)
    again = init(bare)
    assert again.status == 0
    assert "depends on aos_ota_plugin already" in again.output
    assert "nothing to do" in again.output
    assert tree(bare.root) == after

    built = bare.made("OTA_APP_VERSION=app-1.0.1").output
    assert "the own site_init runs" in built
    assert "signed by key" in built


@ON_311
def test_own_site_scons_folder_with_other_tools_is_no_hindrance(bare, quickly):
    tool = bare.solution / "site_scons" / "site_tools" / "mine.py"
    tool.parent.mkdir(parents=True)
    tool.write_text("def generate(env):\n    pass\n")
    assert quickly(bare).status == 0
    assert tool.read_text() == "def generate(env):\n    pass\n"
    assert (bare.solution / "site_scons" / "site_init.py").read_bytes() == site_files()["site_init.py"]


def test_component_when_asked_for(bare):
    before = bare.package.read_bytes()
    result = init(bare, "--component")
    assert result.status == 0, result.output
    assert "setting up the component: you asked for it" in result.output
    assert not (bare.solution / "site_scons").exists()
    added_one_line(before, bare.package.read_bytes(), "  - aos_ota_plugin: master\n")


def test_component_in_the_first_place_makes_proven_images(as_component):
    """Init lists it first, the demo last."""
    makes_the_next_image(as_component)


@ON_311
def test_component_after_site_scons_attaches_once(as_component):
    """Both hooks at once: the second finds the first."""
    workspace = as_component
    take_component_out(workspace)
    assert init(workspace).status == 0
    assert (workspace.solution / "site_scons" / "site_init.py").is_file()
    assert init(workspace, "--component").status == 0
    bumped = workspace.made("OTA_APP_VERSION=app-1.0.1")
    assert bumped.steps("CC") == ["out/ota_demo/otaappdemo.o"], bumped.output
    assert (bumped.count()["render"], bumped.count()["image"]) == (1, 1), bumped.output
    assert workspace.made("OTA_APP_VERSION=app-1.0.1").count() == {}


def test_dependency_written_by_hand_gets_its_component(bare, quickly):
    bare.edit(bare.package, "depends:\n", "depends:\n  - aos_ota_plugin: master\n")
    before = bare.package.read_bytes()
    result = quickly(bare)
    assert result.status == 0, result.output
    assert "depends on aos_ota_plugin already" in result.output
    assert bare.package.read_bytes() == before
    assert not (bare.solution / "site_scons").exists()
    component = bare.root / "components" / "aos_ota_plugin"
    assert {path.name: path.read_bytes() for path in component.iterdir()} == component_files()


@pytest.mark.parametrize("place", ["components/aos_ota_plugin", "components/vendor/aos_ota_plugin"])
def test_clone_in_the_workspace_is_the_component(bare, place):
    """A clone, wherever it stands, is not written over, and gets no second component of its name beside it."""
    clone = bare.root / place
    clone.mkdir(parents=True)
    for name, data in {**component_files(), "pyproject.toml": b"", "README.md": b"the clone's own\n"}.items():
        (clone / name).write_bytes(data)
    before = tree(bare.root / "components")
    result = init(bare, "--component")
    assert result.status == 0, result.output
    assert tree(bare.root / "components") == before
    if "vendor" in place:  # where all others have it, the other tests build
        assert "signed by key" in bare.made().output


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("depends:\n", "depends:   # what we need\n", "  - aos_ota_plugin: master\n"),
        (
            "depends:\n  - ota: master\n",
            "depends:\n\n  # 组件\n  - ota: master   # 升级\n",
            "  - aos_ota_plugin: master\n",
        ),
        ("depends:\n  - ota: master\n", "depends:\n      - ota: master\n", "      - aos_ota_plugin: master\n"),
        ("depends:\n  - ota: master\n", "depends:\n- ota: master\n", "- aos_ota_plugin: master\n"),
        ("depends:\n", "depends :\n", "  - aos_ota_plugin: master\n"),
    ],
    ids=["comment", "comments between", "deep", "flush", "space before colon"],
)
def test_package_yaml_as_people_write_it(bare, quickly, old, new, line):
    text = bare.package.read_text(encoding="utf-8")
    head, separator, tail = text.partition("supported_boards:")
    assert head.count(old) == 1
    head = head.replace(old, new)
    if line.lstrip() == line or line.startswith("      "):
        indent = line[: len(line) - len(line.lstrip())]
        head = head[: head.index("depends")] + head[head.index("depends") :].replace("\n  - ", f"\n{indent}- ")
    bare.package.write_text(head + separator + tail, encoding="utf-8")
    before = bare.package.read_bytes()
    result = quickly(bare, "--component")
    assert result.status == 0, result.output
    added_one_line(before, bare.package.read_bytes(), line)
    shown = bare.run(str(bare.aos.with_name("aos-ota")), "config")
    assert shown.status == 0, shown.output
    assert "depends on aos_ota_plugin already" in quickly(bare).output


def test_crlf_package_yaml_stays_crlf(bare, quickly):
    before = bare.package.read_bytes().replace(b"\n", b"\r\n")
    bare.package.write_bytes(before)
    assert quickly(bare, "--component").status == 0
    added_one_line(before, bare.package.read_bytes(), "  - aos_ota_plugin: master\r\n")
    shown = bare.run(str(bare.aos.with_name("aos-ota")), "config")
    assert shown.status == 0, shown.output


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name: ota_demo\nversion: master\ndescription: d\ntype: solution\nhw_info:\n", "there is no `depends:` list"),
        (
            "name: ota_demo\nversion: master\ndescription: d\ntype: solution\nhw_info:\ndepends: [ota: master]\n",
            "depends",
        ),
        (
            "name: ota_demo\nversion: master\ndescription: d\ntype: solution\nhw_info:\ndepends:\n  ota: master\n",
            "depends",
        ),
        ("name: ota_demo\ntype: solution\ndepends:\n  - ota: [\n", "package.yaml:"),
        (
            "name: ota_demo\nversion: master\ndescription: \xc4\xe3\ntype: solution\ndepends:\n  - ota: master\n",
            "not UTF-8",
        ),
    ],
    ids=["no depends", "flow list", "mapping", "broken YAML", "GBK"],
)
def test_package_yaml_that_it_cannot_add_a_line_to(bare, quickly, text, says):
    bare.package.write_bytes(text.encode("latin-1"))
    before = tree(bare.root)
    result = quickly(bare, "--component")
    assert result.status == 1, result.output
    assert says in result.output
    assert "fix: " in result.output
    assert "Traceback" not in result.output
    assert bare.package.read_bytes() == text.encode("latin-1")
    assert changed(before, tree(bare.root)) == []


# --- launchers that cannot start


def tools(folder, *names, aos):
    """A folder that is all of PATH, with links to these programs of the environment or of the system."""
    folder.mkdir()
    for name in names:
        found = shutil.which(name, path=str(aos.parent)) or shutil.which(name, path="/usr/bin:/bin")
        (folder / name).symlink_to(found)
    return {"PATH": str(folder)}


def refuses(workspace, path, *says, also_env=None):
    before = tree(workspace.root)
    result = init(workspace, env={**path, **(also_env or {})})
    assert result.status == 1, result.output
    for part in says:
        assert part in result.output, result.output
    assert "\n  fix: " in result.output
    assert "Traceback" not in result.output
    assert tree(workspace.root) == before


def script(folder, name, text):
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)


def test_no_aos(bare, tmp_path):
    refuses(
        bare,
        tools(tmp_path / "bin", "python3", aos=bare.aos),
        "there is no `aos` on PATH",
        "pip install aos-tools==1.1.43",
        '"setuptools<82"',
    )


def test_no_scons(bare, tmp_path):
    refuses(
        bare,
        tools(tmp_path / "bin", "aos", aos=bare.aos),
        "there is no `scons` on PATH",
        "fix: activate the environment",
    )


def test_no_python_for_the_launcher(bare, tmp_path):
    """The real scons script, whose first line asks env for python, without the environment activated."""
    path = tools(tmp_path / "bin", "aos", "scons", "env", aos=bare.aos)
    assert (tmp_path / "bin" / "scons").read_text().splitlines()[0] == "#! /usr/bin/env python"
    refuses(
        bare, path, "its first line is `#! /usr/bin/env python`", "no `python` on PATH", "fix: activate the environment"
    )


def test_no_python_for_image_steps(bare, tmp_path):
    path = tools(tmp_path / "bin", "aos", "sh", aos=bare.aos)
    script(tmp_path / "bin", "scons", "#!/bin/sh\necho SCons 3.1.2\n")
    refuses(bare, path, "there is no `python` on PATH", "fix: activate the environment")


def environment_without(folder, module, aos):
    """An environment with the real scons, its library, and no setuptools."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    library = next((folder / "lib").glob("python3*/site-packages"))
    installed = Path(
        subprocess.run(
            [aos.with_name("python"), "-c", "import aostools; print(aostools.__path__[0])"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
    ).parent
    shutil.copytree(installed / "scons", library / "scons")
    for path in installed.glob("scons-*"):
        shutil.copytree(path, library / path.name)
    shutil.copy(aos.with_name("scons"), folder / "bin" / "scons")
    (folder / "bin" / "aos").symlink_to(aos)
    assert not (library / module).exists()
    return {"PATH": f"{folder / 'bin'}:/usr/bin:/bin"}


@pytest.mark.parametrize("setuptools", ["none", "82 or newer"])
def test_real_environment_without_pkg_resources(bare, tmp_path, setuptools, require_tool):
    path = environment_without(tmp_path / "venv", "pkg_resources", bare.aos)
    if setuptools != "none":
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "--quiet",
                "--python",
                tmp_path / "venv" / "bin" / "python",
                "install",
                "--no-compile",
                "setuptools>=82",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        require_tool("setuptools 82", done.returncode == 0, f"pip cannot install it: {done.stderr[-500:]}")
    refuses(
        bare,
        path,
        "cannot start: it finds SCons by setuptools' pkg_resources",
        "setuptools is missing, or 82 or newer",
        'fix: python -m pip install "setuptools<82"',
        "SCONS_LIB_DIR",
    )
    # The other way out that the message names works.
    library = next((tmp_path / "venv" / "lib").glob("python3*/site-packages/scons"))
    works = init(bare, env={**path, "SCONS_LIB_DIR": str(library)})
    assert works.status == 0, works.output


@pytest.mark.parametrize(
    ("prints", "says"),
    [
        (
            "SCons import failed. Unable to find engine files in:\n  /x/lib/scons\nTraceback (most recent call last):\n"
            "ModuleNotFoundError: No module named 'SCons'",
            "setuptools<82",
        ),
        ("Traceback (most recent call last):\nModuleNotFoundError: No module named 'pkg_resources'", "setuptools<82"),
        ("Traceback (most recent call last):\nModuleNotFoundError: No module named 'imp'", "3.11 or older"),
        ("Segmentation fault", "cannot start: Segmentation fault"),
        ("", "cannot start: it ends with status 1"),
    ],
    ids=["engine", "pkg_resources", "imp", "anything", "nothing"],
)
def test_launcher_that_prints(bare, tmp_path, prints, says):
    path = tools(tmp_path / "bin", "aos", "python3", "cat", aos=bare.aos)
    (tmp_path / "message").write_text(prints + "\n" if prints else "")
    script(tmp_path / "bin", "scons", f"#!/bin/sh\ncat '{tmp_path}/message' >&2\nexit 1\n")
    refuses(bare, path, says)


def test_version_is_that_of_the_python_which_runs_scons(bare, tmp_path):
    """scons with a first line of its own runs on that Python, whatever `python` is."""
    folder = tmp_path / "bin"
    path = tools(folder, "aos", "sh", aos=bare.aos)
    script(folder, "python", "#!/bin/sh\necho 3 11\n")
    script(folder, "python3.12", "#!/bin/sh\ncase $* in *--version) echo SCons;; *) echo 3 12;; esac\n")
    script(folder, "scons", f"#!{folder}/python3.12\n")
    result = init(bare, env=path)
    assert result.status == 0, result.output
    assert "setting up the component: `aos make` runs on Python 3.12, where SCons 3 cannot load" in result.output
    assert not (bare.solution / "site_scons").exists()


def test_python_that_cannot_start(bare, tmp_path):
    path = tools(tmp_path / "bin", "aos", "sh", aos=bare.aos)
    script(tmp_path / "bin", "scons", "#!/bin/sh\necho SCons 3.1.2\n")
    script(tmp_path / "bin", "python", "#!/bin/sh\nexit 3\n")
    refuses(bare, path, f"{tmp_path / 'bin' / 'python'} cannot start")


def test_unwritable_solution(bare):
    if os.geteuid() == 0:
        (bare.solution / "site_scons").write_text("a file in the way of the folder\n")
        (bare.root / "components" / "aos_ota_plugin").write_text("a file in the way of the folder\n")
    else:
        bare.solution.chmod(0o500)
    result = init(bare)
    bare.solution.chmod(0o700)
    assert result.status == 1, result.output
    assert "cannot write" in result.output
    assert "fix: " in result.output
