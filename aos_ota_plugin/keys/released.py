"""A kept release in the place of a key: its images' signatures, for who builds the same release again without the key.

An RSASSA-PKCS1-v1_5 signature that verifies is the only one there is, so images have the same bytes, or are refused.
"""

from __future__ import annotations

from typing import Mapping

from aos_ota_plugin.errors import Place, SigningKeyError
from aos_ota_plugin.keys.rsa import PublicKey
from aos_ota_plugin.keys.signer import BaseSigner

SCHEME = "release:"


class ReleasedSigner(BaseSigner):
    """Returns the signatures of a release by the 32-byte hashes of its images; it can sign nothing else."""

    def __init__(self, public_key: PublicKey, signatures: Mapping[bytes, bytes], *, folder: str) -> None:
        super().__init__(public_key, place=Place(folder))
        self._signatures = signatures

    def sign_hash(self, hash32: bytes) -> bytes:
        """Return the signature that the release has for this hash. Raises SigningKeyError."""
        signature = self._signatures.get(hash32, b"")
        if not self._public_key.verify_hash(hash32, signature):
            raise SigningKeyError(
                "no image of this release is made of the payload that was built now, signed with the key "
                f"{self._public_key.short_fingerprint}",
                place=self._place,
                remedy="build from the same sources with the same tools; or sign with the key itself (OTA_SIGNING_KEY)",
            )
        return signature

    def sign_message(self, message: bytes) -> bytes:
        """Refuse: a release signs nothing new. Raises SigningKeyError."""
        raise SigningKeyError(
            "a kept release in the place of a key cannot sign a statement",
            place=self._place,
            remedy="set OTA_PROVENANCE to n, or sign with the key itself (OTA_SIGNING_KEY)",
        )
