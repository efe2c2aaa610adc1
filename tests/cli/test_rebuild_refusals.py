"""What ``verify-release --rebuild`` refuses before it builds anything: documents come from elsewhere, and `aos make` is a shell."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from aos_ota_plugin.errors import FormatError, ProofError
from aos_ota_plugin.keys.reference import parse_reference
from aos_ota_plugin.keys.rsa import PublicKey
from aos_ota_plugin.release.artifact import Artifact
from aos_ota_plugin.release.manifest import Manifest, parse_manifest
from aos_ota_plugin.verify.rebuild import RebuildRequest, _arguments, rebuild

KEY = PublicKey((1 << 2047) + 1)


def manifest(**changes):
    artifact = {"file": "ota_rtos_ota.bin", "kind": "full", "size": 1, "md5": "0" * 32, "sha256": "0" * 64}
    document = {
        "schema": "aos-ota-manifest/1",
        "version": "app-1.0.0",
        "security": "local",
        "identity": "kv",
        "tool": "t",
        "key_fingerprint": "0" * 64,
        "payload": artifact,
        "images": [artifact],
        "proofs": [],
        "base": None,
        "solution": "ota_demo",
        "board": "haas100",
        **changes,
    }
    return parse_manifest(json.dumps(document).encode(), file="m")


def task(settings=None, base=None, key=KEY, **changes):
    return RebuildRequest(manifest(**changes), "r/ota_rtos_ota.json", settings, key, base)


def test_settings_of_a_manifest():
    assert set(_arguments(task())) == {
        "OTA_APP_VERSION=app-1.0.0",
        "OTA_IMAGE_ALL=y",
        "OTA_COMPRESS_XZ=n",
        "OTA_DIFF=n",
        "OTA_CONFIG_RSA=y",
        "OTA_CONFIG_LOCAL_RSA=y",
        "OTA_IDENTITY_KV=y",
        "OTA_PROVENANCE=n",
        "OTA_KEEP_RELEASES=n",
        "OTA_PUBLIC_KEY=.aos_ota_verify/public.pem",
        "OTA_SIGNING_KEY=release:.aos_ota_verify",
        "OTA_MODULES=",
        "OTA_BASE_RELEASE=",
        "OTA_KEY_RING=",
        "OTA_SECOND_PUBLIC_KEY=",
        "OTA_SECOND_SIGNER=",
        "OTA_SECOND_APPROVAL=",
    }
    transition = _arguments(task(base="b", signed_by="1" * 64))
    assert "OTA_EMBED_NEXT_KEY=y" in transition
    assert "OTA_KEY_RING=" not in transition  # the next key stands in it
    assert "OTA_BASE_RELEASE=.aos_ota_verify/base/ota_rtos_ota.json" in _arguments(task(base="b"))
    unsigned = _arguments(task(security="none", key_fingerprint=None, key=None))
    assert "OTA_CONFIG_RSA=n" in unsigned
    assert not [one for one in unsigned if "KEY" in one or "LOCAL" in one]


def test_settings_of_a_statement():
    settings = {
        "OTA_APP_VERSION": "app-1.0.0",
        "OTA_IMAGE_ALL": "n",
        "OTA_IMAGE_APP": "y",
        "OTA_DEVICE_NAME": "",
        "OTA_PROVENANCE": "y",
        "OTA_PARTITION_SIZE": "0x0",
        "OTA_CONFIG_RSA": "y",
        "OTA_WARN_SHARED_KEY": "y",  # what 0.1.0 had
    }
    found = _arguments(task(settings))
    assert {"OTA_IMAGE_APP=y", "OTA_PROVENANCE=n"} <= set(found)
    assert not [
        one
        for one in found
        if one.startswith(("OTA_IMAGE_ALL", "OTA_DEVICE_NAME", "OTA_PARTITION", "OTA_PROVENANCE=y", "OTA_WARN"))
    ]


@pytest.mark.parametrize("value", ["a; touch x", "$(x)", "`x`", "a b", "a&b", "a\nb", "'", "é"])
def test_nothing_for_a_shell_comes_out_of_a_document(value):
    for bad in (task({"OTA_APP_VERSION": value}), task({value: "y"})):
        with pytest.raises(FormatError, match="which no build of ours has"):
            _arguments(bad)
    with pytest.raises(FormatError, match='"version" contains'):
        task(version=value)


def test_what_is_missing(tmp_path):
    with pytest.raises(ProofError, match="is built again with its public key"):
        next(rebuild(task(key=None), str(tmp_path)))
    diff = {"file": "d", "kind": "diff", "size": 1, "md5": "0" * 32, "sha256": "0" * 64}
    with pytest.raises(ProofError, match="a transition release is made for the devices of the release before"):
        next(rebuild(task(signed_by="1" * 64), str(tmp_path)))
    with pytest.raises(ProofError, match="the diff image is made from the release before"):
        next(rebuild(task(images=[diff]), str(tmp_path)))


def test_the_copy_has_neither_key_nor_outputs(tmp_path, monkeypatch):
    from aos_ota_plugin.verify import rebuild as module

    root = tmp_path / "工作 区"
    solution = root / "solutions" / "s"
    for name in (
        "keys/key.pem",
        "keys/second.pem",
        "keys/文 pin",
        "out/a.o",
        "aos_sdk/a",
        "releases/1/a.bin",
        ".git/config",
        "main.c",
        "ota.secrets.yaml",
        "package.yaml",
    ):
        (solution / name).parent.mkdir(parents=True, exist_ok=True)
        (solution / name).write_text(name)
    images = root / "hardware" / "chip" / "ota_bin"
    images.mkdir(parents=True)
    for name in ("ota_rtos.bin", "ota_rtos_ota.json", "vendor.bin"):
        (images / name).write_text(name)
    payload = Artifact("ota_rtos.bin", "payload", 1, "0" * 32, "0" * 64)
    (images / "ota_rtos_ota.json").write_bytes(Manifest("v", "none", "kv", None, payload, (), ()).to_json())
    (root / ".aos").write_text("")
    settings = SimpleNamespace(
        signing_key=parse_reference(str(solution / "keys" / "key.pem")),
        second_signer=parse_reference(str(solution / "keys" / "second.pem")),
        identity="kv",
    )
    monkeypatch.setattr(module, "load_settings", lambda folder: settings)
    with module._copy(str(solution)) as copied:
        found = {path.relative_to(copied).as_posix() for path in module.Path(copied).rglob("*") if path.is_file()}
        assert found == {"main.c", "package.yaml", "keys/文 pin"}
        assert [path.name for path in (module.Path(copied).parents[1] / "hardware" / "chip" / "ota_bin").iterdir()] == [
            "vendor.bin"
        ]
        settings.identity = "embedded"
        settings.second_signer = parse_reference("pkcs11:object=b?pin-source=file:keys/%E6%96%87%20pin")
    assert not module.Path(copied).exists()
    with module._copy(str(solution)) as copied:
        assert (module.Path(copied) / "ota.secrets.yaml").is_file()
        assert [path.name for path in (module.Path(copied) / "keys").iterdir()] == ["second.pem"]
