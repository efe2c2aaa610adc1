"""Signing elsewhere, by hand: what is to be signed goes out as a small document, the signature comes back as a file."""

from __future__ import annotations

import hashlib
import json
from typing import NamedTuple

from aos_ota_plugin.errors import Place, SigningKeyError
from aos_ota_plugin.keys.rsa import PublicKey
from aos_ota_plugin.keys.signature import decode_signature, require_good
from aos_ota_plugin.keys.signer import BaseSigner

FORMAT = "aos-ota signing request"
FORMAT_VERSION = 1


class AttachedSigner(BaseSigner):
    """A signer that has its one signature already: it is good for one image and no other."""

    def __init__(self, public_key: PublicKey, signature: bytes = b"", *, file: str = "") -> None:
        super().__init__(public_key, place=Place(file) if file else None)
        self._signature = signature

    def sign_hash(self, hash32: bytes) -> bytes:
        """Return the signature when it is this hash's. Raises SigningKeyError."""
        signature = decode_signature(self._signature, what="the file", place=self._place)
        return require_good(
            signature,
            self._public_key,
            hash32,
            place=self._place,
            who=f"whoever was given the hash {hash32.hex()[:16]}… of this payload",
        )

    def sign_message(self, message: bytes) -> bytes:
        """Refuse: the one signature is an image's. Raises SigningKeyError."""
        raise SigningKeyError(
            "the signature that was made elsewhere is good for one image, and for nothing else",
            place=self._place,
            remedy="sign with the key itself (--key)",
        )


class SigningRequest(NamedTuple):
    """What has to be signed, the image's 32-byte hash, and all that fixes the image; nothing in it is secret."""

    hash32: bytes
    public_key: PublicKey
    payload_name: str
    payload_size: int
    payload_sha256: str
    version: str
    image_magic: str

    def to_json(self) -> bytes:
        """Return the document: ``message`` is the 32 bytes to sign, ``digest`` their SHA-256, for who signs digests."""
        document = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "algorithm": "RSASSA-PKCS1-v1_5 with SHA-256, RSA-2048",
            "message": self.hash32.hex(),
            "digest": hashlib.sha256(self.hash32).hexdigest(),
            "key_fingerprint": self.public_key.fingerprint,
            "payload": {"file": self.payload_name, "size": self.payload_size, "sha256": self.payload_sha256},
            "version": self.version,
            "image_magic": self.image_magic,
        }
        return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode("utf-8")
