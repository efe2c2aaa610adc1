"""The approval file: a second signer's signature over one image's hash.

Format: UTF-8 JSON with ``format`` "aos-ota approval" and ``format_version`` 1; `aos-ota approve` writes it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import NamedTuple

from aos_ota_plugin.errors import Place, SigningKeyError
from aos_ota_plugin.files.documents import DocumentKind, read_document
from aos_ota_plugin.keys.rsa import HASH_SIZE, PublicKey
from aos_ota_plugin.keys.signature import decode_signature
from aos_ota_plugin.keys.signer import BaseSigner, require_valid

KIND = DocumentKind(
    "approval",
    {"format": "aos-ota approval", "format_version": 1},
    "let the second signer make it with `aos-ota approve`",
)


class Approval(NamedTuple):
    """An approval: the image's 32-byte hash, and the 256-byte signature over it.

    The signature is RSASSA-PKCS1-v1_5 with SHA-256 over the 32 bytes, as devices check an image's.
    """

    hash32: bytes
    key_fingerprint: str
    signature: bytes

    def to_json(self) -> bytes:
        """Return the file's bytes. ``digest`` in it is the SHA-256 of the 32 bytes, which tools show."""
        document = {
            **KIND.header,
            "algorithm": "RSASSA-PKCS1-v1_5 with SHA-256, RSA-2048",
            "message": self.hash32.hex(),
            "digest": hashlib.sha256(self.hash32).hexdigest(),
            "key_fingerprint": self.key_fingerprint,
            "signature": base64.b64encode(self.signature).decode("ascii"),
        }
        return (json.dumps(document, indent=2) + "\n").encode("utf-8")


def parse_approval(data: bytes, *, file: str) -> Approval:
    """Read an approval file; the signature is not verified here.

    Raises:
        FormatError: not JSON, another format, or a field that is missing or of the wrong type.
        SigningKeyError: the signature is not 256 bytes long.
    """
    fields = read_document(data, KIND, file=file)
    hash32 = bytes.fromhex(fields.digest("message", 2 * HASH_SIZE))
    signature = fields.text("signature").encode("utf-8", "surrogatepass")
    raw = decode_signature(signature, what="the signature in it", place=Place(file))
    return Approval(hash32, fields.text("key_fingerprint"), raw)


class ApprovalSigner(BaseSigner):
    """A second signer whose approval of one image's hash is in a file.

    ``public_key`` is the second signer's as the settings name it; the fingerprint in the approval is not used.
    """

    def __init__(self, public_key: PublicKey, approval: Approval, *, file: str) -> None:
        super().__init__(public_key, place=Place(file))
        self._approval = approval

    def sign_hash(self, hash32: bytes) -> bytes:
        """Return the approval's signature. Raises SigningKeyError unless it is over this hash."""
        if self._approval.hash32 != hash32:
            raise SigningKeyError(
                f"this approval is for the hash {self._approval.hash32.hex()}, and the image's is {hash32.hex()}: "
                "it is for another build",
                place=self._place,
                remedy="let the second signer look at this payload, and approve it",
            )
        return require_valid(
            self._approval.signature, self._public_key, hash32, maker="the second signer", place=self._place
        )
