"""``aos-ota sign --elf``: the payload has to be the firmware in the ELF; what was not judged is said."""

from __future__ import annotations

import importlib.util
import json
import random
from pathlib import Path

import pytest

from aos_ota_plugin.device.flat_binary import flat_binary
from aos_ota_plugin.keys.public import parse_public_key

KEYS = Path(__file__).parents[1] / "keys" / "data"
_spec = importlib.util.spec_from_file_location("release_conftest", KEYS.parents[1] / "release" / "conftest.py")
_release = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_release)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "工作 区"
    folder.mkdir()
    public = parse_public_key((KEYS / "public.pem").read_bytes(), file="public.pem")
    elf = _release.firmware(public, b"app-1.0.1", random.Random(4).randbytes(6000))
    (folder / "fw.elf").write_bytes(elf)
    (folder / "ota_rtos.bin").write_bytes(flat_binary(elf))
    return folder


@pytest.fixture
def sign(run, key):
    return lambda *more: run("sign", "ota_rtos.bin", "--key", key, "--version", "app-1.0.1", "-o", "image.bin", *more)


def refused(done, folder, *says):
    assert done.returncode == 1, done.stdout
    for part in (*says, "fix: "):
        assert part in done.stderr
    assert not (folder / "image.bin").exists()
    assert not (folder / "image.json").exists()


def test_payload_of_the_elf(sign, folder):
    done = sign("--elf", "fw.elf")
    assert done.returncode == 0, done.stderr
    size = (folder / "ota_rtos.bin").stat().st_size
    assert f"  ok  the payload is the linked firmware: all {size} bytes computed from fw.elf\n" in done.stdout
    assert "   -  version order: not judged: no base release is given\n" in done.stdout


@pytest.mark.parametrize("chip", [(), ("--chip", "haas1000")])
def test_random_bytes_are_no_firmware(sign, folder, chip):
    (folder / "ota_rtos.bin").write_bytes(random.Random(1).randbytes(8000))
    refused(
        sign("--elf", "fw.elf", *chip), folder, "ota_rtos.bin is not the firmware in fw.elf: the first other byte is at"
    )


def test_what_a_chip_may_change(sign, folder):
    payload = bytearray((folder / "ota_rtos.bin").read_bytes())
    payload[4095] ^= 1
    (folder / "ota_rtos.bin").write_bytes(payload)
    refused(sign("--elf", "fw.elf"), folder, "the first other byte is at 0xfff")
    done = sign("--elf", "fw.elf", "--chip", "haas1000")
    assert (
        "  !!  the payload is the linked firmware: 1 of the first 4096 bytes changed, allowed by the description of the chip"
        in done.stdout
    )
    assert (
        json.loads((folder / "image.json").read_bytes())["excused"][0]["rule"] == "the payload is the linked firmware"
    )


def test_a_chip_by_its_description_and_prebuilt_parts(sign, folder):
    """The prebuilt part is in the component that the payload lies in."""
    flat = (folder / "ota_rtos.bin").read_bytes()
    (folder / "own.yaml").write_text(
        "schema: aos-ota-chip/1\nlayout:\n  - file: $CHIP/first.bin\n  - sections: [.rodata]\n"
        "full: image.bin\nxz: {name: image.bin.xz, payload: $CHIP/other.bin}\n"
    )
    (folder / "first.bin").write_bytes(b"first")
    (folder / "ota_rtos.bin").write_bytes(b"first" + flat)
    chip = ("--elf", "fw.elf", "--chip", "own.yaml")
    refused(sign(*chip), folder, "$CHIP/first.bin: $CHIP is not known here")
    (folder / "package.yaml").write_text("name: own\n")
    refused(sign(*chip, "--also", "xz"), folder, "the xz image is not made of this payload")
    (folder / "first.bin").write_bytes(b"fIrst")
    refused(sign(*chip), folder, "the first other byte is at 0x1, in the file $CHIP/first.bin")
    (folder / "first.bin").write_bytes(b"first")
    done = sign(*chip)
    assert done.returncode == 0, done.stderr
    assert f"all {len(flat) + 5} bytes as the description of the chip own says" in done.stdout


def test_any_payload_where_it_is_asked_for(sign, folder):
    (folder / "ota_rtos.bin").write_bytes(random.Random(1).randbytes(8000))
    done = sign("--elf", "fw.elf", "--allow", "changed-payload")
    assert "  !!  the payload is the linked firmware: not compared: allowed by OTA_ALLOW_CHANGED_PAYLOAD" in done.stdout


def test_a_chip_that_is_not_described(sign, folder):
    refused(sign("--elf", "fw.elf", "--chip", "haas2000"), folder, "no chip 'haas2000' is described here")


def test_without_an_elf_nothing_of_the_firmware_is_judged(sign):
    done = sign()
    assert done.returncode == 0
    for rule in ("public key in the firmware", "the payload is the linked firmware"):
        assert f"   -  {rule}: not judged: no ELF is given" in done.stdout


def test_verify_release_says_what_it_does_not_judge(sign, run, folder):
    assert sign("--elf", "fw.elf", "--allow", "development-key").returncode == 0
    (folder / "image.bin").rename(folder / "ota_rtos_ota.bin")
    document = json.loads((folder / "image.json").read_bytes())
    document["images"][0]["file"] = "ota_rtos_ota.bin"
    document["excused"] = [{"rule": "development keys", "detail": "allowed by OTA_ALLOW_DEVELOPMENT_KEY"}]
    (folder / "ota_rtos_ota.json").write_text(json.dumps(document), encoding="utf-8")
    done = run("verify-release", ".", "--without-statement")
    assert "   -  statement: not judged: --without-statement leaves it out\n" in done.stdout
    assert "   -  ota_rtos_ota.bin: as a device: not judged: no public key is given\n" in done.stdout
    assert (
        "   -  development keys: not judged: excused when it was released: allowed by OTA_ALLOW_DEVELOPMENT_KEY\n"
        in done.stdout
    )
    assert "   -  version order: not judged: nor when it was released: no base release is given\n" in done.stdout
    assert done.stdout.splitlines()[-1] == f"verified: 3 checks, {3 + len(document['not_judged'])} not judged"


def test_what_is_signed_elsewhere_shows_every_outcome(run, folder):
    (folder / "ota_rtos.bin").write_bytes(random.Random(1).randbytes(8000))
    ask = (
        "sign-request",
        "ota_rtos.bin",
        "--public-key",
        KEYS / "public.pem",
        "--version",
        "app-1.0.1",
        "-o",
        "d.json",
    )
    done = run(*ask, "--elf", "fw.elf", "--allow", "changed-payload")
    assert done.returncode == 0, done.stderr
    assert (
        "  !!  the payload is the linked firmware: not compared: allowed by OTA_ALLOW_CHANGED_PAYLOAD\n" in done.stdout
    )
    assert "   -  the payload is the linked firmware: not judged: no ELF is given" in run(*ask).stdout
