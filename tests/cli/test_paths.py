"""Paths as users type them: ~ where no shell expands it, names that are no UTF-8, names of 255 bytes, pipes."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from aos_ota_plugin.cli.main import group
from aos_ota_plugin.cli.options import UserPath

KEYS = Path(__file__).parents[1] / "keys" / "data"
SIGN = ("--version", "app-1.0.1")
LONG = "n" * 251


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "文件 夹"
    folder.mkdir()
    (folder / "p.bin").write_bytes(bytes(range(256)) * 20)
    (folder / "public.pem").write_bytes((KEYS / "public.pem").read_bytes())
    return folder


def commands(command, words=()):
    for name in command.list_commands(None) if isinstance(command, click.Group) else ():
        yield from commands(command.get_command(None, name), (*words, name))
    if not isinstance(command, click.Group):
        yield words, command


PATHS = [
    pytest.param(words, parameter, id=f"{' '.join(words)} {parameter.name}")
    for words, command in commands(group)
    for parameter in command.params
    if isinstance(parameter.type, click.Path)
]


def test_every_path_is_one_of_ours():
    """Of an option that takes a path by another type, nobody knows that ``~`` is the home folder."""
    assert len(PATHS) > 60
    for case in PATHS:
        assert isinstance(case.values[1].type, UserPath), case.id
    named = {"FILE", "FOLDER", "PATH"}
    for words, command in commands(group):
        for parameter in command.params:
            other = not isinstance(parameter.type, UserPath) and named & set(re.split(r"\W+", parameter.metavar or ""))
            assert not other, (words, parameter.name)


@pytest.mark.skipif(os.name != "posix", reason="HOME")
def test_home(run, folder, key):
    """In --key=~/k.pem no shell expands it."""
    home = str(folder)
    done = run("sign", "~/p.bin", "--key=~/key.pem", *SIGN, "-o", "~/i.bin", "--elf", "~/none.elf", HOME=home)
    assert f"cannot read the ELF {home}/none.elf" in done.stderr
    assert run("sign", "~/p.bin", "--key=~/key.pem", *SIGN, "-o", "~/i.bin", HOME=home).returncode == 0
    assert (folder / "i.json").exists()
    done = run("sign", "p.bin", "--key=~/key.pem", *SIGN, "-o", "~/key.pem", HOME=home)
    assert "would be overwritten by the output" in done.stderr
    done = run("pack", "images", "--app=~/p.bin@0x2000", "--table", "~/t.c", "--unsigned", "-o", "~/out", HOME=home)
    assert f"cannot read the partition table {home}/t.c" in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="names of bytes")
def test_names_that_are_no_utf_8(run, folder, key):
    """They are the bytes that they are; where they would have to stand in JSON, they are refused."""
    names = [os.fsdecode(name) for name in (b"\xff.bin", b"\xfe.bin", b"\xfd.pem")]
    (folder / names[0]).write_bytes(bytes(range(255, -1, -1)) * 20)
    assert run("diff", "p.bin", names[0], "-o", names[1]).returncode == 0
    assert json.loads(run("info", names[1], "--json").stdout)["kind"].startswith("diff")
    assert run("keygen", "-o", names[2]).returncode == 0
    assert run("approve", names[0], "--key", names[2], "-o", os.fsdecode(b"\xfc.json")).returncode == 0
    before = sorted(folder.iterdir())
    for words in (
        ("sign", names[0], "--key", "key.pem", *SIGN, "-o", "i.bin"),
        ("sign", "p.bin", "--key", "key.pem", *SIGN, "-o", os.fsdecode(b"\xfb.bin")),
        ("sign-request", names[0], "--public-key", "public.pem", *SIGN, "-o", "r.json"),
    ):
        done = run(*words)
        assert done.returncode == 1
        assert "is not UTF-8, so it cannot stand in a document\n  fix: rename" in done.stderr
    assert sorted(folder.iterdir()) == before


@pytest.mark.skipif(os.name != "posix", reason="names of bytes")
def test_names_that_are_no_utf_8_are_shown_as_a_shell_takes_them(run, folder):
    name = os.fsdecode(b"\xff.pem")
    (folder / name).write_bytes((KEYS / "private.pem").read_bytes())
    (folder / name).chmod(0o644)
    (folder / os.fsdecode(b"d\xfe")).mkdir()
    (folder / os.fsdecode(b"d\xfe") / name).write_bytes(b"a")
    said = [
        run("info", os.fsdecode(b"none\xff")).stderr,
        run("approve", "p.bin", "--key", name, "-o", "a.json").stderr,
        run("pack", "files", os.fsdecode(b"d\xfe"), "-o", "pack.bin").stderr,
        run("sign", "p.bin", "--key", "public.pem", *SIGN, "-o", name).stderr,
        run("info", name).stdout,
    ]
    for text in said:
        assert "udc" not in text
    assert "none\\xff" in said[0]
    assert "chmod 600 '\\xff.pem'" in said[1]
    assert json.loads(run("info", name, "--json").stdout)["file"] == name


@pytest.mark.skipif(os.name != "posix", reason="variables of bytes")
def test_a_passphrase_that_is_no_utf_8(run, folder):
    secret = {"AOS_OTA_KEY_PASSPHRASE": os.fsdecode(b"\xff\xe9")}
    assert run("keygen", "-o", "k.pem", **secret).returncode == 0
    assert run("approve", "p.bin", "--key", "k.pem", "-o", "a.json", **secret).returncode == 0
    done = run("approve", "p.bin", "--key", "k.pem", "-o", "a.json", AOS_OTA_KEY_PASSPHRASE="other")
    assert "the passphrase does not open the private key" in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="255 bytes")
def test_long_names(run, folder, key):
    (folder / f"{LONG}.bin").write_bytes(bytes(range(255, -1, -1)) * 20)
    assert run("diff", "p.bin", f"{LONG}.bin", "-o", f"{LONG}.dif").returncode == 0
    assert run("apply", "p.bin", f"{LONG}.dif", "-o", f"{LONG}.new").returncode == 0
    assert (folder / f"{LONG}.new").read_bytes() == (folder / f"{LONG}.bin").read_bytes()
    before = sorted(folder.iterdir())
    for words in (
        ("sign", "p.bin", "--key", "key.pem", *SIGN, "-o", f"{LONG}.bin"),  # its manifest has a longer name
        ("keygen", "-o", f"{LONG}.pem"),
    ):
        assert "File name too long\n  fix: give a shorter name" in run(*words).stderr
    assert sorted(folder.iterdir()) == before


def given(words, parameter, value):
    """Run a command with this one path, of those that it needs."""
    option = [parameter.opts[-1]] if isinstance(parameter, click.Option) else []
    return CliRunner().invoke(group, [*words, *option, value])


@pytest.mark.skipif(os.name != "posix", reason="255 bytes")
@pytest.mark.parametrize(("words", "parameter"), PATHS)
def test_a_name_that_no_system_takes_is_wrong_usage(words, parameter):
    done = given(words, parameter, "n" * 256)
    assert done.exit_code == 2, done.output
    if "Missing" not in done.output:
        assert "File name too long" in done.output


STREAMS = {("apply",), ("sbom",)}
"""The commands whose -o takes ``-`` for standard output."""


@pytest.mark.parametrize(("words", "parameter"), PATHS)
def test_a_dash_is_standard_output_or_wrong_usage(tmp_path, monkeypatch, words, parameter):
    monkeypatch.chdir(tmp_path)
    takes_it = words in STREAMS and parameter.name == "output"
    assert parameter.type.allow_dash == takes_it
    if takes_it:
        return
    with pytest.raises(click.UsageError, match="write ./-"):
        parameter.type.convert("-", parameter, None)
    assert given(words, parameter, "-").exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_a_dash_before_a_place_is_wrong_usage(run, folder):
    (folder / "-").write_bytes((folder / "p.bin").read_bytes())
    (folder / "t.c").write_text("[HAL_PARTITION_APP] = { .partition_start_addr = 0x2000, .partition_length = 0x8000 },")
    words = ("pack", "images", "--table", "t.c", "--unsigned", "-o", "out")
    assert "write ./-" in run(*words, "--app=-@0x2000").stderr
    assert run(*words, "--app=./-@0x2000").returncode == 0


@pytest.mark.skipif(os.name != "posix", reason="links")
@pytest.mark.parametrize(("words", "parameter"), PATHS)
def test_a_link_that_leads_to_itself_is_wrong_usage(tmp_path, monkeypatch, words, parameter):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(click.UsageError, match="Too many levels of symbolic links"):
        parameter.type.convert("loop", parameter, None)
    assert given(words, parameter, "loop").exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["loop"]
    assert (tmp_path / "loop").is_symlink()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_documents_as_windows_saves_them(run, folder, key, encoding):
    """By PowerShell's > (UTF-16), or in an editor."""

    def saved(name, text):
        (folder / name).write_bytes(text.replace("\n", "\r\n").encode(encoding))

    fingerprint = json.loads(run("info", "public.pem", "--json").stdout)["facts"]["fingerprint"]
    saved("ring.yaml", f"current:\n  fingerprint: {fingerprint}\n")
    saved("own.yaml", "schema: aos-ota-chip/1\nfull: ota_rtos_ota.bin\n")
    assert run("sign", "p.bin", "--key", "key.pem", "--version", "app-1.0.0", "-o", "i.bin").returncode == 0
    saved("base.json", (folder / "i.json").read_text(encoding="utf-8"))
    more = ("--key-ring", "ring.yaml", "--chip", "own.yaml", "--base-release", "base.json")
    done = run("sign", "p.bin", "--key", "key.pem", *SIGN, "-o", "j.bin", *more)
    assert done.returncode == 0, done.stderr
    assert "  ok  version order: app-1.0.1 is newer than app-1.0.0" in done.stdout
    (folder / "second.pem").write_bytes((KEYS / "other-private.pem").read_bytes())
    (folder / "second.pem").chmod(0o600)
    assert run("approve", "p.bin", "--key", "second.pem", "-o", "a.json").returncode == 0
    saved("approval.json", (folder / "a.json").read_text(encoding="ascii"))
    more = ("--second-approval", "approval.json", "--second-public-key", str(KEYS / "other-public.pem"))
    assert run("sign-approved", "p.bin", "--key", "key.pem", *SIGN, "-o", "l.bin", *more).returncode == 0
    message = run("push-message", "j.json", "--url", "https://host/j.bin").stdout
    saved("push.json", message)
    done = run("verify", "j.bin", "--push", "push.json", "--public-key", "public.pem")
    assert done.returncode == 0, done.stdout + done.stderr
    assert run("report", "base.json").returncode == 0
    (folder / "releases").mkdir()
    (folder / "base.json").rename(folder / "releases" / "1.json")
    assert "app-1.0.0" in run("keys", "releases").stdout
