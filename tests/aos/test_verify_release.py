"""A release with its provenance on the real toolchain, and built again elsewhere by ``aos-ota verify-release``."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

pytestmark = pytest.mark.aos

DOCUMENTS = ("ota_rtos_ota.cdx.json", "ota_rtos_ota.intoto.jsonl")
FILES = (*DOCUMENTS, "ota_rtos_ota.bin", "ota_rtos_ota.json")


@pytest.fixture
def public_key(module_workspace, tmp_path):
    path = tmp_path / "public.pem"
    subprocess.run(["openssl", "pkey", "-in", module_workspace.key, "-pubout", "-out", path], check=True)
    return path


def keep(workspace, folder):
    folder.mkdir(parents=True)
    for name in FILES:
        if (workspace.images / name).exists():
            shutil.copy(workspace.images / name, folder)
    return folder


def verify(workspace, *arguments):
    return workspace.run(str(workspace.aos.with_name("aos-ota")), "verify-release", *map(str, arguments))


def test_statement_and_rebuild(module_workspace, restored, public_key, tmp_path):
    """The whole way: build, no-change build, keep, verify offline, build again without the key; then with a changed source."""
    workspace = module_workspace
    workspace.made("OTA_PROVENANCE=y", "OTA_COMPRESS_XZ=n")
    before = {name: (workspace.images / name).stat().st_mtime_ns for name in FILES}
    again = workspace.made("OTA_PROVENANCE=y", "OTA_COMPRESS_XZ=n")
    assert again.count() == {}
    assert {name: (workspace.images / name).stat().st_mtime_ns for name in FILES} == before
    listed = {one["name"] for one in json.loads((workspace.images / DOCUMENTS[0]).read_bytes())["components"]}
    assert {"ota", "mbedtls", "haas100", "haas1000"} <= listed

    kept = keep(workspace, tmp_path / "发布" / "app-1.0.0")
    restored(workspace.key)
    workspace.key.unlink()  # who verifies does not have it
    done = verify(workspace, kept, "--public-key", public_key, "--rebuild", workspace.solution)
    assert done.status == 0, done.output
    assert "rebuilt: components: the same " in done.output
    assert f"rebuilt: ota_rtos_ota.bin: the same {(kept / 'ota_rtos_ota.bin').stat().st_size} bytes" in done.output
    assert "without the signing key" in done.output

    workspace.edit(restored(workspace.solution / "otaappdemo.c"), "ota: the device has no name", "ota: nameless device")
    done = verify(workspace, kept, "--public-key", public_key, "--rebuild", workspace.solution)
    assert done.status == 1
    assert "the payload first differs at 0x" in done.output
    assert "(section ." in done.output
    assert "Traceback" not in done.output
    assert {path.name for path in kept.iterdir()} == set(FILES)

    package = restored(workspace.root / "components" / "cjson" / "package.yaml")
    workspace.edit(package, "version: master", "version: v1.7.99")
    done = verify(workspace, kept, "--public-key", public_key, "--rebuild", workspace.solution)
    assert done.status == 1
    assert "cjson master was released, here it is v1.7.99" in done.output


def test_path_and_time_in_the_firmware(module_workspace, restored, public_key, tmp_path):
    """__FILE__ and __DATE__ are the build's own; with OTA_REPRODUCIBLE they are the same everywhere."""
    workspace = module_workspace
    workspace.edit(restored(workspace.root / "components" / "ulog" / "ulog.c"), 'printf("[%c] %s: "',
                   'printf("built from " __FILE__ " on " __DATE__ "\\n");\n    printf("[%c] %s: "')
    payload = workspace.images / "ota_rtos.bin"
    workspace.made("OTA_PROVENANCE=n")
    assert f"built from {workspace.root}/components/ulog/ulog.c on ".encode() in payload.read_bytes()
    kept = keep(workspace, tmp_path / "plain")
    for name in DOCUMENTS:
        (kept / name).unlink(missing_ok=True)
    done = verify(workspace, kept, "--public-key", public_key, "--without-statement", "--rebuild", workspace.solution)
    assert done.status == 1
    assert "section .text, address 0x" in done.output or "section .rodata, address 0x" in done.output, done.output
    assert f"{workspace.root}/components/ulog/ulog.c on " in done.output
    assert "the path of a source stands in the firmware (__FILE__): build both with OTA_REPRODUCIBLE=y" in " ".join(done.output.split())

    workspace.made("OTA_PROVENANCE=y", "OTA_REPRODUCIBLE=y")
    assert b"built from components/ulog/ulog.c on Jan  1 1980\0" in payload.read_bytes()
    assert workspace.made("OTA_PROVENANCE=y", "OTA_REPRODUCIBLE=y").count() == {}
    kept = keep(workspace, tmp_path / "mapped")
    done = verify(workspace, kept, "--public-key", public_key, "--rebuild", workspace.solution)
    assert done.status == 0, done.output
