"""A reference for tests: nbdiff read and applied as its description says, with `xz` for the streams.

Shares no code with the product, and knows none of its checks.
"""

import random
import struct
import subprocess


def xz_dc(stream):
    return subprocess.run(["xz", "-dc"], input=stream, capture_output=True, check=True).stdout


def xz_c(data, *options):
    chosen = options or ("--check=crc32", "--lzma2=preset=9e,dict=16KiB")
    return subprocess.run(["xz", "-zc", *chosen], input=data, capture_output=True, check=True).stdout


def bsdiff_integer(eight):
    value = 0
    for byte in reversed(eight[:7] + bytes([eight[7] & 0x7F])):
        value = value << 8 | byte
    return -value if eight[7] & 0x80 else value


def integer(value):
    return (abs(value) | (1 << 63 if value < 0 else 0)).to_bytes(8, "little")


def crc16_of_byte(byte):
    crc = byte << 8
    for _ in range(8):
        crc = (crc << 1 ^ (0x1021 if crc & 0x8000 else 0)) & 0xFFFF
    return crc


CRC16_OF_BYTES = [crc16_of_byte(byte) for byte in range(256)]


def crc16_xmodem(data):
    crc = 0
    for byte in data:
        crc = (crc << 8 & 0xFF00) ^ CRC16_OF_BYTES[crc >> 8 ^ byte]
    return crc


def make_section(new, triples, diff, extra, *, compress=xz_c, crc=None, size=None, extra_length=None):
    ctrl = compress(b"".join(integer(number) for triple in triples for number in triple))
    diff, extra = compress(diff), compress(extra)
    numbers = (
        len(ctrl),
        len(diff),
        len(extra) if extra_length is None else extra_length,
        len(new) if size is None else size,
        crc16_xmodem(new) if crc is None else crc,
    )
    return b"BSDIFF40" + b"".join(map(integer, numbers)) + ctrl + diff + extra


def reference_apply(old, patch, *, in_place=True):
    """Return what the application's flash holds in the end: padding and dummy section are part of it."""
    flash = bytearray(old)
    made_so_far = 0
    sizes = []
    at = 0
    while at < len(patch):
        header = patch[at : at + 48]
        assert header[:8] == b"BSDIFF40"
        ctrl_size, diff_size, extra_size, new_size, crc = (bsdiff_integer(header[i : i + 8]) for i in range(8, 48, 8))
        at += 48
        ctrl, at = xz_dc(patch[at : at + ctrl_size]), at + ctrl_size
        diff, at = xz_dc(patch[at : at + diff_size]), at + diff_size
        extra, at = patch[at : at + extra_size], at + extra_size
        if at == len(patch) and not extra.endswith(b"YZ"):
            extra = extra[:-424]  # a signed diff's trailer
        extra = xz_dc(extra)
        base = bytes(flash) + b"\xff" * 0x1000 if in_place else old
        made = bytearray()
        position = 0
        for x, y, z in struct.iter_unpack("<8s8s8s", ctrl):
            if len(made) == new_size:
                break
            add, copy, seek = map(bsdiff_integer, (x, y, z))
            for offset in range(add):
                made.append((diff[offset] + base[position + offset]) & 0xFF)
            made += extra[:copy]
            diff, extra = diff[add:], extra[copy:]
            position += add + seek
        assert len(made) == new_size
        assert crc16_xmodem(made) == crc
        flash[made_so_far : made_so_far + new_size] = made
        made_so_far += new_size
        sizes.append(new_size)
    return bytes(flash[:made_so_far]), sizes


def firmware(size, seed=1):
    """Bytes with the habits of code: few different words, some of them addresses that count up."""
    chance = random.Random(seed)
    words = [chance.randbytes(4) for _ in range(300)]
    out = bytearray()
    while len(out) < size:
        out += chance.choice(words)[: chance.choice((2, 4, 4))]
        if not chance.randrange(6):
            out += struct.pack("<I", 0x08000000 + len(out) & ~3)
    return bytes(out[:size])


def updated(old, seed=2, edits=12):
    """`old` with insertions, deletions and changed words, so that it shifts as an update does."""
    chance = random.Random(seed)
    new = bytearray(old)
    for _ in range(edits):
        at = chance.randrange(len(new) + 1)
        kind = chance.randrange(3)
        if kind == 0:
            new[at:at] = chance.randbytes(chance.randrange(4, 300))
        elif kind == 1:
            del new[at : at + chance.randrange(4, 100)]
        else:
            for place in range(at, min(at + 400, len(new)), 8):
                new[place] = (new[place] + 16) & 0xFF
    return bytes(new)
