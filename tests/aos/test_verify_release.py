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
    assert "rebuilt: components: the same 15" in done.output
    assert f"rebuilt: ota_rtos_ota.bin: the same {(kept / 'ota_rtos_ota.bin').stat().st_size} bytes" in done.output
    assert "without the signing key" in done.output

    workspace.edit(restored(workspace.solution / "otaappdemo.c"), "ota: the device has no name", "ota: nameless device")
    done = verify(workspace, kept, "--public-key", public_key, "--rebuild", workspace.solution)
    assert done.status == 1
    assert "the payload first differs at 0x" in done.output
    assert "(section .text" in done.output or "(section ." in done.output
    assert "Traceback" not in done.output
    assert {path.name for path in kept.iterdir()} == set(FILES)

    package = restored(workspace.root / "components" / "cjson" / "package.yaml")
    workspace.edit(package, "version: master", "version: v1.7.99")
    done = verify(workspace, kept, "--public-key", public_key, "--rebuild", workspace.solution)
    assert done.status == 1
    assert "cjson master was released, here it is v1.7.99" in done.output


def test_path_and_time_in_the_firmware(module_workspace, restored, public_key, tmp_path):
    """__FILE__ and __DATE__ are told by name; with OTA_REPRODUCIBLE they are the same everywhere."""
    workspace = module_workspace
    source = restored(workspace.root / "components" / "ulog" / "ulog.c")
    source.write_text(source.read_text(encoding="utf-8") + "\nconst char *volatile where_built = __FILE__;\n"
                      "const char *ulog_built(void);\nconst char *ulog_built(void) { return where_built; }\n", encoding="utf-8")
    main = restored(workspace.solution / "otaappdemo.c")
    text = main.read_text(encoding="utf-8")
    main.write_text(text.replace("ota: the device has no name", 'built " __DATE__ " ota: the device has no name')
                    + "\nextern const char *volatile where_built;\nconst char *built_where(void);\n"
                      "__attribute__((used)) const char *built_where(void) { return where_built; }\n", encoding="utf-8")
    for path in (source, main):
        assert path.read_text(encoding="utf-8")
    workspace.made("OTA_PROVENANCE=n")
    plain = workspace.elf.read_bytes()
    workspace.made("OTA_PROVENANCE=y", "OTA_REPRODUCIBLE=y")
    mapped = workspace.elf.read_bytes()
    if str(workspace.root).encode() + b"/components/ulog/ulog.c\0" in plain:  # the linker kept it
        assert str(workspace.root).encode() + b"/components/ulog/ulog.c\0" not in mapped
        assert b"components/ulog/ulog.c\0" in mapped
    assert b"built Jan  1 1980 ota: the device" in mapped
    again = workspace.made("OTA_PROVENANCE=y", "OTA_REPRODUCIBLE=y")
    assert again.count() == {}
    kept = keep(workspace, tmp_path / "kept")
    done = verify(workspace, kept, "--public-key", public_key, "--rebuild", workspace.solution)
    assert done.status == 0, done.output
