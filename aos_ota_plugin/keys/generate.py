"""Generating signing keys: RSA-2048 with the exponent 65537, the only kind that devices take."""

from __future__ import annotations

from typing import Optional

from aos_ota_plugin.errors import SecretError
from aos_ota_plugin.keys.rsa import EXPONENT, KEY_BITS
from aos_ota_plugin.keys.signer import PASSPHRASE_VARIABLE, require_usable


def generate_private_pem(passphrase: Optional[bytes]) -> bytes:
    """Return a new RSA-2048 private key as PKCS#8 PEM, encrypted unless `passphrase` is None.

    Raises SecretError for an empty passphrase: the key was meant to be encrypted.
    """
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    if passphrase is not None and not passphrase:
        raise SecretError(
            "the passphrase for the new key is empty",
            remedy=f"set {PASSPHRASE_VARIABLE} to a passphrase, or unset it for a key that is not encrypted",
        )
    require_usable(passphrase)
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return generate_private_key(EXPONENT, KEY_BITS).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
