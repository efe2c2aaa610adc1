"""``aos-ota doctor`` on the demo workspace, whole and broken in one place at a time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time

import pytest

from aos_ota_plugin.keys.development import development_private_pem
from aos_ota_plugin.keys.signer import load_signer

WITH_AOS_MAKE = True
pytestmark = pytest.mark.aos


@pytest.fixture
def doctor(workspace):
    def call(*arguments, env=None):
        result = workspace.run(str(workspace.aos.parent / "aos-ota"), "doctor", *arguments, env=env)
        assert "Traceback" not in result.output
        return result

    return call


def commit(folder):
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    for arguments in (
        ["init", "-q"],
        ["add", "-A", "-f"],
        ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "all"],
    ):
        subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, env=environ)


def test_whole(doctor):
    result = doctor()
    assert result.status == 0
    assert "FAULT" not in result.output
    assert "hook: the component aos_ota_plugin" in result.output
    assert "compiler: /usr/bin/arm-none-eabi-gcc" in result.output
    assert result.output.endswith("nothing stands in the way of a build\n")
    report = json.loads(doctor("--json").output)
    assert report["faults"] == 0
    assert [check["name"] for check in report["checks"]] == [
        "aos make",
        "aos-tools",
        "git",
        "workspace",
        "hook",
        "compiler",
        "settings",
        "partition",
        "keys",
        "chip",
        "sources",
        "clock",
        "git history",
    ]


def move_component(workspace):
    (workspace.root / "components" / "aos_ota_plugin").rename(workspace.root / "elsewhere")


def forget_hook(workspace):
    text = workspace.package.read_text(encoding="utf-8")
    workspace.package.write_text(
        "".join(line for line in text.splitlines(True) if "aos_ota_plugin:" not in line), encoding="utf-8"
    )


def open_key(workspace):
    workspace.key.chmod(0o644)


def drop_key(workspace):
    workspace.key.unlink()


def misspell(workspace):
    workspace.edit(workspace.package, "OTA_CONFIG_RSA: y", "OTA_CONFIG_RSSA: y")


def move_compiler(workspace):
    chip = workspace.root / "hardware" / "chip" / "haas1000" / "package.yaml"
    workspace.edit(chip, "toolchain_path: /usr ", "toolchain_path: /dev/null/nowhere ")


def move_compiler_to_the_users_own(workspace):
    move_compiler(workspace)
    tools = workspace.root / "home" / ".aliot" / "arm-none-eabi" / "bin"
    tools.mkdir(parents=True)
    (tools / "arm-none-eabi-gcc").symlink_to("/usr/bin/arm-none-eabi-gcc")


def drop_partition_sizes(workspace):
    for path in (workspace.root / "hardware").rglob("*"):
        if path.match("partition_conf*.c") or path.match("*dld_cfg*.yaml"):
            path.unlink()


def drop_agent(workspace):
    workspace.edit(workspace.package, "  - ota: master\n", "")


def describe_chip_wrongly(workspace):
    (workspace.solution / "ota_chips").mkdir()
    (workspace.solution / "ota_chips" / "haas1000.yaml").write_text("full: a\n")


def drop_version(workspace):
    workspace.edit(workspace.solution / "otaappdemo.c", "#define MY_APP_VER ", "#define MY_VER ")


def drop_key_array(workspace):
    digest = workspace.root / "components" / "ota" / "hal" / "ota_hal_digest.c"
    digest.write_text(digest.read_text(encoding="utf-8").replace("ota_pubn_buf", "another_buf"), encoding="utf-8")


def drop_board(workspace):
    workspace.edit(workspace.package, "  board_name: haas100\n", "  cpu_id:\n")


def retire_key(workspace):
    key = load_signer(workspace.key.read_bytes(), file="key", passphrase=None).public_key
    (workspace.solution / "ota.keys.yaml").write_text(
        f"current:\n  fingerprint: {'a' * 64}\nretired:\n- fingerprint: {key.fingerprint}\n", encoding="utf-8"
    )
    workspace.edit(workspace.package, "def_config:\n", "def_config:\n  OTA_KEY_RING: ota.keys.yaml\n")


def take_development_key(workspace):
    workspace.write_key(workspace.key, development_private_pem())
    workspace.edit(workspace.package, "OTA_ALLOW_DEVELOPMENT_KEY: y ", "OTA_ALLOW_DEVELOPMENT_KEY: n ")


@pytest.mark.parametrize(
    "break_it, says, fix",
    [
        (
            move_component,
            "FAULT workspace: the solution depends on aos_ota_plugin, which is not",
            "fix: put it in place with `aos-ota init`",
        ),
        (forget_hook, "FAULT hook: nothing lets aos_ota_plugin into this solution's build", "fix: run `aos-ota init`"),
        (open_key, "others on this machine can read it", "fix: chmod 600"),
        (drop_key, "FAULT keys: ", "aos-ota keygen"),
        (retire_key, "ota.keys.yaml:4:3: the key ", "use the current key aaaaaaaaaaaaaaaa"),
        (take_development_key, "is a development key, and no release is made with one", "aos-ota keygen"),
        (misspell, "FAULT settings: ", "did you mean OTA_CONFIG_RSA"),
        (drop_partition_sizes, "FAULT partition: the size of the OTA partition is not known", "set OTA_PARTITION_SIZE"),
        (drop_agent, "FAULT sources: ", "add `- ota: master`"),
        (describe_chip_wrongly, "FAULT chip: ", "write `schema: aos-ota-chip/1`"),
        (drop_version, "FAULT sources: otaappdemo.c has no place for the version", "MY_APP_VER"),
        (drop_key_array, "FAULT sources: ", "ota_pubn_buf"),
        (drop_board, "FAULT workspace: ", "build with `aos make -b BOARD`"),
        (move_compiler, "FAULT compiler: there is no arm-none-eabi-gcc in /dev/null/nowhere/bin", "toolchain_path"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_broken(workspace, doctor, break_it, says, fix):
    break_it(workspace)
    result = doctor()
    assert result.status == 1
    assert result.output.count("FAULT ") == 1
    assert says in result.output
    assert fix in result.output


def test_compiler_in_another_place_than_toolchain_path_says(workspace, doctor):
    """aos-tools goes on with the one below the user's home folder."""
    move_compiler_to_the_users_own(workspace)
    result = doctor(env={"HOME": str(workspace.root / "home")})
    assert result.status == 0, result.output
    assert "where toolchain_path says: aos make takes " in result.output


def test_without_git(workspace, tmp_path):
    for name in ("aos", "scons", "python", "env"):
        found = workspace.aos.with_name(name) if name != "env" else "/usr/bin/env"
        (tmp_path / name).symlink_to(found)
    result = workspace.run(str(workspace.aos.with_name("aos-ota")), "doctor", path=str(tmp_path))
    assert result.status == 1, result.output
    assert "FAULT git: there is no `git` on PATH" in result.output
    assert "git history: not searched: there is no `git` on PATH" in result.output
    for name in ("make", "sh", "bash", "uname"):
        (tmp_path / name).symlink_to(shutil.which(name))
    result = workspace.run(str(workspace.aos.with_name("aos-ota")), "make", path=str(tmp_path))
    assert result.status == 1, result.output
    assert "aos-ota: error: there is no `git` on PATH" in result.output


@pytest.mark.parametrize("text", ["#!/bin/sh\nexit 127\n", "#!/nowhere/git\n", "#!/bin/sh\n"])
def test_programs_that_cannot_start(workspace, doctor, tmp_path, text):
    for name in ("git", "arm-none-eabi-gcc"):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    chip = workspace.root / "hardware" / "chip" / "haas1000" / "package.yaml"
    (tmp_path / "bin").symlink_to(tmp_path)
    workspace.edit(chip, "toolchain_path: /usr ", f"toolchain_path: {tmp_path} ")
    result = doctor(env={"PATH": f"{tmp_path}{os.pathsep}{workspace.aos.parent}{os.pathsep}{os.environ['PATH']}"})
    assert result.status == 1, result.output
    assert f"FAULT git: {tmp_path / 'git'} version fails: " in result.output
    assert f"FAULT compiler: {tmp_path / 'bin' / 'arm-none-eabi-gcc'} --version fails: " in result.output


def test_a_build_says_at_its_start_that_the_size_is_not_known(workspace):
    drop_partition_sizes(workspace)
    result = workspace.make()
    assert result.status == 2, result.output
    assert "aos_ota_plugin: error: the size of the OTA partition is not known" in result.output
    assert result.steps("CC") == []


def test_a_solution_without_a_board_is_told_to_name_one(workspace):
    drop_board(workspace)
    result = workspace.run(str(workspace.aos.with_name("aos-ota")), "make")
    assert result.status != 0
    assert "has no board" in result.output, result.output
    assert "build with `aos make -b BOARD`" in result.output


def test_without_aos_tools(workspace):
    result = workspace.run(
        str(workspace.aos.parent / "python"),
        "-c",
        f"import os; os.environ['PATH'] = {str(workspace.root / 'nowhere')!r}; from aos_ota_plugin.cli.main import main; main(['doctor'])",
    )
    assert result.status == 1
    assert "FAULT aos make: there is no `aos` on PATH" in result.output


def test_secrets_that_git_remembers(workspace, doctor):
    """Removed long ago, and still there for whoever has the history; the secret itself is not shown."""
    secret = {"AOS_OTA_DEVICE_SECRET": "d0e1f2a3b4c5d6e7"}
    (workspace.solution / "秘密 notes.txt").write_text(
        f"the device: {secret['AOS_OTA_DEVICE_SECRET']}\n", encoding="utf-8"
    )
    (workspace.solution / ".gitignore").unlink(missing_ok=True)
    commit(workspace.root)
    (workspace.solution / "秘密 notes.txt").unlink()
    workspace.key.rename(workspace.solution / "keys" / "new.pem")
    workspace.edit(workspace.package, "keys/ota_dev_key.pem", "keys/new.pem")
    (workspace.solution / ".gitignore").write_text("keys/new.pem\n")
    commit(workspace.root)
    result = doctor(env=secret)
    assert result.status == 1
    assert "holds the device secret, in solutions/ota_demo/秘密 notes.txt" in result.output
    assert "holds a private key that is not encrypted, in solutions/ota_demo/keys/ota_dev_key.pem" in result.output
    assert secret["AOS_OTA_DEVICE_SECRET"] not in result.output


def test_a_file_from_the_future_is_a_note(workspace, doctor):
    future = time.time() + 5000
    os.utime(workspace.solution / "maintask.c", (future, future))
    result = doctor()
    assert result.status == 0
    assert "note  clock: " in result.output
    assert "maintask.c changed in the future" in result.output


DRIVER = """
#include <stdio.h>
__attribute__((constructor)) static void loaded(void) { fclose(fopen("MARK", "w")); }
"""


def test_a_driver_that_the_workspace_names_is_loaded_only_when_asked(workspace, doctor, tmp_path):
    """Its constructor runs as soon as it is loaded, and a workspace may be anyone's."""
    mark, source, driver = tmp_path / "mark", tmp_path / "d.c", workspace.solution / "d.so"
    source.write_text(DRIVER.replace("MARK", str(mark)))
    subprocess.run(["cc", "-shared", "-fPIC", "-o", driver, source], check=True)
    workspace.edit(
        workspace.package,
        "OTA_SIGNING_KEY: keys/ota_dev_key.pem",
        'OTA_SIGNING_KEY: "pkcs11:object=x?module-path=d.so"',
    )
    result = doctor()
    assert not mark.exists()
    assert f"note  keys: the token's driver {driver} was not loaded" in result.output
    assert "--load-drivers" in result.output
    assert doctor("--load-drivers").status == 1
    assert mark.exists()
