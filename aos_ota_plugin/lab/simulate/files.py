"""The file system in the partition LITTLEFS, as the demo's component ``filestore`` has it.

The partition has two halves of whole sectors, a set of files in each; the newer whole one counts. A half (all numbers
little-endian u32 unless said)::

    0       magic "FSET", sequence, length of all records, CRC-32 of them, CRC-32 of the 16 bytes before
    4096    for each file: u16 bytes of its path, u16 0, u32 size, path (UTF-8), content

>>> read(build({"/data/a": b"1"}) + bytes(1 << 16))
{'/data/a': b'1'}
"""

from __future__ import annotations

import struct
import zlib
from typing import Dict, Mapping, Optional, Tuple, Union

from aos_ota_plugin.lab.simulate.flash import SECTOR

_HEAD = struct.Struct("<4s4I")
_RECORD = struct.Struct("<HHI")
_MAGIC = b"FSET"


def build(files: Mapping[str, bytes]) -> bytes:
    """Return the beginning of a partition that holds these files, by their paths."""
    records = b""
    for path, content in files.items():
        name = path.encode("utf-8")
        records += _RECORD.pack(len(name), 0, len(content)) + name + content
    head = _HEAD.pack(_MAGIC, 1, len(records), zlib.crc32(records), 0)[:-4]
    return (head + struct.pack("<I", zlib.crc32(head))).ljust(SECTOR, b"\xff") + records


def read(partition: Union[bytes, bytearray]) -> Dict[str, bytes]:
    """Return {path: content} of a partition's files; empty when neither half is whole."""
    size = len(partition) // 2 // SECTOR * SECTOR
    halves = [half for half in (_half(bytes(partition[start : start + size])) for start in (0, size)) if half]
    return max(halves, key=lambda half: half[0])[1] if halves else {}


def _half(data: bytes) -> Optional[Tuple[int, Dict[str, bytes]]]:
    magic, sequence, length, checksum, head_checksum = _HEAD.unpack_from(data)
    records = data[SECTOR : SECTOR + length]
    if (
        magic != _MAGIC
        or head_checksum != zlib.crc32(data[: _HEAD.size - 4])
        or len(records) != length
        or checksum != zlib.crc32(records)
    ):
        return None
    files, at = {}, 0
    while at < length:
        path_length, _, size = _RECORD.unpack_from(records, at)
        at += _RECORD.size
        path = records[at : at + path_length].decode("utf-8", "replace")
        at += path_length
        files[path] = records[at : at + size]
        at += size
    return sequence, files
