"""Every route by which an error ends the real ``aos make``: non-zero, with place and remedy, without a traceback, and with
the previous outputs as they were. What else is refused for the same kind of reason is in the unit tests of settings, keys,
sources and release."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager

import pytest
from waiting import HANGS, until

from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.verify.release_file import read_described

pytestmark = pytest.mark.aos

NEW = "OTA_APP_VERSION=app-1.0.1"


@pytest.fixture
def released(built_workspace):
    """A workspace with app-1.0.0 built, and the outputs that must survive."""
    return built_workspace


def refused(workspace, *arguments, says, env=None):
    """The build fails, says each of ``says`` and a fix, and leaves the outputs alone."""
    before = workspace.snapshot()
    assert set(before) == {"ota_rtos_ota.bin", "ota_rtos_ota.json"}
    result = workspace.make(*arguments, env=env)
    assert result.status != 0, result.output[-3000:]
    shown = (
        result.output[result.output.find("aos_ota_plugin: error:") :]
        if "aos_ota_plugin: error:" in result.output
        else ""
    )
    assert shown, result.output[-3000:]
    for part in says:
        assert part in shown, shown
    assert "\n  fix: " in shown
    assert "Traceback" not in result.output
    assert workspace.snapshot() == before
    leftovers = [path.name for path in workspace.images.iterdir() if path.name.endswith(".tmp")]
    assert leftovers == []
    return result


def set_in_def_config(workspace, line):
    workspace.edit(workspace.package, "def_config:\n", f"def_config:\n  {line}\n")


# --- workspace


def test_missing_ota_dependency(released):
    # Nothing else may need it, so its users go too.
    text = released.package.read_text(encoding="utf-8").replace("  - ota: master\n", "")
    released.package.write_text(text, encoding="utf-8")
    refused(released, NEW, says=["does not use the component `ota`", "add `- ota: master`", "package.yaml"])


# --- keys


def test_key_that_others_can_read(released):
    released.key.chmod(0o644)
    # With nothing else to do.
    refused(released, "OTA_APP_VERSION=app-1.0.0", says=["others on this machine can read it", "chmod 600"])


def test_key_that_git_tracks(released):
    (released.solution / "keys" / ".gitignore").unlink(missing_ok=True)
    subprocess.run(["git", "init", "-q"], cwd=released.root, check=True)
    try:
        subprocess.run(["git", "add", "-f", str(released.key)], cwd=released.root, check=True)
        refused(released, NEW, says=["git tracks it", "git rm --cached"])
    finally:
        shutil.rmtree(released.root / ".git")


# --- the mode that the sources are compiled for


def test_header_that_takes_the_mode_away(released):
    """It was signed as local: these devices would have taken any image that says nothing of a signature."""
    rule = {"rule": "security mode of the sources"}
    proof = next(one for one in json.loads(released.manifest.read_bytes())["proofs"] if one.items() >= rule.items())
    assert proof["detail"].startswith("OTA_CONFIG_LOCAL_RSA is 1 in ota_")
    ota = released.root / "components" / "ota"
    # As mbedtls' configuration is named: the preprocessor gets the macro as the compiler does, with quotes alone.
    released.edit(ota / "package.yaml", "build_config:\n", "build_config:\n  define:\n    AGENT_FILE: ota_own.h\n")
    released.edit(
        ota / "include" / "ota_log.h", '#include "ulog/ulog.h"\n', '#include "ulog/ulog.h"\n#include AGENT_FILE\n'
    )
    (ota / "include" / "ota_own.h").write_text("/* 我们的 */\n#undef OTA_CONFIG_LOCAL_RSA\n", encoding="utf-8")
    refused(released, says=["ota_own.h:2: ", "is compiled without OTA_CONFIG_LOCAL_RSA"])
    refused(released, NEW, says=["is compiled without OTA_CONFIG_LOCAL_RSA"])


# --- settings


def test_version_in_quotes_that_a_board_change_drops(released):
    released.edit(released.package, "OTA_APP_VERSION: app-1.0.0", 'OTA_APP_VERSION: "1.10"')
    refused(released, "-b", "haaseduk1", says=["OTA_APP_VERSION", "1.10"])


def test_secret_in_package_yaml(released):
    set_in_def_config(released, "OTA_DEVICE_SECRET: 5ecret5ecret5ecret")
    result = refused(released, NEW, says=["there is a secret in package.yaml", "package.yaml:"])
    assert "5ecret5ecret5ecret" not in result.output


# --- version and base release


def test_version_that_devices_take_for_older(released):
    (released.solution / "base.json").write_bytes(
        released.manifest.read_bytes().replace(b'"version": "app-1.0.0"', b'"version": "app-1.0.9"')
    )
    refused(
        released,
        "OTA_APP_VERSION=app-1.0.10",
        "OTA_BASE_RELEASE=base.json",
        says=["app-1.0.10", "app-1.0.9", "use app-1"],
    )


def test_base_release_that_is_not_there(released):
    refused(released, NEW, "OTA_BASE_RELEASE=nowhere.json", says=["cannot read the base release", "nowhere.json"])


def test_base_release_that_this_build_overwrites(released):
    refused(
        released,
        NEW,
        f"OTA_BASE_RELEASE={os.path.relpath(released.manifest, released.solution)}",
        says=["the manifest that this build overwrites"],
    )


# --- sources


def test_no_place_for_the_version(released):
    source = released.solution / "otaappdemo.c"
    source.write_text(
        source.read_text(encoding="utf-8").replace("#define MY_APP_VER", "#define MY_VERSION"), encoding="utf-8"
    )
    refused(released, NEW, says=["otaappdemo.c", "no place for the version", "MY_APP_VER"])


# --- the vendor's image step


def _image_step(workspace):
    return workspace.root / "hardware" / "chip" / "haas1000" / "release" / "auto_build_tool" / "build_bin.py"


def _replace_image_step(workspace, text):
    _image_step(workspace).write_text(text, encoding="utf-8")


def test_image_step_that_leaves_a_stale_payload(released):
    _replace_image_step(released, "print('nothing done, all well')\n")
    refused(released, NEW, says=["ota_rtos.bin", "older than"])


def test_image_step_that_leaves_no_payload(released):
    payload = released.images / "ota_rtos.bin"
    _replace_image_step(released, f"import os\nos.remove({str(payload)!r})\n")
    refused(released, NEW, says=["the image step made none of the files that", "ota_rtos.bin"])


def test_unsigned_image_of_the_image_step_never_stays(released):
    """The vendor's own script writes an unsigned image under our name; then it, or the proof, fails."""
    _replace_image_step(
        released,
        (
            "import pathlib, sys\n"
            f"folder = pathlib.Path({str(released.images)!r})\n"
            "(folder / 'ota_rtos_ota.bin').write_bytes(b'unsigned')\n"
            "(folder / 'ota_rtos_ota.bin.xz').write_bytes(b'unsigned')\n"
            "sys.exit(1)\n"
        ),
    )
    refused(released, NEW, says=["image step failed with status 1", "build_bin.py"])
    assert not (released.images / "ota_rtos_ota.bin.xz").exists()


# --- the machine


@contextmanager
def _mounted(folder, options, require_tool):
    """A small file system in the place of a folder, with the folder's files in it."""
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False
    )
    require_tool("a mount", mounted.returncode == 0, "only root can make one")
    try:
        for name, data in files.items():
            (folder / name).write_bytes(data)
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_disk_full_then_a_folder_that_is_not_writable(released, require_tool):
    def pages(path):
        return -(-path.stat().st_size // 4096)

    # Room for what is there and for one more file of the payload's size: the new image fits, its manifest does not.
    room = sum(map(pages, released.images.iterdir())) + pages(released.images / "ota_rtos.bin")
    with _mounted(released.images, f"size={room * 4}k", require_tool):
        refused(released, NEW, says=["no room on the disk", "ota_rtos_ota.bin", "untouched"])
    # A folder that is not writable: the vendor's step writes there first; that it fails is what stops the build.
    with _mounted(released.images, "size=4m", require_tool):
        subprocess.run(["mount", "-o", "remount,ro", str(released.images)], check=True)
        refused(released, NEW, says=["image step failed"])
    released.made(NEW)


def test_output_folder_that_only_we_cannot_write(released):
    """A folder stands where the image belongs: the rename fails, and says so."""
    released.image.unlink()
    released.image.mkdir()
    try:
        result = released.make(NEW)
        assert result.status != 0
        assert "aos_ota_plugin: error: cannot write" in result.output
        assert "Traceback" not in result.output
    finally:
        released.image.rmdir()


def test_two_real_builds_at_once(released):
    """The second is sent away while the first builds, which ends as if it had been alone.

    Two that start in the same instant may stumble over aos-tools itself: while it reads components it writes an
    SConscript into each folder that has none, and removes it again.
    """
    path = str(released.aos.parent) + os.pathsep + os.environ["PATH"]
    first = subprocess.Popen(
        [str(released.aos), "make", "OTA_APP_VERSION=app-3.0.0"],
        cwd=released.solution,
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    lines = []
    while "Building targets" not in "".join(lines[-1:]):
        lines.append(first.stdout.readline())
        assert lines[-1], "".join(lines)
    # The whole build stands still meanwhile, however slow this machine is.
    os.killpg(first.pid, signal.SIGSTOP)
    try:
        second = released.make("OTA_APP_VERSION=app-3.0.1")
    finally:
        os.killpg(first.pid, signal.SIGCONT)
    rest = first.communicate(timeout=HANGS)[0]
    assert first.returncode == 0, rest
    assert second.status != 0
    shown = second.output[second.output.index("aos_ota_plugin: error:") :]
    assert "another build of this solution is running" in shown
    assert "\n  fix: " in shown
    assert "Traceback" not in second.output
    assert b'"version": "app-3.0.0"' in released.manifest.read_bytes()


@pytest.mark.parametrize("kills", [4, pytest.param(14, marks=pytest.mark.faults)])
def test_build_killed_at_any_moment(released, kills):
    """kill -9 over the whole length of a build: what is there is the old release or the new one, each whole."""
    releases = {"app-1.0.0": released.snapshot()}
    released.made(NEW)
    releases["app-1.0.1"] = released.snapshot()
    started = time.monotonic()
    released.made("OTA_APP_VERSION=app-1.0.0")
    length = time.monotonic() - started
    seen = set()
    for step in range(1, kills + 1):
        version = "app-1.0.1" if step % 2 else "app-1.0.0"
        path = str(released.aos.parent) + os.pathsep + os.environ["PATH"]
        build = subprocess.Popen(
            [str(released.aos), "make", f"OTA_APP_VERSION={version}"],
            cwd=released.solution,
            env={**os.environ, "PATH": path},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(length * step / kills)
        os.killpg(build.pid, signal.SIGKILL)
        build.wait()
        now = released.snapshot()
        images = {release["ota_rtos_ota.bin"]: name for name, release in releases.items()}
        assert now["ota_rtos_ota.bin"] in images, f"killed after {length * step / kills:.2f} s"
        assert now["ota_rtos_ota.json"] in {release["ota_rtos_ota.json"] for release in releases.values()}
        seen.add(images[now["ota_rtos_ota.bin"]])
    released.made(NEW)
    assert released.snapshot() == releases["app-1.0.1"]
    assert seen


def test_killed_while_the_image_step_runs(released):
    """The vendor's script has written its unsigned images under our names when everything is killed.

    No command of ours hands them on; the next build removes them, even one that is refused, and one that succeeds makes
    ours anew.
    """
    before, script = released.snapshot(), _image_step(released).read_text(encoding="utf-8")
    _replace_image_step(
        released,
        (
            "import pathlib, time\n"
            f"folder = pathlib.Path({str(released.images)!r})\n"
            "(folder / 'ota_rtos_ota.bin').write_bytes(b'unsigned')\n"
            "(folder / 'ota_rtos_ota.bin.xz').write_bytes(b'unsigned')\n"
            "time.sleep(60)\n"
        ),
    )
    path = str(released.aos.parent) + os.pathsep + os.environ["PATH"]
    build = subprocess.Popen(
        [str(released.aos), "make", NEW],
        cwd=released.solution,
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    until(lambda: released.image.read_bytes() == b"unsigned")
    os.killpg(build.pid, signal.SIGKILL)
    build.communicate(timeout=HANGS)  # until all that it started has ended, too
    for name in ("ota_rtos_ota.bin", "ota_rtos_ota.bin.xz"):
        with pytest.raises(FormatError, match="the manifest beside this file does not describe it"):
            read_described(str(released.images / name), "the package", "", others=False)
    # SCons has no record of what was rendered, compiled and linked for the other version, nor of what is half written.
    objects = released.out / "ota_demo" / "otaappdemo.o"
    objects.write_bytes(objects.read_bytes()[:200])
    left = released.make("OTA_APP_VERSION=app/1")
    assert left.status != 0
    assert "the last build did not succeed" in left.output
    assert {path.name for path in released.images.glob("ota_rtos_ota*")} == {"ota_rtos_ota.json"}
    _image_step(released).write_text(script, encoding="utf-8")
    released.made("OTA_APP_VERSION=app-1.0.0")
    assert released.snapshot() == before


def test_killed_between_two_renames(released):
    """The next build completes the new set before anything else, so also when it fails itself."""
    old = released.snapshot()
    released.made(NEW)
    new = released.snapshot()
    assert new.keys() == old.keys()
    assert all(new[name] != old[name] for name in new)
    released.manifest.write_bytes(old["ota_rtos_ota.json"])
    (released.images / ".ota_rtos_ota.json.0123456789ab.set").write_bytes(new["ota_rtos_ota.json"])
    result = released.make("OTA_APP_VERSIN=app-1.0.2")
    assert result.status != 0
    assert released.snapshot() == new
    assert not list(released.images.glob(".ota_rtos_ota.json*"))


def test_no_room_for_the_record_of_scons(released):
    """SCons writes .sconsign.dblite last: a full disk there ends in an error of ours, not in a traceback."""
    record = released.solution / ".sconsign.tmp"
    record.symlink_to("/dev/full")
    result = released.make("OTA_APP_VERSION=app-1.0.7")
    assert result.status != 0
    assert "aos_ota_plugin: error: SCons cannot write its record of this build" in result.output
    assert "\n  fix: free some space" in result.output
    assert "Traceback" not in result.output
    assert "Exception ignored" not in result.output
    assert not os.path.lexists(record)
