"""The main job on the real toolchain: one ``aos make``, one signed image, proven."""

from __future__ import annotations

import hashlib
import json
import struct
import subprocess

import pytest

WITH_AOS_MAKE = True
pytestmark = pytest.mark.aos


def test_emits_a_signed_image_that_an_independent_reader_accepts(workspace, tmp_path):
    result = workspace.made()
    image = workspace.image.read_bytes()
    payload = (workspace.images / "ota_rtos.bin").read_bytes()

    # Read with struct, hashlib and openssl only: not with the code that wrote it.
    assert image[: len(payload)] == payload
    body, sign_info, image_info = image[:-420], image[-420:-28], image[-28:]
    assert body == payload + b"\xff" * 4
    magic, size, md5, number, reserved, _crc = struct.unpack("<II16sBBH", image_info)
    assert (magic, size, number, reserved) == (0xEFEFEFEF, len(body), 1, 0)
    assert md5 == hashlib.md5(body).digest()
    assert struct.unpack_from("<I", sign_info)[0] == 0xAABBCCDD
    assert sign_info[104:136] == hashlib.sha256(body).digest()
    (tmp_path / "hash").write_bytes(sign_info[104:136])
    (tmp_path / "signature").write_bytes(sign_info[136:])
    subprocess.run(["openssl", "pkey", "-in", workspace.key, "-pubout", "-out", tmp_path / "public.pem"], check=True)
    checked = subprocess.run(
        [
            "openssl",
            "dgst",
            "-sha256",
            "-verify",
            tmp_path / "public.pem",
            "-signature",
            tmp_path / "signature",
            tmp_path / "hash",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.stdout.strip() == "Verified OK"

    manifest = json.loads(workspace.manifest.read_text(encoding="utf-8"))
    assert manifest["version"] == "app-1.0.0"
    assert manifest["images"][0]["sha256"] == hashlib.sha256(image).hexdigest()
    assert "signed by key" in result.output


def test_the_device_of_this_firmware_accepts_the_next_one(built_workspace):
    workspace = built_workspace
    old_elf = workspace.elf.read_bytes()
    device = workspace.solution / "device.elf"
    device.write_bytes(old_elf)
    workspace.made("OTA_APP_VERSION=app-1.0.1")
    verify = workspace.run(
        str(workspace.aos.with_name("aos-ota")),
        "verify",
        str(workspace.image),
        "--elf",
        str(device),
        "--current-version",
        "app-1.0.0",
        "--version",
        "app-1.0.1",
    )
    assert verify.status == 0, verify.output
    assert "accepted" in verify.output
