"""Signatures from elsewhere: every form, and none that could be taken for another."""

import base64
import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aos_ota_plugin.errors import SigningKeyError
from aos_ota_plugin.keys.offline import AttachedSigner
from aos_ota_plugin.keys.signature import decode_signature
from aos_ota_plugin.keys.signer import load_signer, require_valid
from aos_ota_plugin.release.signing_request import SigningRequest

SIGNER = load_signer((Path(__file__).parent / "data" / "private.pem").read_bytes(), file="key", passphrase=None)
HASH = hashlib.sha256(b"an image").digest()
SIGNATURES = st.binary(min_size=256, max_size=256)


@given(SIGNATURES, st.sampled_from([b"", b"\n", b"\r\n", b" \n"]))
def test_every_form(signature, end):
    assert decode_signature(signature, what="it") == signature
    for text in (
        signature.hex().encode(),
        signature.hex().upper().encode(),
        base64.b64encode(signature),
        base64.encodebytes(signature),
    ):
        assert decode_signature(text + end, what="it") == signature


@given(SIGNATURES, st.sampled_from(["utf-8-sig", "utf-16", "utf-16-le", "utf-32"]), st.sampled_from(["", "\r\n"]))
def test_text_is_read_as_editors_save_it(signature, encoding, end):
    for text in (signature.hex(), base64.b64encode(signature).decode(), base64.encodebytes(signature).decode()):
        assert decode_signature((text + end).encode(encoding), what="it") == signature


BAD = {
    "nothing": b"",
    "short": bytes(255),
    "long": bytes(257),
    "raw and a line end": bytes(range(256)) + b"\n",
    "hex, short": b"ab" * 255,
    "hex, odd": b"ab" * 255 + b"a",
    "hex with 0x": b"0x" + b"ab" * 256,
    "base64, short": base64.b64encode(bytes(255)),
    "base64, long": base64.b64encode(bytes(257)),
    "base64, no padding": base64.b64encode(bytes(256)).rstrip(b"="),
    "base64url": base64.urlsafe_b64encode(b"\xff" * 256),
    "PEM": b"-----BEGIN SIGNATURE-----\n" + base64.encodebytes(bytes(256)),
    "huge": b"ab" * 256 + b" " * 4000,
    "UTF-16, cut short": base64.b64encode(bytes(256)).decode().encode("utf-16")[:-1],
    "UTF-16, digits that are not ASCII": ("\uff11" * 512).encode("utf-16"),
    "JSON": b'{"signature": "AAAA"}',
}


@pytest.mark.parametrize("name", BAD)
def test_other_bytes_are_refused(name):
    with pytest.raises(SigningKeyError, match=rf"it of {len(BAD[name])} bytes is not an RSA-2048 signature"):
        decode_signature(BAD[name], what="it")


@given(st.binary(max_size=600))
def test_anything_is_read_or_refused(data):
    try:
        assert len(decode_signature(data, what="it")) == 256
    except SigningKeyError as error:
        assert error.remedy


def test_a_signature_of_another_hash_is_refused():
    good = SIGNER.sign_hash(HASH)
    assert require_valid(good, SIGNER.public_key, HASH, maker="x") == good
    with pytest.raises(SigningKeyError, match="the signature that x made does not verify"):
        require_valid(good, SIGNER.public_key, bytes(32), maker="x")


def test_an_attached_signature_is_good_for_one_hash():
    signer = AttachedSigner(SIGNER.public_key, SIGNER.sign_hash(HASH).hex().encode(), file="s.hex")
    assert signer.sign_hash(HASH) == SIGNER.sign_hash(HASH)
    with pytest.raises(SigningKeyError, match="does not verify") as caught:
        signer.sign_hash(bytes(32))
    assert caught.value.place.file == "s.hex"


def test_the_request_says_what_to_sign():
    request = SigningRequest(HASH, SIGNER.public_key, "a.bin", 7, "ab" * 32, "app-1", "ALL")
    document = json.loads(request.to_json())
    assert document["message"] == HASH.hex()
    assert document["digest"] == hashlib.sha256(HASH).hexdigest()
    assert document["key_fingerprint"] == SIGNER.public_key.fingerprint
    assert (document["format_version"], document["version"], document["image_magic"]) == (1, "app-1", "ALL")
    assert document["payload"] == {"file": "a.bin", "size": 7, "sha256": "ab" * 32}
