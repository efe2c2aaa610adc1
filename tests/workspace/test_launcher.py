"""Programs that a build needs: found, and able to start."""

from __future__ import annotations

import os
import sys

import pytest

from aos_ota_plugin.errors import BuildError
from aos_ota_plugin.workspace.launcher import check_program, find_git, find_launcher

pytestmark = pytest.mark.skipif(os.name != "posix", reason="programs are scripts for sh")

BROKEN = {
    "status 127": ("#!/bin/sh\nexit 127\n", "it ends with status 127"),
    "an error": ("#!/bin/sh\necho libcurl is missing >&2\nexit 1\n", "libcurl is missing"),
    "no interpreter": ("#!/nowhere/python\n", "No such file or directory"),
    "no program": ("\x7fELF", "Exec format error"),
    "nothing": ("#!/bin/sh\n", "it prints ''"),
}
GOOD = {"aos": "exit 1", "scons": "echo SCons 3.1.2", "python": "echo 3 11", "git": "echo git version 2.39.5"}


@pytest.fixture
def programs(tmp_path, monkeypatch):
    folder = tmp_path / "程序 bin"
    folder.mkdir()

    def write(name, text):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
        return str(folder / name)

    for name, line in GOOD.items():
        write(name, f"#!/bin/sh\n{line}\n")
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("GIT_PYTHON_GIT_EXECUTABLE", raising=False)
    return write


def test_good_ones(programs):
    assert find_launcher().version == (3, 11)
    assert find_git().endswith("git")


@pytest.mark.parametrize(("text", "reason"), BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("name", ["git", "scons", "python"])
def test_one_that_cannot_start_is_named_with_the_reason(programs, name, text, reason):
    programs(name, text)
    with pytest.raises(BuildError) as caught:
        (find_git if name == "git" else find_launcher)()
    assert caught.value.remedy
    if reason != "No such file or directory" or name != "scons":  # its own message says more
        assert reason in caught.value.problem


def test_the_python_of_aos_is_asked(programs):
    programs("aos", "#!/nowhere/python\n")
    with pytest.raises(BuildError, match="/nowhere/python cannot start: .*No such file"):
        find_launcher()
    programs("aos", f"#!{sys.executable}\n")
    find_launcher()


@pytest.mark.parametrize(("text", "reason"), BROKEN.values(), ids=BROKEN)
def test_any_program(programs, text, reason):
    program = programs("csky-gcc", text)
    with pytest.raises(BuildError, match="csky-gcc --version fails: ") as caught:
        check_program(program, "--version", "gcc", "install it again")
    assert reason in caught.value.problem
    check_program(programs("csky-gcc", "#!/bin/sh\necho csky-gcc 6.3\n"), "--version", "gcc", "")
