"""When a build has succeeded, and what SCons has built: asked of SCons 3.1.2 itself, the one that aos-tools brings."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

SCONSTRUCT = """
import os, signal, sys, time
from aos_ota_plugin.scons import sconsign

sconsign.on_success(lambda: open("succeeded", "w").close())

def write(target, source, env):
    open(str(target[0]), "w").write("whole")
def fails(target, source, env):
    open(str(target[0]), "w").write("ha")
    return 3
def leaves(target, source, env):
    open(str(target[0]), "w").write("ha")
    sys.exit(0)
def raises(target, source, env):
    raise ValueError("x")
def waits(target, source, env):
    open(str(target[0]), "w").write("ha")
    print("waiting", flush=True)
    while not os.path.exists("go"):
        time.sleep(0.01)

env = Environment(tools=[])
ending = ARGUMENTS.get("END", "write")
first = env.Command("out/first.o", "source", write)
last = env.Command("out/deep/last.bin", [first, "source"], {f.__name__: f for f in (write, fails, leaves, raises, waits)}[ending])
env.Command("#out/other.txt", "source", write)
if ending == "write" and "CYCLE" in ARGUMENTS:
    env.Depends(first, last)
Default(last)
"""


@pytest.fixture
def project(tmp_path, bin_folder, require_tool):
    require_tool("SCons 3.1.2", (bin_folder / "scons").is_file(), "make test sets it up")
    folder = tmp_path / "工程 1"
    folder.mkdir()
    (folder / "SConstruct").write_text(SCONSTRUCT, encoding="utf-8")
    (folder / "source").write_text("1")
    command = [sys.executable, str(bin_folder / "scons"), "-Q"]

    def start(*arguments):
        (folder / "succeeded").unlink(missing_ok=True)
        return subprocess.Popen(
            [*command, *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    return folder, start


def run(project, *arguments):
    """Exit status, output, and whether the build was said to have succeeded."""
    folder, start = project
    process = start(*arguments)
    output = process.communicate(timeout=120)[0]
    return process.returncode, output, (folder / "succeeded").exists()


@pytest.mark.parametrize("arguments", [[], ["-j3"], ["out/first.o"], ["-k"], ["-i"], ["--random"]], ids=" ".join)
def test_a_build_that_succeeds(project, arguments):
    for _ in range(2):  # the second has nothing to do
        status, output, succeeded = run(project, *arguments)
        assert (status, succeeded) == (0, True), output


@pytest.mark.parametrize(
    "arguments",
    [
        ["END=fails"],
        ["END=fails", "-j3"],
        ["END=fails", "-k"],
        ["END=fails", "-i"],
        ["END=leaves"],
        ["END=leaves", "-k"],
        ["END=raises"],
        ["nowhere"],
        ["-q"],
        ["-n"],
        ["-h"],
    ],
    ids=" ".join,
)
def test_what_is_no_success(project, arguments):
    """Whatever the status is: with -i, and after an action that called sys.exit(0), SCons ends with 0."""
    _, output, succeeded = run(project, *arguments)
    assert not succeeded, output


def test_exception_between_the_actions(project):
    """SCons says that it is done building, writes its record, and then shows what went wrong."""
    status, output, succeeded = run(project, "CYCLE=y")
    assert status == 2
    assert "dependency cycle" in output
    assert not succeeded


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
@pytest.mark.parametrize("jobs", ["-j1", "-j3"])
def test_a_build_that_is_interrupted(project, number, jobs):
    """Even where its last action comes to a good end."""
    folder, start = project
    process = start("END=waits", jobs)
    for line in process.stdout:
        if "waiting" in line:
            break
    process.send_signal(number)
    (folder / "go").touch()
    process.communicate(timeout=120)
    assert process.returncode == (-number if number == signal.SIGKILL else 2)
    assert not (folder / "succeeded").exists()


def test_what_was_built_is_listed(project):
    folder, _ = project
    script = folder / "SConstruct"
    run(project)
    run(project, "END=fails")
    script.write_text(
        "from aos_ota_plugin.scons import sconsign\n"
        "print(sorted(sconsign.recorded_targets(Dir('#').abspath)))\n" + SCONSTRUCT,
        encoding="utf-8",
    )
    listed = [os.path.normcase(folder / "out" / name) for name in ("deep/last.bin", "first.o")]
    assert str(listed) in run(project, "-n")[1]
    (folder / ".sconsign.dblite").write_bytes(b"no record")
    assert "\n[]\n" in "\n" + run(project, "-n")[1]
    (folder / ".sconsign.dblite").unlink()
    assert "\n[]\n" in "\n" + run(project, "-n")[1]
    script.write_text(
        "SConsignFile(None)\n" + script.read_text(encoding="utf-8").replace("sorted(", "repr("), encoding="utf-8"
    )
    assert "\nNone\n" in "\n" + run(project, "-n")[1]


def test_record_that_cannot_be_written(project):
    folder, _ = project
    (folder / ".sconsign.tmp").symlink_to("/dev/full")
    status, output, succeeded = run(project)
    assert status == 2
    assert "SCons cannot write its record" in output
    assert not succeeded
    assert run(project)[::2] == (0, True)
