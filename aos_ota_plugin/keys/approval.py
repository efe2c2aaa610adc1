"""A second signer's approval, made elsewhere: a small document that goes to whoever builds the release."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any, NamedTuple

from aos_ota_plugin.errors import FormatError, Place, SigningKeyError
from aos_ota_plugin.files import unique_json
from aos_ota_plugin.keys.rsa import HASH_SIZE, PublicKey
from aos_ota_plugin.keys.signature import decode_signature
from aos_ota_plugin.keys.signer import BaseSigner, require_good

FORMAT = "aos-ota approval"
FORMAT_VERSION = 1
_REMEDY = "let the second signer make it with `aos-ota approve`"


class Approval(NamedTuple):
    """What was agreed to: the image's 32-byte hash, and a signature over it as devices check one; 256 bytes."""

    hash32: bytes
    key_fingerprint: str
    signature: bytes

    def to_json(self) -> bytes:
        """Return the document. ``digest`` is the SHA-256 of the 32 bytes, what tools for digests show."""
        document = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "algorithm": "RSASSA-PKCS1-v1_5 with SHA-256, RSA-2048",
            "message": self.hash32.hex(),
            "digest": hashlib.sha256(self.hash32).hexdigest(),
            "key_fingerprint": self.key_fingerprint,
            "signature": base64.b64encode(self.signature).decode("ascii"),
        }
        return (json.dumps(document, indent=2) + "\n").encode("utf-8")


def parse_approval(data: bytes, *, file: str) -> Approval:
    """Read an approval; nothing of it is proven yet. Raises FormatError, or SigningKeyError for the signature."""
    place = Place(file)
    try:
        document: Any = unique_json.loads(data, file)
    except (ValueError, RecursionError):
        raise FormatError("this is no approval: it is not JSON", place=place, remedy=_REMEDY) from None
    if not isinstance(document, dict) or (document.get("format"), document.get("format_version")) != (
        FORMAT,
        FORMAT_VERSION,
    ):
        raise FormatError("this is no approval that we can read", place=place, remedy=_REMEDY)
    texts = [document.get(name) for name in ("message", "key_fingerprint", "signature")]
    if not all(isinstance(text, str) and text.isascii() for text in texts):
        raise FormatError("a field of this approval is missing, or no text", place=place, remedy=_REMEDY)
    message, fingerprint, signature = (str(text) for text in texts)
    try:
        hash32 = bytes.fromhex(message)
    except ValueError:
        hash32 = b""
    if len(hash32) != HASH_SIZE:
        raise FormatError("what was agreed to is no 32-byte hash", place=place, remedy=_REMEDY)
    raw = decode_signature(signature.encode("ascii"), what="the signature in it", place=place)
    return Approval(hash32, fingerprint, raw)


class ApprovalSigner(BaseSigner):
    """A second signer who has agreed already: to one image's hash and no other.

    ``public_key`` is the second signer's as the settings name it; the fingerprint in the approval counts for nothing.
    """

    def __init__(self, public_key: PublicKey, approval: Approval, *, file: str) -> None:
        super().__init__(public_key, place=Place(file))
        self._approval = approval

    def sign_hash(self, hash32: bytes) -> bytes:
        """Return the signature when it is this hash's. Raises SigningKeyError."""
        if self._approval.hash32 != hash32:
            raise SigningKeyError(
                f"this approval is for the hash {self._approval.hash32.hex()}, and the image's is {hash32.hex()}: "
                "it is for another build",
                place=self._place,
                remedy="let the second signer look at this payload, and approve it",
            )
        return require_good(
            self._approval.signature, self._public_key, hash32, who="the second signer", place=self._place
        )
