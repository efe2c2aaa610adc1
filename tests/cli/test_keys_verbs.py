"""keygen --dev, keys, approve, and what sign does with rings and second signers."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from aos_ota_plugin.keys.public import parse_public_key

KEYS = Path(__file__).parents[1] / "keys" / "data"
_spec = importlib.util.spec_from_file_location("release_conftest", KEYS.parents[1] / "release" / "conftest.py")
_release = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_release)
PASSPHRASE = "correct horse"
MANIFEST = "r/{}/ota_rtos_ota.json".format


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "工作 区"
    (made / "keys").mkdir(parents=True)
    for name in ("private", "other-private", "rsa1024-private", "rsa3072-private", "ec-private", "e3-private"):
        path = made / "keys" / f"{name}.pem"
        path.write_bytes((KEYS / f"{name}.pem").read_bytes())
        path.chmod(0o600)
    for name in ("public", "other-public"):
        (made / "keys" / f"{name}.pem").write_bytes((KEYS / f"{name}.pem").read_bytes())
    (made / "fw.bin").write_bytes(bytes(range(256)) * 16)
    return made


@pytest.fixture
def names(folder):
    return {
        name: parse_public_key((folder / "keys" / f"{name}.pem").read_bytes(), file=name).fingerprint
        for name in ("public", "other-public")
    }


def sign(run, version, *more, key="keys/private.pem", verb="sign"):
    return run(verb, "fw.bin", "--key", key, "--version", version, "-o", f"r/{version}/ota_rtos_ota.bin", *more)


def refused(done, folder, version, *says, status=1):
    assert done.returncode == status, done.stdout
    for part in says:
        assert part in done.stderr
    assert not (folder / "r" / version).exists() or not any((folder / "r" / version).iterdir())


def write_ring(folder, current, following=None, retired=None):
    text = f"current:\n  fingerprint: {current}\n"
    text += f"next:\n  fingerprint: {following}\n  public_key: keys/other-public.pem\n" if following else ""
    text += f"retired:\n- fingerprint: {retired}\n  note: 丢失\n" if retired else ""
    (folder / "ota.keys.yaml").write_text(text, encoding="utf-8")
    return ("--key-ring", "ota.keys.yaml")


def test_a_rotation_by_hand(run, folder, names):
    old, new = names["public"], names["other-public"]
    ring = write_ring(folder, old, new)
    assert sign(run, "app-1.0.0", *ring).returncode == 0
    assert "next: release a transition" in run("keys", "r").stdout
    (folder / "fw.bin").write_bytes(b"transition" * 100)
    bridge = (*ring, "--allow", "next-key", "--base-release", MANIFEST("app-1.0.0"))
    refused(sign(run, "app-1.1.0", *bridge), folder, "app-1.1.0", "cannot be proven that it brings the next key")
    for held in ("public", "other-public"):
        key = parse_public_key((folder / "keys" / f"{held}.pem").read_bytes(), file=held)
        (folder / f"{held}.elf").write_bytes(_release.firmware(key, b"app-1.1.0"))
    refused(
        sign(run, "app-1.1.0", *bridge, "--elf", "public.elf"), folder, "app-1.1.0", "public.elf holds the public key"
    )
    refused(
        sign(run, "app-1.1.0", *bridge, "--elf", "other-public.elf"),
        folder,
        "app-1.1.0",
        "fw.bin is not the firmware in other-public.elf",
        "--allow changed-payload",
    )
    (folder / "fw.bin").write_bytes(_release.flat_binary((folder / "other-public.elf").read_bytes()) + bytes(1000))
    done = sign(run, "app-1.1.0", *bridge, "--elf", "other-public.elf")
    assert done.returncode == 0, done.stderr
    assert f"signed by key {old}" in done.stdout
    assert f"trust key {new[:16]} from then on" in done.stdout
    assert "once the fleet runs app-1.1.0" in run("keys", "r").stdout

    ring = write_ring(folder, new, retired=old)
    (folder / "fw.bin").write_bytes(b"after" * 200)
    refused(sign(run, "app-1.2.0", *ring), folder, "app-1.2.0", "ota.keys.yaml:4:3", "is retired", "丢失")
    refused(
        sign(run, "app-1.2.0", *ring, "--base-release", MANIFEST("app-1.0.0"), key="keys/other-private.pem"),
        folder,
        "app-1.2.0",
        "they would refuse it",
        "OTA_EMBED_NEXT_KEY=y",
    )
    assert (
        sign(run, "app-1.2.0", *ring, "--base-release", MANIFEST("app-1.1.0"), key="keys/other-private.pem").returncode
        == 0
    )
    done = run("keys", "r", "--json")
    assert done.returncode == 0
    document = json.loads(done.stdout)
    assert [(one["version"], one["step"], one["transition"]) for one in document["releases"]] == [
        ("app-1.0.0", "first", False),
        ("app-1.1.0", "holds", True),
        ("app-1.2.0", "holds", False),
    ]
    assert document["key_ring"] == {"current": new, "next": None, "retired": [old]}
    shown = run("keys", "r")
    assert f"devices on app-1.0.0 trust the retired key {old[:16]}" in shown.stdout
    assert f"next: sign with the current key {new[:16]}" in shown.stdout


def test_keys_tells_which_key_signed_which_product(run, folder, names):
    for version, product in (("app-1.0.0", "lamp"), ("app-2.0.0", "灯")):
        sign(run, version)
        path = folder / MANIFEST(version)
        document = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps({**document, "solution": product}), encoding="utf-8")
    done = run("keys", "r")
    key = names["public"][:16]
    header, *lines = (line.split() for line in done.stdout.splitlines())
    assert header[:3] == ["release", "product", "after"]
    assert [line[:4] for line in lines[:2]] == [["app-1.0.0", "lamp", "-", key], ["app-2.0.0", "灯", "-", key]]
    assert f"the key {key} signs 2 products: lamp, 灯; devices of each install images of the others" in done.stdout


def test_keys_finds_the_step_that_devices_refuse(run, folder):
    sign(run, "app-1.0.0")
    (folder / "fw.bin").write_bytes(b"x" * 1000)
    sign(run, "app-1.1.0", "--base-release", MANIFEST("app-1.0.0"))
    path = folder / MANIFEST("app-1.1.0")
    document = json.loads(path.read_text(encoding="utf-8"))
    document["signed_by"] = "f" * 64
    path.write_text(json.dumps(document), encoding="utf-8")
    done = run("keys", "r")
    assert done.returncode == 1
    assert "BROKEN" in done.stdout
    assert "ffffffffffffffff" in done.stdout


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["nowhere.json"], "cannot read the manifest"),
        (["keys"], "no release's manifest is in keys"),
        (["fw.bin"], "is not JSON"),
        ([], "cannot read the manifest releases"),
        (["r", "--key-ring", "fw.bin"], "is not UTF-8"),
        (["r", "--key-ring", "no.yaml"], "cannot read the key ring"),
    ],
)
def test_keys_refuses(run, folder, arguments, says):
    sign(run, "app-1.0.0")
    done = run("keys", *arguments)
    assert done.returncode == 1
    assert says in done.stderr
    assert "fix: " in done.stderr
    assert done.stdout == ""


def test_other_documents_in_the_folder(run, folder):
    sign(run, "app-1.0.0")
    for name, text in (("sbom.json", '{"of": "aos-ota-manifest/1"}'), ("list.json", "[]"), ("no.json", "{")):
        (folder / "r" / name).write_text(text, encoding="utf-8")
    assert len(json.loads(run("keys", "r", "--json").stdout)["releases"]) == 1
    (folder / "r" / "app-1.0.1").mkdir()
    (folder / MANIFEST("app-1.0.1")).write_text("{", encoding="utf-8")
    done = run("keys", "r")  # what should be a manifest and is none is not left out
    assert (done.returncode, done.stdout) == (1, "")
    assert "ota_rtos_ota.json" in done.stderr


def test_old_manifest_without_the_new_fields(run, folder, names):
    sign(run, "app-1.0.0")
    path = folder / MANIFEST("app-1.0.0")
    document = json.loads(path.read_text(encoding="utf-8"))
    for name in ("signed_by", "approval"):
        del document[name]
    path.write_text(json.dumps(document), encoding="utf-8")
    (release,) = json.loads(run("keys", "r", "--json").stdout)["releases"]
    assert release["signed_by"] == release["trusts"] == names["public"]
    assert sign(run, "app-1.0.1", "--base-release", MANIFEST("app-1.0.0")).returncode == 0


def test_an_empty_variable_is_an_error_only_where_it_is_needed(run, folder):
    empty = {"AOS_OTA_KEY_PASSPHRASE": "", "AOS_OTA_PKCS11_PIN": "", "AOS_OTA_PASSPHRASE_COMMAND": ""}
    made = run("keygen", "--dev", "-o", "keys/desk.pem", "--json", **empty)
    assert json.loads(made.stdout)["encrypted"] is False
    (folder / "p.bin").write_bytes(bytes(range(256)) * 20)
    assert run("approve", "p.bin", "--key", "keys/desk.pem", "-o", "a.json", **empty).returncode == 0
    assert "the passphrase for the new key is empty" in run("keygen", "-o", "keys/k.pem", **empty).stderr
    assert run("keygen", "-o", "keys/k.pem", AOS_OTA_KEY_PASSPHRASE="x").returncode == 0
    for name in ("AOS_OTA_KEY_PASSPHRASE", "AOS_OTA_PASSPHRASE_COMMAND"):
        done = run("approve", "p.bin", "--key", "keys/k.pem", "-o", "b.json", **{name: ""})
        assert f"{name} is empty" in done.stderr
        assert done.returncode == 1


def test_development_key(run, folder):
    made = run("keygen", "--dev", "-o", "keys/desk.pem", "--json")
    assert json.loads(made.stdout)["development"] is True
    refused(
        sign(run, "app-1.0.0", key="keys/desk.pem"),
        folder,
        "app-1.0.0",
        "is a development key",
        "--allow development-key",
    )
    assert sign(run, "app-1.0.0", "--allow", "development-key", key="keys/desk.pem").returncode == 0
    assert run("keygen", "--dev", "-o", "keys/desk2.pem", AOS_OTA_KEY_PASSPHRASE="x").returncode == 2
    assert not (folder / "keys" / "desk2.pem").exists()


@pytest.mark.parametrize(
    "name, says",
    [
        ("rsa1024-private", "an RSA key of 1024 bits"),
        ("rsa3072-private", "an RSA key of 3072 bits"),
        ("ec-private", "not an RSA private key"),
        ("e3-private", "the exponent 3"),
    ],
)
def test_key_of_another_size_or_kind(run, folder, name, says):
    refused(sign(run, "app-1.0.0", key=f"keys/{name}.pem"), folder, "app-1.0.0", says, "aos-ota keygen")


def test_four_eyes(run, folder, names):
    second = ("--second-public-key", "keys/other-public.pem")
    refused(
        sign(run, "app-1.0.0", *second, verb="sign-approved"),
        folder,
        "app-1.0.0",
        "has not agreed",
        "aos-ota approve fw.bin",
    )
    done = run("approve", "fw.bin", "--key", "keys/other-private.pem", "-o", "a.json")
    assert done.returncode == 0, done.stderr
    done = sign(run, "app-1.0.0", *second, "--second-approval", "a.json", verb="sign-approved")
    assert done.returncode == 0, done.stderr
    assert f"approved by the second signer, key {names['other-public'][:16]}" in done.stdout
    assert sign(run, "app-1.0.9", "--second-signer", "keys/other-private.pem", verb="sign-approved").returncode == 0
    one, other = (json.loads((folder / MANIFEST(version)).read_text()) for version in ("app-1.0.0", "app-1.0.9"))
    assert one["approval"] == other["approval"]
    done = run("keys", MANIFEST("app-1.0.0"), *second)
    assert done.returncode == 0, done.stdout
    # Another image beside the manifest, and another second signer, are seen.
    image = folder / "r" / "app-1.0.0" / "ota_rtos_ota.bin"
    data = image.read_bytes()
    (folder / "fw.bin").write_bytes(b"other" * 200)
    done = sign(run, "app-1.0.1", *second, "--second-approval", "a.json", verb="sign-approved")
    refused(done, folder, "app-1.0.1", "is for another build")
    sign(run, "app-1.0.2")
    image.write_bytes((folder / "r" / "app-1.0.2" / "ota_rtos_ota.bin").read_bytes())
    done = run("keys", MANIFEST("app-1.0.0"), *second)
    assert (done.returncode, "for another image" in done.stdout) == (1, True)
    image.write_bytes(data)
    done = run("keys", MANIFEST("app-1.0.0"), "--second-public-key", "keys/public.pem")
    assert (done.returncode, "not by" in done.stdout) == (1, True)
    assert "no second signer" in run("keys", "r", *second).stdout


def test_second_signer_has_a_secret_of_their_own(run, folder):
    path = folder / "keys" / "encrypted.pem"
    path.write_bytes((KEYS / "private-encrypted.pem").read_bytes())
    path.chmod(0o600)
    key = "keys/other-private.pem"
    first = {"AOS_OTA_KEY_PASSPHRASE": PASSPHRASE}
    done = run(
        "sign-approved",
        "fw.bin",
        "--key",
        key,
        "--version",
        "app-1.0.0",
        "-o",
        "r/app-1.0.0/a.bin",
        "--second-signer",
        path,
        **first,
    )
    refused(
        done,
        folder,
        "app-1.0.0",
        "second signer: ",
        "is encrypted and no passphrase was given",
        "AOS_OTA_PASSPHRASE_COMMAND",
    )
    assert PASSPHRASE not in done.stdout + done.stderr
    command = f"'{sys.executable}' -c \"print('{PASSPHRASE}')\""
    done = run(
        "sign-approved",
        "fw.bin",
        "--key",
        key,
        "--version",
        "app-1.0.0",
        "-o",
        "r/app-1.0.0/a.bin",
        "--second-signer",
        path,
        AOS_OTA_PASSPHRASE_COMMAND=command,
    )
    assert done.returncode == 0, done.stderr


def test_usage(run, folder):
    for verb, *more in (
        ["sign", "--allow", "next-key"],
        ["sign-approved"],
        ["sign-approved", "--second-approval", "a.json"],
        ["sign-approved", "--second-approval", "a", "--second-signer", "b", "--second-public-key", "c"],
    ):
        refused(sign(run, "app-1.0.0", *more, verb=verb), folder, "app-1.0.0", "Error:", status=2)
    done = run("approve", "fw.bin", "--key", "keys/private.pem", "-o", "fw.bin")
    assert done.returncode == 1
    assert "would be overwritten" in done.stderr


def test_only_a_payload_is_approved(run, folder):
    sign(run, "app-1.0.0")
    done = run("approve", "r/app-1.0.0/ota_rtos_ota.bin", "--key", "keys/private.pem", "-o", "a.json")
    (folder / "empty.bin").write_bytes(b"")
    empty = run("approve", "empty.bin", "--key", "keys/private.pem", "-o", "a.json")
    assert (done.returncode, empty.returncode) == (1, 1), done.stdout + empty.stdout
    assert not (folder / "a.json").exists()
