"""Signing elsewhere, by hand: the signature comes back as a file."""

from __future__ import annotations

from aos_ota_plugin.errors import Place, SigningKeyError
from aos_ota_plugin.keys.rsa import PublicKey
from aos_ota_plugin.keys.signature import decode_signature
from aos_ota_plugin.keys.signer import BaseSigner, require_good


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
