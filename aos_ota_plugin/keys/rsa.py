"""A device's public key, RSA-2048 with the exponent 65537, and the signature check with it.

The check is plain integer arithmetic, so that proving an image needs no cryptography library. It works only
with public values and needs no protection against timing.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from aos_ota_plugin.errors import SigningKeyError
from aos_ota_plugin.keys import der

KEY_BITS = 2048
MODULUS_SIZE = 256
EXPONENT_SIZE = 3
EXPONENT = 65537
SIGNATURE_SIZE = 256
HASH_SIZE = 32

# EMSA-PKCS1-v1_5 of a SHA-256 digest (RFC 8017, 9.2): the bytes before the digest in a 256-byte block; DIGEST_INFO is
# the last part of them.
DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
_FILL = b"\xff" * (SIGNATURE_SIZE - 3 - len(DIGEST_INFO) - HASH_SIZE)
_BLOCK_HEAD = b"\x00\x01" + _FILL + b"\x00" + DIGEST_INFO


class _Numbers(NamedTuple):
    modulus: int
    exponent: int


class PublicKey(_Numbers):
    """A modulus and an exponent that fit the device's arrays; `is_usable` tells whether they can verify.

    Raises SigningKeyError when they do not fit 256 and 3 bytes.
    """

    __slots__ = ()

    def __new__(cls, modulus: int, exponent: int = EXPONENT) -> PublicKey:
        """Check the sizes."""
        if not (0 <= modulus < 1 << 8 * MODULUS_SIZE and 0 <= exponent < 1 << 8 * EXPONENT_SIZE):
            raise SigningKeyError(
                f"this key does not fit a device: modulus of {modulus.bit_length()} bits, "
                f"exponent of {exponent.bit_length()} bits",
                remedy="use an RSA key of exactly 2048 bits with the exponent 65537",
            )
        return super().__new__(cls, modulus, exponent)

    @property
    def n_bytes(self) -> bytes:
        """Return the 256 bytes of ``ota_pubn_buf``, big-endian."""
        return self.modulus.to_bytes(MODULUS_SIZE, "big")

    @property
    def e_bytes(self) -> bytes:
        """Return the 3 bytes of ``ota_pube_buf``, big-endian."""
        return self.exponent.to_bytes(EXPONENT_SIZE, "big")

    @property
    def is_empty(self) -> bool:
        """Return True when the modulus is all zero, as the component is shipped: no key embedded."""
        return self.modulus == 0

    @property
    def is_usable(self) -> bool:
        """Return True for a key that a device can verify with: 2048 bits, odd, exponent 65537."""
        return self.modulus.bit_length() == KEY_BITS and self.modulus % 2 == 1 and self.exponent == EXPONENT

    @property
    def fingerprint(self) -> str:
        """Return the SHA-256 of the SubjectPublicKeyInfo in DER, 64 lower-case hex digits.

        The same as ``openssl pkey -pubin -outform DER | sha256sum``.
        """
        return hashlib.sha256(der.encode_spki(self.modulus, self.exponent)).hexdigest()

    @property
    def short_fingerprint(self) -> str:
        """Return the first 16 digits of `fingerprint`, for messages."""
        return self.fingerprint[:16]

    def to_pem(self) -> str:
        """Return the SubjectPublicKeyInfo as PEM, ending in a newline."""
        import base64

        text = base64.b64encode(der.encode_spki(self.modulus, self.exponent)).decode("ascii")
        lines = [text[start : start + 64] for start in range(0, len(text), 64)]
        return "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""])

    def verify_hash(self, hash32: bytes, signature: bytes) -> bool:
        """Check an RSASSA-PKCS1-v1_5 signature with SHA-256 over the 32 bytes of an image's hash.

        The whole encoded block is compared, as mbedtls does. False too for a key that no device can use, and
        for a hash or signature of another length.
        """
        return len(hash32) == HASH_SIZE and self.verify_message(hash32, signature)

    def verify_digest_of_file(self, digest: bytes, signature: bytes) -> bool:
        """Check a push message's digestsign over the file's binary MD5 (16 bytes) or SHA-256 (32 bytes).

        The device hashes those bytes once more with SHA-256, whichever digest it is. False for other lengths.
        """
        return len(digest) in (16, 32) and self.verify_message(digest, signature)

    def verify_message(self, message: bytes, signature: bytes) -> bool:
        """Check an RSASSA-PKCS1-v1_5 signature with SHA-256 over a message of any length."""
        if len(signature) != SIGNATURE_SIZE or not self.is_usable:
            return False
        number = int.from_bytes(signature, "big")
        if number >= self.modulus:
            return False
        block = pow(number, self.exponent, self.modulus).to_bytes(SIGNATURE_SIZE, "big")
        return block == _BLOCK_HEAD + hashlib.sha256(message).digest()
