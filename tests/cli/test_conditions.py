"""Every command on a machine that lacks something: it works, or says what is missing and what to do; never a fault of ours."""

from __future__ import annotations

import errno
import functools
import io
import os
import shutil
import socket
import sys
import tempfile
import time
import types
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from aos_ota_plugin.cli.main import main
from aos_ota_plugin.errors import OutputError, SecretError, SettingsError
from aos_ota_plugin.files.lock import check_lockable
from aos_ota_plugin.keys.development import development_private_pem
from aos_ota_plugin.keys.generate import generate_private_pem
from aos_ota_plugin.keys.signer import load_signer
from aos_ota_plugin.lab.demo import workspace_copy
from aos_ota_plugin.process import describe
from aos_ota_plugin.settings.menu import edit_settings
from aos_ota_plugin.verbs import verb_paths

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the conditions are made as POSIX has them")

PRIVATE = Path(__file__).parents[1] / "keys" / "data" / "private.pem"
CALLS = {
    "keygen": ["-o", "new.pem"],
    "sign": ["fw.bin", "--key", "key.pem", "--version", "app-1", "-o", "out.bin"],
    "sign-request": ["fw.bin", "--version", "app-1", "-o", "out.json"],
    "info": ["key.pem"],
    "keys": ["none.json"],
    "verify": ["fw.bin", "--public-key", "key.pem"],
    "verify-release": ["none.json"],
    "pack files": ["fw.bin", "-o", "pack.bin"],
    "pack unpack": ["fw.bin", "-d", "there"],
    "diff": ["fw.bin", "fw.bin", "-o", "diff.bin"],
    "apply": ["fw.bin", "fw.bin", "-o", "-"],
    "release": ["--list"],
    "config": [],
    "sbom": [],
    "init": ["nowhere"],
    "cloud status": ["nowhere"],
    "make": ["OTA_APP_VERSION=app-1.0.1", "LWIP_DEBUG=1"],
    "menuconfig": [],
    "doctor": [],
    "demo": ["demo"],
    "simulate": ["simulate", "--quiet"],
    "device": ["mqtt://127.0.0.1:9", "--identity", "identity.json", "--quiet"],
    "story": ["story", "--quiet"],
    "fleet": ["--devices", "20", "--no-faults"],
    "flash": ["flash.yaml", "flash.bin"],
    "cloud run": ["cloud"],
}
"""What commands are given beside ``--help``; those that are not here get the name of a file that is not there."""
PROGRAMS = (
    "aos",
    "make",
    "scons",
    "git",
    "python",
    "python3",
    "arm-none-eabi-gcc",
    "mosquitto",
    "qemu-system-arm",
    "tc",
    "ip",
)
ANSWERS = {"scons": "echo SCons 3.1.2", "python": "echo 3 11", "python3": "echo 3 11"}
"""Programs that commands start: each ends at once, with this output or with status 1."""
SOLUTION = {
    ".aos": "",
    "solutions/s/package.yaml": "name: s\nversion: v1\ndescription: d\ntype: solution\nsolution:\n  board_name: b\n"
    "depends:\n  - b: v1\n  - ota: v1\ndef_config:\n  OTA_APP_VERSION: app-1.0.0\n  OTA_SIGNING_KEY: key.pem\n",
    "hardware/board/b/package.yaml": "name: b\nversion: v1\ndescription: d\ntype: board\ndepends:\n  - c: v1\n"
    "hw_info:\n  chip_name: c\n",
    "hardware/chip/c/package.yaml": "name: c\nversion: v1\ndescription: d\ntype: chip\nhw_info:\n"
    "  cpu_name: m4\n  toolchain_prefix: arm-none-eabi\n",
    "components/ota/package.yaml": "name: ota\nversion: v1\ndescription: d\ntype: common\n",
}
"""A workspace with one solution, in which the commands run."""
IDENTITY = '{"product_key": "demo", "device_name": "one", "device_secret": "' + "0" * 32 + '"}'


def full_output(patch: pytest.MonkeyPatch, _folder: Path) -> None:
    patch.setattr(sys, "stdout", open("/dev/full", "w", encoding="utf-8"))  # noqa: SIM115 - the command's


def no_streams(patch: pytest.MonkeyPatch, _folder: Path) -> None:
    for name in ("stdin", "stdout"):
        patch.setattr(sys, name, None)


def no_error_stream(patch: pytest.MonkeyPatch, _folder: Path) -> None:
    patch.setattr(sys, "stderr", None)


def removed_folder(patch: pytest.MonkeyPatch, folder: Path) -> None:
    (folder / "gone").mkdir()
    patch.chdir(folder / "gone")
    (folder / "gone").rmdir()


def no_network(patch: pytest.MonkeyPatch, _folder: Path) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))

    patch.setattr(socket.socket, "connect", refuse)
    patch.setattr(socket, "getaddrinfo", refuse)


def no_locks(number: int):
    def condition(patch: pytest.MonkeyPatch, _folder: Path) -> None:
        def refuse(*_: object) -> None:
            raise OSError(number, os.strerror(number))

        patch.setattr("fcntl.flock", refuse)

    return condition


def long_temporary_folder(patch: pytest.MonkeyPatch, folder: Path) -> None:
    path = folder / ("t" * 200)
    path.mkdir(exist_ok=True)
    patch.setenv("TMPDIR", str(path))
    patch.setattr(tempfile, "tempdir", None)


CONDITIONS = {
    "unknown TERM": lambda patch, _: patch.setenv("TERM", "no-such-terminal"),
    "no HOME": lambda patch, _: patch.delenv("HOME", raising=False),
    "long TMPDIR": long_temporary_folder,
    "long passphrase": lambda patch, _: patch.setenv("AOS_OTA_KEY_PASSPHRASE", "x" * 2000),
    "clock in 9999": lambda patch, _: patch.setattr(time, "time", lambda: 253_400_000_000.0),
    "full output": full_output,
    "no stdin, stdout": no_streams,
    "no stderr": no_error_stream,
    "no locks (ENOLCK)": no_locks(errno.ENOLCK),
    "no locks (ENOSYS)": no_locks(errno.ENOSYS),
    "no network": no_network,
    "folder removed": removed_folder,
}


@functools.cache
def development_key():
    return development_private_pem()


@pytest.fixture
def solution(tmp_path, monkeypatch):
    """The solution's folder, with programs in place of those that commands start."""
    for name, text in SOLUTION.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in PROGRAMS:
        (programs / name).write_text(f"#!/bin/sh\n{ANSWERS.get(name, 'exit 1')}\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setattr(sys, "executable", str(programs / "python3"))
    # Most of the time would go into new keys.
    key = load_pem_private_key(PRIVATE.read_bytes(), None)
    monkeypatch.setattr(rsa, "generate_private_key", lambda *_: key)
    monkeypatch.setattr(workspace_copy, "development_private_pem", development_key)
    monkeypatch.chdir(tmp_path / "solutions" / "s")
    return tmp_path / "solutions" / "s"


@pytest.mark.parametrize("condition", CONDITIONS)
def test_every_command(condition, solution, monkeypatch):
    rows = {}
    for verb in verb_paths():
        for arguments in (["--help"], CALLS.get(verb, ["none.json"])):
            (solution / "key.pem").write_bytes(PRIVATE.read_bytes())
            (solution / "key.pem").chmod(0o600)
            (solution / "fw.bin").write_bytes(b"firmware" * 100)
            (solution / "identity.json").write_text(IDENTITY)
            (solution / "identity.json").chmod(0o600)
            errors = io.StringIO()
            with monkeypatch.context() as patch:
                patch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "utf-8"))
                patch.setattr(sys, "stderr", errors)
                CONDITIONS[condition](patch, solution)
                try:
                    main([*verb.split(), *arguments])
                    status = 0
                except SystemExit as end:
                    status = end.code
            said = errors.getvalue()
            rows[verb, "help" if arguments == ["--help"] else "call"] = (status, said)
            for path in [path for path in solution.iterdir() if path.name != "package.yaml"]:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    for (verb, what), (status, said) in rows.items():
        print(f"{condition:<20}{verb:<16}{what:<6}{status}  {said.splitlines()[0] if said else ''}")
    wrong = {call: end for call, end in rows.items() if "internal error" in end[1] or "Traceback" in end[1]}
    assert wrong == {}
    if condition == "full output":
        full = [said for _, said in rows.values() if os.strerror(errno.ENOSPC) in said]
        assert len(full) > len(rows) // 2
        assert [said for said in full if f"error: standard output: {os.strerror(errno.ENOSPC)}" not in said] == []
    assert [
        call
        for call, (status, said) in rows.items()
        if status == 1 and call[0] not in {"verify", "doctor"} and "fix:" not in said and condition != "no stderr"
    ] == []


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS])
def test_a_file_system_without_locks_is_named(tmp_path, monkeypatch, number):
    no_locks(number)(monkeypatch, tmp_path)
    with pytest.raises(OutputError, match="its file system has no locks"):
        check_lockable(tmp_path / "build.lock")


def test_a_lock_that_is_a_link_is_refused(tmp_path):
    (tmp_path / "build.lock").symlink_to(tmp_path / "other")
    with pytest.raises(OutputError, match="a link stands there"):
        check_lockable(tmp_path / "build.lock")
    assert not (tmp_path / "other").exists()


def test_a_wrong_clock_is_no_fault_of_ours(monkeypatch):
    assert describe(OverflowError()).startswith("internal error")
    monkeypatch.setattr(time, "time", lambda: 253_400_000_000.0)
    assert "the clock is wrong" in describe(OverflowError())


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError("AF_UNIX path too long"), "set TMPDIR to a short path"),
        (OSError(errno.ENOSPC, "secret"), "make room on the disk"),
        (OSError(errno.ENETUNREACH, "secret"), "connect this machine to the network"),
    ],
)
def test_an_error_of_the_machine_is_one_line_with_a_remedy(error, says):
    said = describe(error)
    assert said.startswith("error: ")
    assert says in said
    assert "secret" not in said
    assert describe(OSError(errno.EINVAL, "secret")).startswith("internal error")


def test_a_terminal_that_cannot_show_the_menu(monkeypatch):
    curses = pytest.importorskip("curses")

    def menuconfig(_):
        raise curses.error("setupterm: could not find terminal")

    monkeypatch.setitem(sys.modules, "menuconfig", types.SimpleNamespace(menuconfig=menuconfig))
    monkeypatch.setenv("TERM", "no-such-terminal")
    monkeypatch.setenv("KCONFIG_CONFIG", "")
    with pytest.raises(SettingsError, match="TERM is 'no-such-terminal'"):
        edit_settings("ota.config")


def test_a_passphrase_that_is_too_long_is_not_called_wrong():
    with pytest.raises(SecretError, match="has 2000 bytes, and at most 1023"):
        generate_private_pem(b"x" * 2000)
    with pytest.raises(SecretError, match="has 2000 bytes, and at most 1023"):
        load_signer(generate_private_pem(b"x" * 1023), file="key.pem", passphrase=b"x" * 2000)
