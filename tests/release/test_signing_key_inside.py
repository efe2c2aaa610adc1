"""The key that signs is refused inside what it signs, wherever something is signed."""

from __future__ import annotations

from pathlib import Path

import pytest

from aos_ota_plugin.errors import FormatError, Place
from aos_ota_plugin.images.info import ImageMagic
from aos_ota_plugin.images.multi import Part, Partition, place
from aos_ota_plugin.release.approving import approve_payload
from aos_ota_plugin.release.make import make_release
from aos_ota_plugin.release.module_file import DeclaredModule, ModuleSource
from aos_ota_plugin.release.module_set import make_modules
from aos_ota_plugin.release.packing import pack_images

PEM = (Path(__file__).parents[1] / "keys" / "data" / "private.pem").read_bytes()
DATA = bytes(range(256)) + PEM + bytes(range(256))
HOLDS = "holds the private key .*, which signs updates"


def test_in_firmware(given):
    firmware = given.firmware._replace(payload=given.firmware.payload + DATA, elf=None)
    with pytest.raises(FormatError, match=HOLDS):
        make_release(*given.but()._replace(firmware=firmware))


def test_the_second_signers_key_in_firmware(given, signer, other):
    firmware = given.firmware._replace(payload=given.firmware.payload + DATA, elf=None)
    keys = given.keys._replace(signer=other, public_key=None, second_key=signer.public_key)
    with pytest.raises(FormatError, match=HOLDS):
        make_release(*given._replace(firmware=firmware, keys=keys))


def test_in_what_a_second_signer_approves(signer):
    with pytest.raises(FormatError, match=HOLDS):
        approve_payload(DATA, signer, ImageMagic.MCU)


@pytest.mark.parametrize("magic", [None, "MCU"])
def test_in_a_module(given, magic):
    declared = DeclaredModule("panel", "panel-1.0.1", "p.bin", False, None, False, magic, Place("list"), Place("list"))
    with pytest.raises(FormatError, match=f"module panel: this {HOLDS}"):
        make_modules(given.keys, given.base, given.options, [ModuleSource(declared, DATA)])


def test_in_a_part(signer):
    parts = place([Part(ImageMagic.FS, DATA, 0xB32000)], [Partition("littlefs", 0xB32000, 0x4AE000)])
    with pytest.raises(FormatError, match=f"ota_fs.bin: this {HOLDS}"):
        pack_images(parts, None, signer, ota_size=None)
    pack_images(parts, None, None, ota_size=None)
