"""What one command writes the others read: their limits are one table."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from click.testing import CliRunner

from aos_ota_plugin.cli.main import group
from aos_ota_plugin.cloud import client
from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.files.read import IMAGE_MAX, PAYLOAD_MAX, check_size
from aos_ota_plugin.pipeline.payloads import read_payload

KEYS = Path(__file__).parents[1] / "keys" / "data"
SIGN = ("sign", "p.bin", "--key", "key.pem", "--version", "app-1.0.0", "-o", "out/ota_rtos_ota.bin")
ROOM = ("--partition-size", "67108864")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "key.pem").write_bytes((KEYS / "private.pem").read_bytes())
    (tmp_path / "key.pem").chmod(0o600)
    (tmp_path / "public.pem").write_bytes((KEYS / "public.pem").read_bytes())
    return tmp_path


def command(*arguments):
    done = CliRunner().invoke(group, arguments)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def payload(path, size):
    with open(path, "wb") as stream:
        stream.write(b"firmware")
        stream.truncate(size)
    return path


def test_what_sign_makes_is_read_again(folder, monkeypatch):
    size = 40 << 20
    payload(folder / "p.bin", size)
    command(*SIGN, *ROOM, "--also", "xz")
    image, packed = "out/ota_rtos_ota.bin", "out/ota_rtos_ota.bin.xz"
    assert "accepted" in command("verify", image, "--public-key", "public.pem", *ROOM)
    assert "signed for local mode" in command("info", image)
    assert hashlib.sha256((folder / "p.bin").read_bytes()).hexdigest() in command("info", packed)  # of the decoded
    assert "accepted" in command("verify", packed, "--public-key", "public.pem", *ROOM)
    command("verify-release", "out", "--public-key", "public.pem", "--without-statement")
    for file in (image, packed, "out/ota_rtos_ota.json"):  # as `diff` and `apply` read their payloads
        assert len(read_payload(file, "the old payload").data) == size
    uploaded = []

    class Client:
        def __init__(self, folder):
            pass

        def upload(self, data, fields):
            uploaded.append(len(data))
            return {"package": 1, "sha256": "0" * 64, "digestsign": None}

    monkeypatch.setattr(client, "Client", Client)
    command("cloud", "upload", image, "--product", "demo", "--version", "app-1.0.0")
    command("cloud", "upload", "out/ota_rtos_ota.json", "--product", "demo")
    assert uploaded[0] == uploaded[1] == (folder / image).stat().st_size
    command("push-message", "out/ota_rtos_ota.json", "--url", "https://example.com/x")


def test_the_largest_payload(folder):
    payload(folder / "p.bin", PAYLOAD_MAX - 1024)  # with its trailer it fits the largest partition that can be named
    command(*SIGN, *ROOM)
    assert "accepted" in command("verify", "out/ota_rtos_ota.bin", "--public-key", "public.pem", *ROOM)


def test_what_would_not_be_read_is_not_made(folder):
    payload(folder / "p.bin", PAYLOAD_MAX + 1)
    done = CliRunner().invoke(group, [*SIGN, *ROOM])
    assert f"the payload p.bin has more than {PAYLOAD_MAX} bytes" in str(done.exception)
    assert not (folder / "out").exists()


def test_outputs_made_of_several_files_have_a_limit():
    check_size(bytes(IMAGE_MAX), "x.pack")
    with pytest.raises(FormatError, match="x.pack would have 134217729 bytes, and at most 134217728 are read"):
        check_size(bytes(IMAGE_MAX + 1), "x.pack")
