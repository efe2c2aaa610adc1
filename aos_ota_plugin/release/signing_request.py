"""What somebody else has to sign for a release: a small document that goes to whoever holds the key."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from aos_ota_plugin.keys.rsa import PublicKey

FORMAT = "aos-ota signing request"
FORMAT_VERSION = 1


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
