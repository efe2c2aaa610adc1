"""``ota_image_info_t``: the 28 bytes that end every OTA image.

Layout (all integers little-endian; device header ``ota_agent.h``)::

    0  u32      image_magic   which part of the system the image replaces
    4  u32      image_size    number of leading bytes that image_md5 covers
    8  u8[16]   image_md5     MD5 of those bytes
    24 u8       image_num     1
    25 u8       image_res     0
    26 u16      image_crc16   CRC-16/XMODEM of those bytes
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import NamedTuple, Union

from aos_ota_plugin.errors import FormatError

BytesLike = Union[bytes, bytearray, memoryview]

IMAGE_INFO_SIZE = 28
_LAYOUT = struct.Struct("<II16sBBH")
_U32_MAX = 0xFFFFFFFF


class ImageMagic(IntEnum):
    """The values of image_magic that a device accepts (``OTA_BIN_MAGIC_*``)."""

    ALL = 0xEFEFEFEF
    APP = 0xABABABAB
    KERNEL = 0xCDCDCDCD
    MCU = 0xEFCDEFCD
    FS = 0xABCDABCD


class ImageInfo(NamedTuple):
    """The fields of an ``ota_image_info_t``."""

    image_magic: ImageMagic
    image_size: int
    image_md5: bytes
    image_num: int
    image_res: int
    image_crc16: int

    def to_bytes(self) -> bytes:
        """Return the 28 bytes, little-endian. Raises FormatError when a value does not fit its field."""
        limits = (
            ("image_size", self.image_size, _U32_MAX),
            ("image_num", self.image_num, 0xFF),
            ("image_res", self.image_res, 0xFF),
            ("image_crc16", self.image_crc16, 0xFFFF),
        )
        for name, value, limit in limits:
            if not 0 <= value <= limit:
                raise FormatError(f"{name} is {value}; its field holds 0..{limit}")
        if len(self.image_md5) != 16:
            raise FormatError(f"image_md5 has {len(self.image_md5)} bytes, not 16")
        return _LAYOUT.pack(
            self.image_magic, self.image_size, self.image_md5, self.image_num, self.image_res, self.image_crc16
        )

    @classmethod
    def from_bytes(cls, data: BytesLike) -> ImageInfo:
        """Read exactly 28 bytes. Raises FormatError on another length or an unknown image_magic."""
        if len(data) != IMAGE_INFO_SIZE:
            raise FormatError(f"ota_image_info_t has {IMAGE_INFO_SIZE} bytes, not {len(data)}")
        magic, size, md5, num, res, crc16 = _LAYOUT.unpack(data)
        try:
            image_magic = ImageMagic(magic)
        except ValueError:
            names = ", ".join(f"{item.name} 0x{item:08x}" for item in ImageMagic)
            raise FormatError(f"image_magic 0x{magic:08x} is none of {names}") from None
        return cls(image_magic, size, md5, num, res, crc16)
