"""Envelopes: what openssl and another implementation of DSSE say of them, and what is refused."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope as OtherEnvelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

from aos_ota_plugin.errors import FormatError, OtaError, ProofError
from aos_ota_plugin.keys.signer import load_signer
from aos_ota_plugin.provenance.dsse import PAYLOAD_TYPE, open_envelope, pae, parse_envelope, seal

KEYS = Path(__file__).parents[1] / "keys" / "data"
SIGNER = load_signer((KEYS / "private.pem").read_bytes(), file="k", passphrase=None)
OTHER = load_signer((KEYS / "other-private.pem").read_bytes(), file="k", passphrase=None)
KEY = SIGNER.public_key
PAYLOAD = '{"a":"ü"}'.encode()


def sealed(payload=PAYLOAD):
    return seal(payload, SIGNER.sign_message, KEY)


def test_pae_of_the_specification():
    assert (
        pae("http://example.com/HelloWorld", b"hello world")
        == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    assert pae("", b"") == b"DSSEv1 0  0 "
    assert pae("ü", b"\0") == b"DSSEv1 2 \xc3\xbc 1 \0"


def test_openssl_verifies_the_signature(tmp_path):
    document = json.loads(sealed())
    (tmp_path / "signed").write_bytes(b"DSSEv1 28 application/vnd.in-toto+json %d %s" % (len(PAYLOAD), PAYLOAD))
    (tmp_path / "signature").write_bytes(base64.b64decode(document["signatures"][0]["sig"]))
    done = subprocess.run(
        [
            "openssl",
            "dgst",
            "-sha256",
            "-verify",
            KEYS / "public.pem",
            "-signature",
            tmp_path / "signature",
            tmp_path / "signed",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "Verified OK"


def test_another_implementation_verifies_it():
    document = json.loads(sealed())
    envelope = OtherEnvelope.from_dict(document)
    key = SSlibKey(KEY.fingerprint, "rsa", "rsa-pkcs1v15-sha256", {"public": KEY.to_pem()})
    assert list(envelope.verify([key], 1)) == [KEY.fingerprint]
    wrong = SSlibKey(KEY.fingerprint, "rsa", "rsa-pkcs1v15-sha256", {"public": OTHER.public_key.to_pem()})
    with pytest.raises(VerificationError):
        envelope.verify([wrong], 1)


@given(st.binary(max_size=300))
def test_round_trip(payload):
    data = sealed(payload)
    assert data == sealed(payload)
    assert data.count(b"\n") == 1
    assert data.endswith(b"\n")
    assert open_envelope(data, KEY, file="m") == payload


def test_an_image_s_signature_is_no_envelope_s_and_the_other_way_round():
    hash32 = b"h" * 32
    envelope = json.loads(sealed())
    assert not KEY.verify_hash(PAYLOAD.ljust(32)[:32], base64.b64decode(envelope["signatures"][0]["sig"]))
    envelope["payload"] = base64.b64encode(hash32).decode()
    envelope["signatures"][0]["sig"] = base64.b64encode(SIGNER.sign_hash(hash32)).decode()
    with pytest.raises(ProofError):
        open_envelope(json.dumps(envelope).encode(), KEY, file="m")


def test_one_good_signature_among_others_is_enough():
    envelope = json.loads(sealed())
    envelope["signatures"].insert(0, {"sig": base64.b64encode(OTHER.sign_message(pae(PAYLOAD_TYPE, PAYLOAD))).decode()})
    assert open_envelope(json.dumps(envelope).encode(), KEY, file="m") == PAYLOAD


def changed(**fields):
    return json.dumps({**json.loads(sealed()), **fields}).encode()


BAD = {
    "no JSON": (b"", FormatError, "it is not JSON"),
    "a list": (b"[]", FormatError, '"payloadType" is not'),
    "two lines": (sealed() * 2, FormatError, "it is not JSON"),
    "another type": (changed(payloadType="text/plain"), FormatError, '"payloadType" is not'),
    "no signatures": (changed(signatures=[]), FormatError, "is not a list of 1 to 16"),
    "many signatures": (changed(signatures=[{"sig": ""}] * 17), FormatError, "is not a list of 1 to 16"),
    "signature no object": (changed(signatures=["x"]), FormatError, "a signature is not an object"),
    "payload no base64": (changed(payload="*"), FormatError, '"payload" is not base64'),
    "payload not ASCII": (changed(payload="ü"), FormatError, '"payload" is not base64'),
    "payload a number": (changed(payload=5), FormatError, '"payload" is not a text'),
    "another payload": (
        changed(payload=base64.b64encode(b"{}").decode()),
        ProofError,
        f"is one of the key {KEY.short_fingerprint}",
    ),
    "short signature": (changed(signatures=[{"sig": "AAAA"}]), ProofError, "no signature in this statement"),
}


@pytest.mark.parametrize("name", BAD)
def test_refused(name):
    data, error, says = BAD[name]
    with pytest.raises(error) as caught:
        open_envelope(data, KEY, file="r/s.jsonl")
    assert caught.value.place.file == "r/s.jsonl"
    assert says in str(caught.value)
    assert "\n  fix: " in str(caught.value)


def test_another_key():
    with pytest.raises(ProofError, match="give the public key of the release's signing key"):
        open_envelope(sealed(), OTHER.public_key, file="m")


@given(st.data())
def test_no_changed_byte_passes(data):
    good = sealed()
    at = data.draw(st.integers(0, len(good) - 1))
    bad = good[:at] + bytes([data.draw(st.integers(0, 255))]) + good[at + 1 :]
    try:
        assert open_envelope(bad, KEY, file="m") == PAYLOAD  # the key's name, white space: nothing rests on those
    except OtaError:
        return


@given(st.binary(max_size=100))
def test_survives_any_bytes(data):
    with pytest.raises(FormatError):
        parse_envelope(data, file="m")
