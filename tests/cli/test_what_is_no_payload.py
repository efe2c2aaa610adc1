"""Every command that takes a payload tells firmware from other files, and lets no private key through."""

from __future__ import annotations

from pathlib import Path

import pytest

KEYS = Path(__file__).parents[1] / "keys" / "data"
SIGN = ("--key", "key.pem", "--version", "app-1.0.1", "-o", "out/i.bin")
REQUEST = ("--public-key", "public.pem", "--version", "app-1.0.1", "-o", "out/r.json")
FIRMWARE = {
    "sign": ("sign", "FILE", *SIGN),
    "sign-request": ("sign-request", "FILE", *REQUEST),
    "sign-attach": ("sign-attach", "FILE", "--signature", "s.bin", *REQUEST[:-1], "out/i.bin"),
    "sign-approved": ("sign-approved", "FILE", *SIGN, "--second-signer", "second.pem"),
    "approve": ("approve", "FILE", "--key", "key.pem", "-o", "out/a.json"),
    "diff, old": ("diff", "FILE", "p.bin", "-o", "out/d.bin"),
    "diff, new": ("diff", "p.bin", "FILE", "-o", "out/d.bin"),
    "apply": ("apply", "FILE", "p.bin", "-o", "out/n.bin"),
    "pack images": ("pack", "images", "--app", "FILE", "--table", "table.c", "--unsigned", "-o", "out"),
}
ANY = {
    "sign for MCU": ("sign", "FILE", *SIGN, "--magic", "mcu"),
    "sign-request for FS": ("sign-request", "FILE", *REQUEST, "--magic", "fs"),
    "approve for MCU": ("approve", "FILE", "--key", "key.pem", "-o", "out/a.json", "--magic", "mcu"),
    "pack images, MCU": ("pack", "images", "--mcu", "FILE", "--table", "table.c", "--unsigned", "-o", "out"),
    "pack files": ("pack", "files", "files", "-o", "out/f.pack"),
}
NEVER_A_KEY = {
    "send": ("send", "FILE", "--port", "nowhere"),
    "send --any-file": ("send", "FILE", "--port", "nowhere", "--any-file"),
    "send --plain": ("send", "FILE", "--port", "nowhere", "--plain", "--any-file"),
}


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "文件 夹"
    (folder / "files").mkdir(parents=True)
    (folder / "p.bin").write_bytes(bytes(range(256)) * 20)
    (folder / "s.bin").write_bytes(bytes(256))
    for name, source in (("public.pem", "public.pem"), ("second.pem", "other-private.pem")):
        (folder / name).write_bytes((KEYS / source).read_bytes())
    (folder / "second.pem").chmod(0o600)
    (folder / "table.c").write_text(
        "[HAL_PARTITION_APPLICATION] = { .partition_start_addr = 0x2000, .partition_length = 0x8000, }"
    )
    return folder


def refused(done, folder, says):
    assert done.returncode == 1, done.stdout
    assert says in done.stderr
    assert "\n  fix: " in done.stderr
    assert not (folder / "out").exists()


@pytest.mark.parametrize("name", FIRMWARE)
def test_firmware(run, folder, key, name):
    (folder / "other.pem").write_bytes(key.read_bytes())
    (folder / "fw.elf").write_bytes(b"\x7fELF" + bytes(range(256)) * 20)
    for file, says in (("fw.elf", "this is an ELF file, not firmware"), ("other.pem", "this is a private key")):
        refused(run(*(file if word == "FILE" else word for word in FIRMWARE[name])), folder, says)


@pytest.mark.parametrize("name", ANY)
def test_any_other_file_than_a_key(run, folder, key, name):
    (folder / "files" / "x").write_bytes(key.read_bytes())
    refused(run(*("files/x" if word == "FILE" else word for word in ANY[name])), folder, "this is a private key")
    (folder / "files" / "x").write_bytes(b"PK\3\4" + bytes(range(256)) * 20)
    done = run(*("files/x" if word == "FILE" else word for word in ANY[name]))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", NEVER_A_KEY)
def test_no_key_over_a_serial_port(run, folder, key, name):
    refused(
        run(*("key.pem" if word == "FILE" else word for word in NEVER_A_KEY[name])), folder, "this is a private key"
    )


def test_the_version_that_is_asked_for(run, folder, key):
    (folder / "p.bin").write_bytes(bytes(range(256)) * 20 + b"\0app-1.0.1\0")
    assert "  ok  version in the firmware: app-1.0.1 stands in p.bin\n" in run("sign", "p.bin", *SIGN).stdout
    for other in ("app-9.9.9", "app-1.0.10"):
        done = run("sign", "p.bin", "--key", "key.pem", "--version", other, "-o", "j.bin")
        assert (
            f"p.bin holds the version app-1.0.1, not {other}: a device running it would report another" in done.stderr
        )
        assert done.returncode == 1
    done = run("sign-request", "p.bin", "--public-key", "public.pem", "--version", "app-9.9.9", "-o", "r.json")
    assert "p.bin holds the version app-1.0.1, not app-9.9.9" in done.stderr
    assert not {"j.bin", "r.json"} & {path.name for path in folder.iterdir()}
    (folder / "p.bin").write_bytes(bytes(range(256)) * 20)
    assert "   -  version in the firmware: not judged: no version stands in p.bin" in run("sign", "p.bin", *SIGN).stdout
