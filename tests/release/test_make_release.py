"""Every proof of a release: what passes, and the message when it does not."""

from __future__ import annotations

import hashlib
import json
import random

import pytest

from aos_ota_plugin.errors import FormatError, OtaError, Place, ProofError, SigningKeyError
from aos_ota_plugin.release.make import make_release
from aos_ota_plugin.release.manifest import parse_manifest
from aos_ota_plugin.release.proofs import excuse_lines


def base_of(given, version, **changes):
    return make_release(*given.but(**of_version(given, version))).manifest._replace(**changes)


def of_version(given, version):
    """The changes that make it a payload of another version, without its ELF."""
    payload = given.firmware.payload.replace(b"app-1.0.1\0", version.encode() + b"\0")
    return {"elf": None, "version": version, "payload": payload}


def test_good_release(given, signer):
    release = make_release(*given)
    assert release.image == given.firmware.payload + release.trailer
    assert len(release.trailer) == 4 + 392 + 28
    manifest = release.manifest
    assert manifest.images[0].sha256 == hashlib.sha256(release.image).hexdigest()
    assert manifest.images[0].md5 == hashlib.md5(release.image).hexdigest()
    assert manifest.payload.sha256 == hashlib.sha256(given.firmware.payload).hexdigest()
    assert manifest.key_fingerprint == signer.public_key.fingerprint
    assert {
        "public key in the firmware",
        "version in the firmware",
        "device: signature",
        "device: hash",
        "device: partition",
        "device: image_info",
    } <= {proof.rule for proof in manifest.proofs}
    assert {proof.rule: proof.detail for proof in manifest.not_judged} == {
        "security mode of the sources": "the sources are not compiled here",
        "no device secret in the firmware": "no secret is given to look for",
        "the .bin is the linked firmware": "no .bin is given",
        "version order": "no base release is given",
        "same key as the base release": "no base release is given",
        **{f"same {name} as the base release": "no base release is given" for name in ("solution", "board", "chip")},
        "same image_magic as the base release": "no base release is given",
        "device: push": "no push message given",
        "device: version": "the new or the device's version is not known",
    }
    assert manifest.excused == ()


def test_same_inputs_same_bytes(given):
    first, second = make_release(*given), make_release(*given)
    assert first.image == second.image
    assert first.manifest.to_json() == second.manifest.to_json()


def test_next_release(given):
    base = base_of(given, "app-1.0.0")
    manifest = make_release(*given.but(base=base)).manifest
    assert manifest.base.version == "app-1.0.0"
    assert manifest.base.payload_sha256 == base.payload.sha256
    assert {"version order", "same key as the base release", "device: version"} <= {p.rule for p in manifest.proofs}


def test_cloud_release(given, signer):
    release = make_release(*given.but(security="cloud", signer=None, public_key=signer.public_key))
    assert len(release.trailer) == 4 + 28
    assert release.manifest.key_fingerprint == signer.public_key.fingerprint
    assert "device: signature" not in {proof.rule for proof in release.manifest.proofs}


def test_unsigned_release_has_no_key(given):
    release = make_release(*given.but(security="none", signer=None))
    assert len(release.trailer) == 4 + 28
    assert release.manifest.key_fingerprint is None


def test_base_release_of_the_same_version_differs_only_in_time(given):
    """Rebuilding what is in the field is no update."""
    with pytest.raises(ProofError, match=r"app-1\.0\.1"):
        make_release(*given.but(base=base_of(given, "app-1.0.1")))


REFUSED = {
    "firmware with another key": (
        lambda given, other, firmware: given.but(elf=firmware(other.public_key, b"app-1.0.1")),
        ProofError,
        ["app.elf holds the public key", "OTA_VERIFY_RSA_FAIL"],
    ),
    "firmware without a key": (
        lambda given, other, firmware: given.but(elf=firmware(_Empty, b"app-1.0.1")),
        ProofError,
        ["app.elf holds the public key"],
    ),
    "no ELF at all": (lambda given, other, firmware: given.but(elf=b"no elf"), FormatError, ["ELF"]),
    "firmware of another version": (
        lambda given, other, firmware: given.but(elf=firmware(given.keys.signer.public_key, b"app-1.0.0")),
        ProofError,
        ["does not hold the version app-1.0.1", "MY_APP_VER"],
    ),
    "firmware of a longer version": (
        lambda given, other, firmware: given.but(elf=firmware(given.keys.signer.public_key, b"app-1.0.10")),
        ProofError,
        ["does not hold the version app-1.0.1"],
    ),
    "no private key": (
        lambda given, other, firmware: given.but(signer=None, public_key=given.keys.signer.public_key),
        SigningKeyError,
        ["no private key", "OTA_SIGNING_KEY"],
    ),
    "no key at all": (lambda given, other, firmware: given.but(signer=None), SigningKeyError, ["no key"]),
    "public key of another pair": (
        lambda given, other, firmware: given.but(public_key=other.public_key),
        ProofError,
        ["is not the public half", "OTA_PUBLIC_KEY"],
    ),
    "characters the platform refuses": (
        lambda given, other, firmware: given.but(elf=None, version="app 1"),
        OtaError,
        ["contains ' '"],
    ),
    "version of 64 characters": (
        lambda given, other, firmware: given.but(elf=None, version="v" * 64),
        OtaError,
        ["63"],
    ),
    "1.0.10 over 1.0.9": (
        lambda given, other, firmware: given.but(**of_version(given, "app-1.0.10"), base=base_of(given, "app-1.0.9")),
        ProofError,
        ["app-1.0.10", "app-1.0.9", "fix: use app-1.1.0"],
    ),
    "another key than the field's": (
        lambda given, other, firmware: given.but(base=base_of(given, "app-1.0.0", key_fingerprint="0" * 64)),
        ProofError,
        ["trust key 0000000000000000", "OTA_ALLOW_NEW_KEY"],
    ),
    "another mode than the field's": (
        lambda given, other, firmware: given.but(base=base_of(given, "app-1.0.0", security="cloud")),
        ProofError,
        ["cloud mode", "local mode"],
    ),
    "signed over an unsigned field": (
        lambda given, other, firmware: given.but(
            base=base_of(given, "app-1.0.0", security="none", key_fingerprint=None)
        ),
        ProofError,
        ["none mode"],
    ),
    "larger than the partition": (
        lambda given, other, firmware: given.but(partition_size=4096),
        ProofError,
        ["OTA_INIT_FAIL", "OTA_PARTITION_SIZE"],
    ),
    "too short for the header reader": (
        lambda given, other, firmware: given.but(elf=None, payload=b"\1" * 415),
        ProofError,
        ["840"],
    ),
    "empty payload": (
        lambda given, other, firmware: given.but(elf=None, payload=b""),
        FormatError,
        ["payload is empty"],
    ),
    "embedded identity that is not there": (
        lambda given, other, firmware: given.but(identity="embedded", embedded=(b"0123456789abcdef",)),
        ProofError,
        ["does not hold the whole identity"],
    ),
    "secret in a firmware for the fleet": (
        lambda given, other, firmware: given.but(
            elf=firmware(given.keys.signer.public_key, b"app-1.0.1", b"0123456789abcdef"),
            forbidden=(b"0123456789abcdef",),
        ),
        ProofError,
        ["holds a device secret", "KV"],
    ),
}


class _Empty:
    n_bytes, e_bytes = bytes(256), bytes(3)


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name, given, other, build_firmware):
    change, error, says = REFUSED[name]
    with pytest.raises(error) as caught:
        make_release(*change(given, other, build_firmware))
    for part in says:
        assert part in str(caught.value)
    assert "0123456789abcdef" not in str(caught.value)


def test_signer_that_signs_with_another_key_is_found_out(given, other):
    class Liar:
        public_key = given.keys.signer.public_key

        def sign_hash(self, hash32):
            return other.sign_hash(hash32)

    with pytest.raises(ProofError, match="OTA_VERIFY_RSA_FAIL"):
        make_release(*given.but(signer=Liar()))


def test_new_key_where_it_is_allowed(given):
    base = base_of(given, "app-1.0.0", key_fingerprint="0" * 64)
    manifest = make_release(*given.but(base=base, allow_new_key=True)).manifest
    assert ("key differs from the base release", "allowed by OTA_ALLOW_NEW_KEY") in {
        (proof.rule, proof.detail) for proof in manifest.excused
    }


TARGET = {"solution": "ota_demo", "board": "haas100", "chip": "haas1000"}


@pytest.mark.parametrize("name", TARGET)
def test_a_base_release_of_another_target(given, name):
    ours = given.but(**TARGET)
    base = base_of(ours, "app-1.0.0", **{name: "other"})
    parts = ours.but(base=base)
    placed = parts._replace(base=parts.base._replace(place=Place("package.yaml", 9, 3)))
    with pytest.raises(ProofError, match=f"for the {name} other, and this one is for {TARGET[name]}") as error:
        make_release(*placed)
    assert str(error.value).startswith("package.yaml:9:3: ")
    assert "OTA_ALLOW_OTHER_BASE=y (--allow other-base)" in error.value.remedy
    excused = make_release(*ours.but(base=base, allow_other_base=True)).manifest.excused
    assert excused == (
        (f"same {name} as the base release", f"{TARGET[name]} after other, allowed by OTA_ALLOW_OTHER_BASE"),
    )


def test_a_base_release_that_does_not_name_its_chip_is_a_warning(given):
    ours = given.but(**TARGET)
    manifest = make_release(*ours.but(base=base_of(ours, "app-1.0.0", chip=None))).manifest
    assert excuse_lines(manifest) == [
        "warning: same chip as the base release: the manifest of app-1.0.0 names no chip, as those of 0.1.0"
    ]
    assert {"same solution as the base release", "same board as the base release"} <= {p.rule for p in manifest.proofs}


def test_a_release_without_a_target_is_not_judged_by_it(given):
    manifest = make_release(*given.but(base=base_of(given.but(**TARGET), "app-1.0.0"))).manifest
    assert [proof.rule for proof in manifest.not_judged if proof.detail == "this release names none"] == [
        f"same {name} as the base release" for name in TARGET
    ]
    assert manifest.excused == ()


def test_nothing_secret_in_a_repr(given):
    shown = repr(given.but(embedded=(b"0123456789abcdef",), forbidden=(b"fedcba9876543210",)))
    assert "0123456789abcdef" not in shown
    assert "fedcba9876543210" not in shown


def test_manifest_is_json_that_reads_back(given):
    manifest = make_release(*given.but(base=base_of(given, "app-1.0.0"), solution="ota_demo", board="haas100")).manifest
    data = manifest.to_json()
    assert json.loads(data)["schema"] == "aos-ota-manifest/1"
    assert parse_manifest(data, file="m.json") == manifest


@pytest.mark.parametrize(
    "magic, word",
    [("ALL", 0xEFEFEFEF), ("APP", 0xABABABAB), ("KERNEL", 0xCDCDCDCD), ("FS", 0xABCDABCD), ("MCU", 0xEFCDEFCD)],
)
def test_magic(given, magic, word):
    release = make_release(
        *given.but(
            payload=given.firmware.payload + random.Random(1).randbytes(2000), image_magic=magic, compress_xz=True
        )
    )
    assert [int.from_bytes(image[-28:-24], "little") for image in release.images.values()] == [word, word]
    assert release.manifest.image_magic == magic
    assert parse_manifest(release.manifest.to_json(), file="m").image_magic == magic


def test_another_magic_than_the_base_release(given):
    base = base_of(given, "app-1.0.0")
    proofs = {
        proof.rule: proof.detail for proof in make_release(*given.but(base=base, image_magic="APP")).manifest.proofs
    }
    assert proofs["image_magic differs from the base release"] == "APP after ALL: both replace the firmware"
    for ours, theirs in (("MCU", "ALL"), ("ALL", "MCU"), ("FS", "APP")):
        with pytest.raises(ProofError) as caught:
            make_release(*given.but(base=base._replace(image_magic=theirs), image_magic=ours))
        assert f"this image has the magic {ours}, and the base release app-1.0.0 is {theirs}" in str(caught.value)
        assert f"OTA_IMAGE_{theirs}=y" in caught.value.remedy
    make_release(*given.but(base=base._replace(image_magic="MCU"), image_magic="MCU"))
