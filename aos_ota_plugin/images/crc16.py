"""CRC-16/XMODEM (polynomial 0x1021, start 0), as in image_info and in the sections of a diff.

``binascii.crc_hqx`` processes byte by byte. Modulo this polynomial the powers of x repeat after 32767 bits, so bytes
at a distance of 32767 bytes have the same weight: they are XORed first, as big integers, and the rest is short.
"""

from __future__ import annotations

from binascii import crc_hqx

from aos_ota_plugin.images.info import BytesLike

_PERIOD = 32767


def crc16(data: BytesLike) -> int:
    """Return the CRC-16/XMODEM of `data`."""
    view = memoryview(data).cast("B")
    if len(view) <= _PERIOD:
        return crc_hqx(view, 0)
    # Weights count from the end, so it is the first piece that may be short.
    start = len(view) % _PERIOD
    folded = int.from_bytes(view[:start], "big")
    for at in range(start, len(view), _PERIOD):
        folded ^= int.from_bytes(view[at : at + _PERIOD], "big")
    return crc_hqx(folded.to_bytes(_PERIOD, "big"), 0)
