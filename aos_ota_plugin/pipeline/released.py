"""A kept release in the place of a signing key: ``OTA_SIGNING_KEY=release:FOLDER``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Dict, Optional

from aos_ota_plugin.errors import SigningKeyError, placed
from aos_ota_plugin.files.read import DOCUMENT_MAX, IMAGE_MAX, read_file
from aos_ota_plugin.images import full
from aos_ota_plugin.keys.released import SCHEME, ReleasedSigner
from aos_ota_plugin.pipeline.payloads import is_plain
from aos_ota_plugin.release.manifest import parse_manifest
from aos_ota_plugin.release.names import MANIFEST_NAME

if TYPE_CHECKING:
    from aos_ota_plugin.keys.rsa import PublicKey
    from aos_ota_plugin.keys.signer import Signer


def released_signer(reference: str, folder: str, public_key: Optional[PublicKey]) -> Signer:
    """Return the signer that ``release:FOLDER`` stands for: it knows the signatures of that release's images.

    Raises:
        SigningKeyError, SettingsError, FormatError: no public key is given, or the release cannot be read.
    """
    if public_key is None:
        raise SigningKeyError(
            "a kept release does not say which public key devices need to trust",
            remedy="give it with OTA_PUBLIC_KEY, or --public-key",
        )
    kept = os.path.normpath(os.path.join(folder, reference[len(SCHEME) :]))
    path = os.path.join(kept, MANIFEST_NAME)
    manifest = parse_manifest(
        read_file(path, "the release", "name the folder of a release after release:", limit=DOCUMENT_MAX), file=path
    )
    signatures: Dict[bytes, bytes] = {}
    for artifact in (*manifest.images, *(module.image for module in manifest.modules)):
        if artifact.kind not in ("full", "xz", "diff") or not is_plain(artifact.file):
            continue
        image = os.path.join(kept, artifact.file)
        with placed(image):
            info = full.parse(
                read_file(image, "the release's image", "keep its files together", limit=IMAGE_MAX), local=True
            ).sign_info
        if info is not None:
            signatures[info.hash] = info.signature
    return ReleasedSigner(public_key, signatures, folder=kept)
