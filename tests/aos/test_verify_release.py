"""A release with its provenance on the real toolchain, and built again elsewhere by ``aos-ota verify-release``."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
from softhsm import PIN
from test_fails_closed import refused, set_in_def_config
from test_modules import set_up as set_modules_up

from aos_ota_plugin.keys.generate import generate_private_pem
from aos_ota_plugin.keys.signer import load_signer

pytestmark = pytest.mark.aos

DOCUMENTS = ("ota_rtos_ota.cdx.json", "ota_rtos_ota.intoto.jsonl")
FILES = (*DOCUMENTS, "ota_rtos_ota.bin", "ota_rtos_ota.json")


@pytest.fixture
def public_key(built_workspace, tmp_path):
    path = tmp_path / "public.pem"
    subprocess.run(["openssl", "pkey", "-in", built_workspace.key, "-pubout", "-out", path], check=True)
    return path


def keep(workspace, folder):
    folder.mkdir(parents=True)
    for name in FILES:
        if (workspace.images / name).exists():
            shutil.copy(workspace.images / name, folder)
    return folder


def verify(workspace, *arguments):
    return workspace.run(str(workspace.aos.with_name("aos-ota")), "verify-release", *map(str, arguments))


def test_statement_and_rebuild(built_workspace, public_key, tmp_path):
    """Build, keep, verify offline, build again without the key; then what differs: path and time, another component.

    __FILE__ and __DATE__ are the build's own; with OTA_REPRODUCIBLE they are the same everywhere.
    """
    workspace = built_workspace
    workspace.edit(
        workspace.root / "components" / "ulog" / "ulog.c",
        'printf("[%c] %s: "',
        'printf("built from " __FILE__ " on " __DATE__ "\\n");\n    printf("[%c] %s: "',
    )
    payload = workspace.images / "ota_rtos.bin"
    workspace.made("OTA_PROVENANCE=n")
    assert f"built from {workspace.root}/components/ulog/ulog.c on ".encode() in payload.read_bytes()
    plain = keep(workspace, tmp_path / "plain")

    with_statement = ("OTA_PROVENANCE=y", "OTA_REPRODUCIBLE=y", "OTA_COMPRESS_XZ=n")
    workspace.made(*with_statement)
    assert b"built from components/ulog/ulog.c on Jan  1 1980\0" in payload.read_bytes()
    before = {name: (workspace.images / name).stat().st_mtime_ns for name in FILES}
    again = workspace.made(*with_statement)
    assert again.count() == {}
    assert {name: (workspace.images / name).stat().st_mtime_ns for name in FILES} == before
    listed = {one["name"] for one in json.loads((workspace.images / DOCUMENTS[0]).read_bytes())["components"]}
    assert {"ota", "mbedtls", "haas100", "haas1000"} <= listed

    kept = keep(workspace, tmp_path / "发布" / "app-1.0.0")
    workspace.key.unlink()  # who verifies does not have it
    done = verify(workspace, kept, "--public-key", public_key, "--rebuild", workspace.solution)
    assert done.status == 0, done.output
    assert "rebuilt: components: the same " in done.output
    assert f"rebuilt: ota_rtos_ota.bin: the same {(kept / 'ota_rtos_ota.bin').stat().st_size} bytes" in done.output
    assert "without the signing key" in done.output
    assert {path.name for path in kept.iterdir()} == set(FILES)

    done = verify(workspace, plain, "--public-key", public_key, "--without-statement", "--rebuild", workspace.solution)
    assert done.status == 1
    assert "Traceback" not in done.output
    assert "the payload first differs at 0x" in done.output
    assert "section .text, address 0x" in done.output or "section .rodata, address 0x" in done.output, done.output
    assert f"{workspace.root}/components/ulog/ulog.c on " in done.output
    assert "the path of a source stands in the firmware (__FILE__): build both with OTA_REPRODUCIBLE=y" in " ".join(
        done.output.split()
    )

    package = workspace.root / "components" / "cjson" / "package.yaml"
    workspace.edit(package, "version: master", "version: v1.7.99")
    done = verify(workspace, kept, "--public-key", public_key, "--rebuild", workspace.solution)
    assert done.status == 1
    assert "cjson master was released, here it is v1.7.99" in done.output


def public_of(pem):
    return load_signer(pem, file="key", passphrase=None).public_key


def keep_all(workspace, folder):
    folder.mkdir(parents=True)
    for path in workspace.images.iterdir():
        if path.name.startswith(("ota_rtos_ota", "ota_module_")):
            shutil.copy(path, folder)
    return folder


@pytest.mark.hsm
def test_one_of_everything(built_workspace, softhsm, dev_key, other_key, tmp_path):
    """Two signers, the second one a token; modules; then a transition to the next key, with a diff and an xz image, built again
    without key, token and PIN."""
    workspace = built_workspace
    keys, token, second = workspace.solution / "keys", softhsm(), generate_private_pem(None)
    workspace.write_key(tmp_path / "second.pem", second)
    token.bring(tmp_path / "second.pem", "second", "02")
    for name, pem in (("next", other_key), ("second", second), ("current", dev_key)):
        (keys / f"{name}.pub.pem").write_text(public_of(pem).to_pem(), encoding="utf-8")
    (workspace.solution / "ota.keys.yaml").write_text(
        f"current: {{fingerprint: {public_of(dev_key).fingerprint}}}\n"
        f"next: {{fingerprint: {public_of(other_key).fingerprint}, public_key: keys/next.pub.pem}}\n",
        encoding="utf-8",
    )
    for line in (
        "OTA_KEY_RING: ota.keys.yaml",
        "OTA_SECOND_PUBLIC_KEY: keys/second.pub.pem",
        "OTA_PROVENANCE: y",
        'OTA_SECOND_SIGNER: "pkcs11:token=OTA%20keys;object=second?module-name=softhsm2&pin-source=keys/second.pin"',
    ):
        set_in_def_config(workspace, line)
    set_modules_up(workspace)
    workspace.write_key(keys / "second.pin", PIN.encode())
    said = workspace.made(env=token.environ).output
    assert f"approved by the second signer, key {public_of(second).short_fingerprint}" in said
    first = keep_all(workspace, workspace.solution / "releases" / "app-1.0.0")
    transition = (
        "OTA_APP_VERSION=app-1.1.0",
        "OTA_EMBED_NEXT_KEY=y",
        "OTA_DIFF=y",
        "OTA_COMPRESS_XZ=y",
        "OTA_BASE_RELEASE=releases/app-1.0.0/ota_rtos_ota.json",
    )
    workspace.write_key(keys / "second.pin", b"987654")
    refused(workspace, *transition, says=["second signer: the token does not take this PIN"], env=token.env())
    workspace.write_key(keys / "second.pin", PIN.encode())
    workspace.made(*transition, env=token.environ)
    approval = json.loads(workspace.manifest.read_bytes())["approval"]
    assert public_of(second).verify_hash(bytes.fromhex(approval["hash"]), bytes.fromhex(approval["signature"]))
    assert workspace.made(*transition).count() == {}  # no token is needed
    second_release = keep_all(workspace, workspace.solution / "releases" / "app-1.1.0")
    images = {path.name for path in second_release.iterdir() if path.suffix in (".bin", ".xz")}
    assert images == {
        "ota_rtos_ota.bin",
        "ota_rtos_ota.bin.xz",
        "ota_rtos_ota.diff.bin",
        *(f"ota_module_{name}.bin" for name in ("panel", "meter", "valve", "radio")),
    }

    workspace.key.unlink()
    (keys / "second.pin").unlink()
    trusted = keys / "current.pub.pem"
    against = ("--public-key", trusted, "--rebuild", workspace.solution)
    done = verify(workspace, second_release, *against, "--base", first)
    assert done.status == 0, done.output
    for name in images:
        assert f"rebuilt: {name}: the same " in " ".join(done.output.split()), name
    done = verify(workspace, second_release, *against)
    assert done.status == 1
    assert "give that release's folder with --base" in done.output
    (workspace.solution / "radio.bin").write_bytes(b"another radio")
    done = verify(workspace, first, *against)
    assert done.status == 1
    assert "Traceback" not in done.output
    assert "ota_module_radio.bin" in done.output
