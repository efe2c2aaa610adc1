"""The request to sign a release elsewhere: a JSON file for the holder of the key."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from aos_ota_plugin.files.documents import encode_json

if TYPE_CHECKING:
    from aos_ota_plugin.keys.rsa import PublicKey

FORMAT = "aos-ota signing request"
FORMAT_VERSION = 1


class SigningRequest(NamedTuple):
    """The image's 32-byte hash, which has to be signed, and what determines the image; no secrets."""

    hash32: bytes
    public_key: PublicKey
    payload_name: str
    payload_size: int
    payload_sha256: str
    version: str
    image_magic: str

    def to_json(self) -> bytes:
        """Return the file's bytes: ``message`` is the hash to sign, ``digest`` is its SHA-256."""
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
        return encode_json(document)
