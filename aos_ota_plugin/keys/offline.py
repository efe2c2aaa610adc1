"""Signing by hand on another machine: the signature is given as a file."""

from __future__ import annotations

from aos_ota_plugin.errors import Place, SigningKeyError
from aos_ota_plugin.keys.rsa import PublicKey
from aos_ota_plugin.keys.signature import decode_signature
from aos_ota_plugin.keys.signer import BaseSigner, require_valid


class AttachedSigner(BaseSigner):
    """A signer with a signature that was made elsewhere, valid for one image only."""

    def __init__(self, public_key: PublicKey, signature: bytes = b"", *, file: str = "") -> None:
        super().__init__(public_key, place=Place(file) if file else None)
        self._signature = signature

    def sign_hash(self, hash32: bytes) -> bytes:
        """Return the signature. Raises SigningKeyError unless it is over this hash."""
        signature = decode_signature(self._signature, what="the file", place=self._place)
        return require_valid(
            signature,
            self._public_key,
            hash32,
            place=self._place,
            maker=f"the signer of the hash {hash32.hex()[:16]}… of this payload",
        )

    def sign_message(self, message: bytes) -> bytes:
        """Raise SigningKeyError: the signature is valid for an image only."""
        raise SigningKeyError(
            "the signature that was made elsewhere is valid for one image, and for nothing else",
            place=self._place,
            remedy="sign with the key itself (--key)",
        )
