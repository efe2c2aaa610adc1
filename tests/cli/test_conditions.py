"""Every command on a machine that lacks something: it works, or says what is missing and what to do; never a fault of ours."""

from __future__ import annotations

import errno
import io
import os
import socket
import sys
import tempfile
import time
import types
from pathlib import Path

import pytest

from aos_ota_plugin.cli.main import main
from aos_ota_plugin.errors import OutputError, SecretError, SettingsError
from aos_ota_plugin.files.lock import check_lockable
from aos_ota_plugin.keys.generate import generate_private_pem
from aos_ota_plugin.keys.signer import load_signer
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
}
"""What commands are given beside ``--help``; those that are not here get the name of a file that is not there."""
STARTING = {"make", "menuconfig", "doctor", "demo", "simulate", "device", "story", "fleet", "flash", "cloud run"}
"""Commands that start other programs: only their help is asked for."""


def full_output(patch: pytest.MonkeyPatch, _folder: Path) -> None:
    patch.setattr(sys, "stdout", open("/dev/full", "w", encoding="utf-8"))  # noqa: SIM115 - the command's


def no_streams(patch: pytest.MonkeyPatch, _folder: Path) -> None:
    for name in ("stdin", "stdout"):
        patch.setattr(sys, name, None)


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
    "no locks (ENOLCK)": no_locks(errno.ENOLCK),
    "no locks (ENOSYS)": no_locks(errno.ENOSYS),
    "no network": no_network,
    "folder removed": removed_folder,
}


@pytest.mark.parametrize("condition", CONDITIONS)
def test_every_command(condition, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = {}
    for verb in verb_paths():
        for arguments in (["--help"], *([] if verb in STARTING else [CALLS.get(verb, ["none.json"])])):
            (tmp_path / "key.pem").write_bytes(PRIVATE.read_bytes())
            (tmp_path / "key.pem").chmod(0o600)
            (tmp_path / "fw.bin").write_bytes(b"firmware" * 100)
            errors = io.StringIO()
            with monkeypatch.context() as patch:
                patch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "utf-8"))
                patch.setattr(sys, "stderr", errors)
                CONDITIONS[condition](patch, tmp_path)
                try:
                    main([*verb.split(), *arguments])
                    status = 0
                except SystemExit as end:
                    status = end.code
            said = errors.getvalue()
            rows[verb, "help" if arguments == ["--help"] else "call"] = (status, said)
            for path in [path for path in tmp_path.iterdir() if path.is_file()]:
                path.unlink()
    for (verb, what), (status, said) in rows.items():
        print(f"{condition:<20}{verb:<16}{what:<6}{status}  {said.splitlines()[0] if said else ''}")
    wrong = {call: end for call, end in rows.items() if "internal error" in end[1] or "Traceback" in end[1]}
    assert wrong == {}
    assert [
        call for call, (status, said) in rows.items() if status == 1 and call[0] != "verify" and "fix:" not in said
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
