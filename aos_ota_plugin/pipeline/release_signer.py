"""Sign with the signatures of a kept release: ``OTA_SIGNING_KEY=release:FOLDER``.

With the signatures of its images the same release can be built again without the key. For a hash and a key there is
only one RSASSA-PKCS1-v1_5 signature, so images get the same bytes, or are refused.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Dict, Mapping, Optional

from aos_ota_plugin.errors import Place, SigningKeyError, placed
from aos_ota_plugin.files.read import DOCUMENT_MAX, IMAGE_MAX, read_file
from aos_ota_plugin.images import full
from aos_ota_plugin.keys.signer import BaseSigner
from aos_ota_plugin.pipeline.payloads import is_plain
from aos_ota_plugin.release.manifest import parse_manifest
from aos_ota_plugin.release.names import MANIFEST_NAME

if TYPE_CHECKING:
    from aos_ota_plugin.keys.rsa import PublicKey


class ReleaseSigner(BaseSigner):
    """A signer without a key: it has a release's signatures, by the 32-byte hashes of its images."""

    def __init__(self, public_key: PublicKey, signatures: Mapping[bytes, bytes], *, folder: str) -> None:
        super().__init__(public_key, place=Place(folder))
        self._signatures = signatures

    def sign_hash(self, hash32: bytes) -> bytes:
        """Return the signature that the release has for this hash. Raises SigningKeyError."""
        signature = self._signatures.get(hash32, b"")
        if not self._public_key.verify_hash(hash32, signature):
            raise SigningKeyError(
                f"this release has no signature by the key {self._public_key.short_fingerprint} over the payload that "
                "was built now",
                place=self._place,
                remedy="build from the same sources with the same tools; or sign with the key itself (OTA_SIGNING_KEY)",
            )
        return signature

    def sign_message(self, message: bytes) -> bytes:
        """Raise SigningKeyError: a release signs nothing new."""
        raise SigningKeyError(
            "a kept release in the place of a key cannot sign a statement",
            place=self._place,
            remedy="set OTA_PROVENANCE to n, or sign with the key itself (OTA_SIGNING_KEY)",
        )


def load_release_signer(release: str, folder: str, public_key: Optional[PublicKey]) -> ReleaseSigner:
    """Return the signer for ``release``, a folder's path relative to ``folder``.

    Raises:
        SigningKeyError, SettingsError, FormatError: no public key is given, or the release cannot be read.
    """
    if public_key is None:
        raise SigningKeyError(
            "a kept release does not say which public key devices need to trust",
            remedy="give it with OTA_PUBLIC_KEY, or --public-key",
        )
    release_folder = os.path.normpath(os.path.join(folder, release))
    path = os.path.join(release_folder, MANIFEST_NAME)
    manifest = parse_manifest(
        read_file(path, "the release", "name the folder of a release after release:", limit=DOCUMENT_MAX), file=path
    )
    signatures: Dict[bytes, bytes] = {}
    for artifact in (*manifest.images, *(module.image for module in manifest.modules)):
        if artifact.kind not in ("full", "xz", "diff") or not is_plain(artifact.file):
            continue
        image = os.path.join(release_folder, artifact.file)
        with placed(image):
            info = full.parse(
                read_file(image, "the release's image", "keep its files together", limit=IMAGE_MAX), local=True
            ).sign_info
        if info is not None:
            signatures[info.hash] = info.signature
    return ReleaseSigner(public_key, signatures, folder=release_folder)
