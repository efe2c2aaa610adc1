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
import binascii
import json
from typing import Any, Callable, Dict, List, NamedTuple, Tuple

from aos_ota_plugin.errors import FormatError, Place, ProofError
from aos_ota_plugin.files import unique_json
from aos_ota_plugin.keys.rsa import PublicKey

PAYLOAD_TYPE = "application/vnd.in-toto+json"
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
    try:
        document = unique_json.loads(data, file)
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise _bad(file, "it is not one JSON object") from None
    if not isinstance(document, dict):
        raise _bad(file, "it is not one JSON object")
    kind = document.get("payloadType")
    if kind != PAYLOAD_TYPE:
        raise _bad(file, f'"payloadType" is not "{PAYLOAD_TYPE}"')
    entries = document.get("signatures")
    if not isinstance(entries, list) or not 1 <= len(entries) <= _SIGNATURES_MAX:
        raise _bad(file, f'"signatures" is not a list of 1 to {_SIGNATURES_MAX}')
    signatures: List[bytes] = []
    for entry in entries:
        signatures.append(_decoded(file, entry if isinstance(entry, dict) else {}, "sig"))
    return Envelope(PAYLOAD_TYPE, _decoded(file, document, "payload"), tuple(signatures))


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


def _decoded(file: str, fields: Dict[str, Any], name: str) -> bytes:
    value = fields.get(name)
    try:
        return base64.b64decode(value.encode("ascii"), validate=True) if isinstance(value, str) else _no_text()
    except (UnicodeEncodeError, binascii.Error, ValueError):
        raise _bad(file, f'"{name}" is not base64') from None


def _no_text() -> bytes:
    raise ValueError


def _bad(file: str, problem: str) -> FormatError:
    return FormatError(
        f"this is no signed statement that we can read: {problem}",
        place=Place(file),
        remedy="give the ota_rtos_ota.intoto.jsonl that was written beside the manifest",
    )
