"""Signed envelopes, DSSE 1.0.2: one JSON object on one line.

Source: https://github.com/secure-systems-lab/dsse. The signature is over the pre-authentication encoding of type and
payload, with RSASSA-PKCS1-v1_5 and SHA-256. The encoding begins with ``DSSEv1`` and is longer than any digest, so no
signature of an envelope is one of an image, nor the other way round. ``keyid`` is the key's fingerprint, a hint that
nothing relies on.

>>> pae("text/plain", b"hello")
b'DSSEv1 10 text/plain 5 hello'
"""

from __future__ import annotations

import base64
import json
from typing import Callable, NamedTuple, Tuple

from aos_ota_plugin.errors import Place, ProofError
from aos_ota_plugin.files.documents import DocumentKind, Fields, read_document
from aos_ota_plugin.keys.rsa import PublicKey

PAYLOAD_TYPE = "application/vnd.in-toto+json"
KIND = DocumentKind(
    "signed statement",
    {"payloadType": PAYLOAD_TYPE},
    "give the ota_rtos_ota.intoto.jsonl that was written beside the manifest",
)
_SIGNATURES_MAX = 16


class Envelope(NamedTuple):
    """A payload, its type, and the signatures over both; nothing is verified yet."""

    payload_type: str
    payload: bytes
    signatures: Tuple[bytes, ...]


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return the pre-authentication encoding, which is signed; its lengths are decimal."""
    name = payload_type.encode("utf-8")
    return b"DSSEv1 %d %s %d %s" % (len(name), name, len(payload), payload)


def seal(payload: bytes, sign: Callable[[bytes], bytes], key: PublicKey) -> bytes:
    """Return the envelope of an in-toto statement as one line; ``sign`` makes the signature of ``key``."""
    document = {
        "payload": base64.b64encode(payload).decode("ascii"),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [
            {"keyid": key.fingerprint, "sig": base64.b64encode(sign(pae(PAYLOAD_TYPE, payload))).decode("ascii")}
        ],
    }
    return (json.dumps(document, sort_keys=True) + "\n").encode("ascii")


def parse_envelope(data: bytes, *, file: str) -> Envelope:
    """Read an envelope; unknown fields are ignored. Raises FormatError."""
    fields = read_document(data, KIND, file=file)
    listed = fields.sequence("signatures")
    if not 1 <= len(listed) <= _SIGNATURES_MAX:
        raise fields.bad(f'"signatures" is not a list of 1 to {_SIGNATURES_MAX}')
    signatures = [_decoded(item, "sig") for item in fields.objects("signatures", "a signature")]
    return Envelope(PAYLOAD_TYPE, _decoded(fields, "payload"), tuple(signatures))


def open_envelope(data: bytes, key: PublicKey, *, file: str) -> bytes:
    """Return the payload of an envelope that ``key`` signed.

    Raises:
        FormatError: the bytes are not an envelope.
        ProofError: no signature in it is this key's, or the payload is not the signed one.
    """
    envelope = parse_envelope(data, file=file)
    message = pae(envelope.payload_type, envelope.payload)
    if not any(key.verify_message(message, signature) for signature in envelope.signatures):
        raise ProofError(
            f"no signature in this statement is one of the key {key.short_fingerprint} over it",
            place=Place(file),
            remedy="give the public key of the release's signing key; if it is that, "
            "the statement was changed after it was signed",
        )
    return envelope.payload


def _decoded(fields: Fields, name: str) -> bytes:
    try:
        return base64.b64decode(fields.text(name, empty=True).encode("ascii"), validate=True)
    except ValueError:
        raise fields.bad(f'"{name}" is not base64') from None
