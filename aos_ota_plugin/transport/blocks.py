"""The blocks of Ymodem.

A block: SOH (128 bytes of data) or STX (1024), its number mod 256, 255 minus the number, the data, and the
CRC-16/XMODEM of the data (poly 0x1021, init 0), big-endian. Short data is filled up with 0x1a. Block 0 announces a
file, ``name NUL size-in-decimal NUL``, filled up with NUL; one with an empty name ends the session.

>>> raw = announcement(Announced("ota_rtos.bin", 5000))
>>> len(raw), is_sound(raw)
(133, True)
>>> read_announcement(raw[3:-2])
Announced(name='ota_rtos.bin', size=5000)
"""

from __future__ import annotations

import re
from binascii import crc_hqx
from dataclasses import dataclass
from typing import Optional

from aos_ota_plugin.errors import FormatError, quoted

SOH, STX, EOT, ACK, NAK, CAN, REQUEST = 0x01, 0x02, 0x04, 0x06, 0x15, 0x18, 0x43
"""REQUEST is the letter C: the receiver is ready, and wants CRC-16."""
HEADER_SIZE = 128
DATA_SIZE = 1024
PAD = b"\x1a"
OVERHEAD = 5
"""Bytes of a block beside its data."""
SIZES = {SOH: HEADER_SIZE, STX: DATA_SIZE}
_SIZE = re.compile(rb"[0-9]{1,10}")


@dataclass(frozen=True)
class Announced:
    """The file that block 0 announces; `size` in bytes, None when the sender does not tell it."""

    name: str
    size: Optional[int]


def block(number: int, data: bytes) -> bytes:
    """Return the whole block for 128 or 1024 bytes of data. Raises FormatError for another size."""
    start = SOH if len(data) == HEADER_SIZE else STX
    if len(data) != SIZES[start]:
        raise FormatError(f"a Ymodem block holds {HEADER_SIZE} or {DATA_SIZE} bytes, not {len(data)}")
    low = number & 0xFF
    return bytes((start, low, 0xFF - low)) + data + crc_hqx(data, 0).to_bytes(2, "big")


def announcement(file: Optional[Announced]) -> bytes:
    """Return block 0 for a file, or with None the one that ends the session.

    Raises FormatError for a name that is empty, holds NUL or is too long.
    """
    if file is None:
        return block(0, bytes(HEADER_SIZE))
    name = file.name.encode("utf-8", "surrogateescape")
    if not name or b"\0" in name:
        raise FormatError(f"the name {quoted(file.name)} cannot be sent", remedy="rename the file")
    size = b"" if file.size is None else b"%d" % file.size
    text = name + b"\0" + size + b"\0"
    if len(text) > HEADER_SIZE:
        raise FormatError(
            f"the name {quoted(file.name)} is too long for Ymodem's first block of {HEADER_SIZE} bytes",
            remedy="send the file under a shorter name",
        )
    return block(0, text.ljust(HEADER_SIZE, b"\0"))


def read_announcement(data: bytes) -> Optional[Announced]:
    """Read the data of block 0; return None when it ends the session.

    An empty name does, whatever follows it: lrzsz's sb sends a count there.
    """
    name, _, rest = data.partition(b"\0")
    if not name:
        return None
    digits = _SIZE.match(rest)  # time stamp and mode may follow after a space
    return Announced(name.decode("utf-8", "replace"), int(digits[0]) if digits else None)


def block_size(start: int) -> int:
    """Return the size in bytes of a whole block that starts with SOH or STX."""
    return SIZES[start] + OVERHEAD


def is_sound(raw: bytes) -> bool:
    """Return whether the number, its complement and the CRC of a whole block are right."""
    return raw[1] + raw[2] == 0xFF and crc_hqx(raw[3:-2], 0).to_bytes(2, "big") == raw[-2:]
