"""Keys that no release is made with, four eyes, and what is remembered of a key's products."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "keys"))
from test_development_key import SAMPLE

from aos_ota_plugin.errors import FormatError, OtaError, ProofError, SigningKeyError
from aos_ota_plugin.keys import development
from aos_ota_plugin.keys.approval import Approval, ApprovalSigner, parse_approval
from aos_ota_plugin.keys.development import development_private_pem
from aos_ota_plugin.keys.rsa import PublicKey
from aos_ota_plugin.keys.signer import load_signer
from aos_ota_plugin.release.make import make_release


@pytest.fixture(scope="module")
def desk():
    return load_signer(development_private_pem(), file="desk", passphrase=None)


def test_development_key_is_refused_as_signer_and_as_what_the_firmware_trusts(given, desk):
    for change in ({"signer": desk}, {"security": "cloud", "signer": None, "public_key": desk.public_key}):
        with pytest.raises(SigningKeyError, match="is a development key") as caught:
            make_release(*given.but(elf=None, **change))
        assert "OTA_ALLOW_DEVELOPMENT_KEY" in caught.value.remedy
    manifest = make_release(*given.but(elf=None, signer=desk, allow_development_key=True)).manifest
    assert [proof.detail for proof in manifest.excused] == [
        f"the key {desk.public_key.short_fingerprint} is a development key, allowed by OTA_ALLOW_DEVELOPMENT_KEY"
    ]


def test_development_key_is_refused_as_the_next_one(given, desk, build_firmware, linked):
    with pytest.raises(SigningKeyError, match="is a development key"):
        make_release(*given.but(**linked(build_firmware(desk.public_key, b"app-1.0.1")), next_key=desk.public_key))


def test_published_key_is_refused(given, signer, monkeypatch):
    monkeypatch.setitem(development.PUBLISHED_SAMPLES, signer.public_key.fingerprint, "a sample")
    with pytest.raises(SigningKeyError, match="is a sample: others may hold its private half"):
        make_release(*given)


def test_published_key_is_refused_as_what_the_platform_signs_with(given):
    with pytest.raises(SigningKeyError, match="is the sample root-rsa-2048.pem of MCUboot"):
        make_release(*given.but(elf=None, security="cloud", signer=None, public_key=PublicKey(int(SAMPLE, 16))))


def test_second_signer_agrees_to_what_is_signed(given, other):
    manifest = make_release(*given.but(second=other)).manifest
    assert manifest.approval.key_fingerprint == other.public_key.fingerprint
    hash32 = bytes.fromhex(manifest.approval.hash)
    assert other.public_key.verify_hash(hash32, bytes.fromhex(manifest.approval.signature))
    # The very hash that the image's own signature is over: it stands in the trailer.
    assert hash32 in make_release(*given).image[-420:]
    assert make_release(*given).manifest.approval is None


def test_no_approval_no_release(given, other):
    with pytest.raises(ProofError, match="has not agreed") as caught:
        make_release(*given.but(second_key=other.public_key))
    assert given.firmware.image_hash().hex() in str(caught.value)


def test_second_signer_is_somebody_else(given, signer, other, desk):
    with pytest.raises(SigningKeyError, match="one that devices trust"):
        make_release(*given.but(second=signer))
    with pytest.raises(SigningKeyError, match="and OTA_SECOND_PUBLIC_KEY names"):
        make_release(*given.but(second=other, second_key=desk.public_key))
    with pytest.raises(SigningKeyError, match="is a development key"):
        make_release(*given.but(second=desk))


def test_first_signer_is_not_asked_before_the_second_one_agreed(given, signer, other):
    class Asked:
        public_key = signer.public_key

        def sign_hash(self, hash32):
            raise AssertionError("asked to sign")

    with pytest.raises(ProofError, match="has not agreed"):
        make_release(*given.but(signer=Asked(), second_key=other.public_key))


def test_approval_that_does_not_hold(given, signer, other):
    hash32 = given.firmware.image_hash()
    good = other.sign_hash(hash32)
    wrong = {
        "for another build": Approval(bytes(32), other.public_key.fingerprint, good),
        "does not verify": Approval(hash32, other.public_key.fingerprint, signer.sign_hash(hash32)),
    }
    for says, approval in wrong.items():
        with pytest.raises(SigningKeyError, match=says):
            make_release(*given.but(second=ApprovalSigner(other.public_key, approval, file="a.json")))
    approval = parse_approval(Approval(hash32, other.public_key.fingerprint, good).to_json(), file="a.json")
    assert make_release(*given.but(second=ApprovalSigner(other.public_key, approval, file="a.json"))).manifest.approval


@pytest.mark.parametrize(
    "change",
    [
        b"",
        b"[]",
        b"{",
        b"\xff",
        b'{"format": "aos-ota approval", "format_version": 2}',
        {"message": "00"},
        {"message": 1},
        {"message": "zz" * 32},
        {"signature": "AAAA"},
        {"signature": None},
        {"key_fingerprint": 7},
        {"signature": "中"},
    ],
)
def test_approvals_come_from_elsewhere(change):
    data = change
    if isinstance(change, dict):
        data = json.dumps({**json.loads(Approval(bytes(32), "0" * 64, bytes(256)).to_json()), **change}).encode()
    with pytest.raises(OtaError) as caught:
        parse_approval(data, file="a.json")
    assert isinstance(caught.value, (FormatError, SigningKeyError))
    assert caught.value.place.file == "a.json"
    assert caught.value.remedy
