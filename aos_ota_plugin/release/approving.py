"""A second signer's approval of a payload. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aos_ota_plugin.device.payload_content import check_payload
from aos_ota_plugin.images.full import PADDING, Digesting
from aos_ota_plugin.images.info import ImageMagic

if TYPE_CHECKING:
    from aos_ota_plugin.keys.approval import Approval
    from aos_ota_plugin.keys.signer import Signer


def approve_payload(payload: bytes, signer: Signer, magic: ImageMagic) -> Approval:
    """Sign the hash of a payload for an image with this magic.

    Raises:
        FormatError: no image with this magic is made of it.
        SigningKeyError: the signer's signature does not verify.
    """
    from aos_ota_plugin.keys.approval import Approval
    from aos_ota_plugin.keys.signer import require_valid

    check_payload(payload, magic, signer.public_key)
    _, sha256 = Digesting(payload).copies()
    sha256.update(PADDING)
    hash32 = sha256.digest()
    signature = require_valid(signer.sign_hash(hash32), signer.public_key, hash32, maker="this signer")
    return Approval(hash32, signer.public_key.fingerprint, signature)
