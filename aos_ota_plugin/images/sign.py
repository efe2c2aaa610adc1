"""``ota_sign_info_t``: the 392 bytes of a locally signed image, just before image_info.

Layout (little-endian; device header ``ota_agent.h``)::

    0   u32      encrypto_magic       RSA 0xAABBCCDD; ECC 0xDDCCBBAA is named there and never implemented
    4   u8       padding_mode         not read by the device
    5   u8       sign_hash_type       not read
    6   u8       abstract_hash_type   not read
    7   u8[97]   reserved             not read
    104 u8[32]   hash                 SHA-256 of every byte before this structure
    136 u8[256]  signature            RSASSA-PKCS1-v1_5 with SHA-256 over the 32 bytes of `hash`
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.images.info import BytesLike

SIGN_INFO_SIZE = 392
ENCRYPTO_MAGIC_RSA = 0xAABBCCDD
ENCRYPTO_MAGIC_ECC = 0xDDCCBBAA
HASH_SIZE = 32
SIGNATURE_SIZE = 256
RESERVED_SIZE = 97
HASH_TYPE_SHA256 = 1  # OTA_SHA256 of the device's headers
PADDING_MODE_PKCS1 = 0

_LAYOUT = struct.Struct("<IBBB97s32s256s")


class SignInfo(NamedTuple):
    """The fields of an ``ota_sign_info_t``."""

    encrypto_magic: int
    padding_mode: int
    sign_hash_type: int
    abstract_hash_type: int
    reserved: bytes
    hash: bytes
    signature: bytes

    @classmethod
    def rsa(cls, image_hash: bytes, signature: bytes) -> SignInfo:
        """Return the structure that we write: RSA, PKCS#1 v1.5, SHA-256 for both hashes, reserved all zero."""
        return cls(
            ENCRYPTO_MAGIC_RSA, PADDING_MODE_PKCS1, HASH_TYPE_SHA256, HASH_TYPE_SHA256,
            bytes(RESERVED_SIZE), image_hash, signature,
        )  # fmt: skip

    def to_bytes(self) -> bytes:
        """Return the 392 bytes, little-endian. Raises FormatError when a value does not fit its field."""
        _check_magic(self.encrypto_magic)
        for name in ("padding_mode", "sign_hash_type", "abstract_hash_type"):
            if not 0 <= getattr(self, name) <= 0xFF:
                raise FormatError(f"{name} is {getattr(self, name)}; its field holds 0..255")
        for name, size in (("reserved", RESERVED_SIZE), ("hash", HASH_SIZE), ("signature", SIGNATURE_SIZE)):
            if len(getattr(self, name)) != size:
                raise FormatError(f"{name} has {len(getattr(self, name))} bytes, not {size}")
        return _LAYOUT.pack(
            self.encrypto_magic, self.padding_mode, self.sign_hash_type, self.abstract_hash_type,
            self.reserved, self.hash, self.signature,
        )  # fmt: skip

    @classmethod
    def from_bytes(cls, data: BytesLike) -> SignInfo:
        """Read exactly 392 bytes. Raises FormatError on another length or an unknown encrypto_magic."""
        if len(data) != SIGN_INFO_SIZE:
            raise FormatError(f"ota_sign_info_t has {SIGN_INFO_SIZE} bytes, not {len(data)}")
        info = cls(*_LAYOUT.unpack(data))
        _check_magic(info.encrypto_magic)
        return info


def _check_magic(encrypto_magic: int) -> None:
    if encrypto_magic not in (ENCRYPTO_MAGIC_RSA, ENCRYPTO_MAGIC_ECC):
        raise FormatError(
            f"encrypto_magic 0x{encrypto_magic & 0xFFFFFFFF:08x} is neither "
            f"RSA 0x{ENCRYPTO_MAGIC_RSA:08x} nor ECC 0x{ENCRYPTO_MAGIC_ECC:08x}"
        )
