"""OTA_COMPRESS_XZ: the same firmware as an xz image, read back by the real xz."""

from __future__ import annotations

import json
import subprocess

import pytest

pytestmark = pytest.mark.aos


def test_compressed_image_beside_the_full_one(built_workspace):
    workspace = built_workspace
    result = workspace.made("OTA_COMPRESS_XZ=y")
    compressed = workspace.images / "ota_rtos_ota.bin.xz"
    payload = (workspace.images / "ota_rtos.bin").read_bytes()
    data = compressed.read_bytes()
    stream, padding = data[: -28 - 392 - 4], data[-28 - 392 - 4 : -28 - 392]
    assert padding == b"\xff" * 4
    decoded = subprocess.run(
        ["xz", "-dc", "--memlimit-decompress=1MiB"], input=stream, capture_output=True, check=True
    ).stdout
    assert decoded == payload
    plain = subprocess.run(
        ["xz", "--lzma2=dict=32KiB,preset=9e", "--check=crc32", "-c"], input=payload, capture_output=True, check=True
    ).stdout
    assert len(stream) <= len(plain)
    assert [image["kind"] for image in json.loads(workspace.manifest.read_text(encoding="utf-8"))["images"]] == [
        "full",
        "xz",
    ]
    assert "bytes smaller" in result.output
    verify = workspace.run(
        str(workspace.aos.with_name("aos-ota")), "verify", str(compressed), "--elf", str(workspace.elf)
    )
    assert verify.status == 0, verify.output

    before = compressed.stat().st_mtime_ns
    assert workspace.made("OTA_COMPRESS_XZ=y").count() == {}
    assert compressed.stat().st_mtime_ns == before

    # No longer asked for: none of that name stays behind.
    workspace.made()
    assert not compressed.exists()
    workspace.made("OTA_COMPRESS_XZ=y")
    assert workspace.make("clean").status == 0
    assert not compressed.exists()
