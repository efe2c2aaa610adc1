"""Data-file packs: scripts, resources or a sub-device's files that a device unpacks into a folder.

Layout (all integers little-endian; device header ``upack_data_file.h``)::

    data_file_pack_head_t                 then, for each file, data_file_infor_t, its name, its bytes
      0  u16     file_numb                  0  u32      head_size   24 + bytes of the name
      2  u16     pack_ver   not read        4  u32      file_size
      4  u32     pack_size  whole file      8  u8[16]   md5_vale    MD5 of the bytes; devices do not check it

Names are UTF-8 without NUL. Devices do not check them either, and do not make folders, so ``check_name`` refuses
unsafe names, and folders have to exist on the device.

>>> pack = build([PackFile("main.py", b"print()")])
>>> [(file.name, file.data) for file in parse(pack)]
[('main.py', b'print()')]
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, field
from typing import Iterator, List, NamedTuple, Sequence, Tuple

from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.images.info import BytesLike
from aos_ota_plugin.images.names import check_name, check_together

PACK_VER = 1
_HEAD = struct.Struct("<HHI")
_INFOR = struct.Struct("<II16s")
HEAD_SIZE = _HEAD.size
INFOR_SIZE = _INFOR.size
FILES_MAX = 0xFFFF
PACK_MAX = 0xFFFF_FFFF


@dataclass(frozen=True)
class PackFile:
    """A file: its path below the target folder, with ``/`` between folders, and its bytes."""

    name: str
    data: bytes = field(repr=False)


def build(files: Sequence[PackFile]) -> bytes:
    """Return the pack of `files`, sorted by their names' bytes, so the same files give the same pack.

    Raises:
        FormatError: no files or too many, a name that is not safe, two that collide, or a pack over 4 GiB.
    """
    if not 0 < len(files) <= FILES_MAX:
        raise FormatError(
            f"a pack holds 1 to {FILES_MAX} files, not {len(files)}", remedy="choose the files that the device needs"
        )
    named = [(check_name(file.name), file) for file in files]
    check_together(file.name for file in files)  # after it names are distinct, so sorting never compares files
    named.sort(key=lambda pair: pair[0])
    parts: List[bytes] = []
    for name, file in named:
        digest = hashlib.md5(file.data, usedforsecurity=False).digest()
        if len(file.data) > PACK_MAX:
            raise _too_large(len(file.data))
        parts += [_INFOR.pack(INFOR_SIZE + len(name), len(file.data), digest), name, file.data]
    size = HEAD_SIZE + sum(map(len, parts))
    if size > PACK_MAX:
        raise _too_large(size)
    return b"".join([_HEAD.pack(len(named), PACK_VER, size), *parts])


class Entry(NamedTuple):
    """A file as it is in a pack, not checked; `offset` in bytes."""

    offset: int
    raw_name: bytes
    digest: bytes
    data: memoryview

    @property
    def data_offset(self) -> int:
        """Return the offset of the file's bytes."""
        return self.offset + INFOR_SIZE + len(self.raw_name)

    @property
    def is_intact(self) -> bool:
        """Return whether the MD5 is that of the bytes."""
        return hashlib.md5(self.data, usedforsecurity=False).digest() == self.digest


def parse(data: BytesLike) -> Tuple[PackFile, ...]:
    """Return the files of a pack, in its order.

    Raises:
        FormatError: bytes missing or left over, an MD5 that does not match, or a name that ``build`` would refuse.
    """
    files = tuple(_checked(entry, number) for number, entry in enumerate(entries(data), 1))
    check_together(file.name for file in files)
    return files


def entries(data: BytesLike) -> Iterator[Entry]:
    """Yield a pack's files without checking their names, digests or bytes.

    Raises:
        FormatError: bytes missing or left over, when the iteration reaches them.
    """
    view = memoryview(data).cast("B")
    if len(view) < HEAD_SIZE:
        raise FormatError(f"a file of {len(view)} bytes is too short for a data-file pack", remedy=_REMEDY)
    count, _, size = _HEAD.unpack_from(view)
    if size != len(view):
        raise FormatError(
            f"this is no data-file pack: pack_size is {size}, the file has {len(view)} bytes", remedy=_REMEDY
        )
    if not count:
        raise FormatError("this data-file pack holds no files", remedy=_REMEDY)
    offset = HEAD_SIZE
    for number in range(1, count + 1):
        entry = _entry(view, offset, f"file {number} of {count}")
        offset = entry.data_offset + len(entry.data)
        yield entry
    if offset != len(view):
        raise FormatError(f"{len(view) - offset} bytes follow the last file of the pack", remedy=_REMEDY)


def is_pack(data: BytesLike) -> bool:
    """Return whether the sizes make a whole pack: they lead from file to file to the very end."""
    try:
        for _ in entries(data):
            pass
    except FormatError:
        return False
    return True


_REMEDY = "give a file that `aos-ota pack files` made, whole and unchanged"


def _entry(view: memoryview, offset: int, which: str) -> Entry:
    if len(view) - offset < INFOR_SIZE:
        raise FormatError(f"the pack ends inside the header of {which}", remedy=_REMEDY)
    head_size, file_size, digest = _INFOR.unpack_from(view, offset)
    if head_size < INFOR_SIZE or file_size > len(view) or head_size + file_size > len(view) - offset:
        raise FormatError(
            f"{which} has head_size {head_size} and file_size {file_size}; the pack has "
            f"{len(view) - offset} bytes left",
            remedy=_REMEDY,
        )
    start = offset + head_size
    return Entry(offset, bytes(view[offset + INFOR_SIZE : start]), digest, view[start : start + file_size])


def _checked(entry: Entry, number: int) -> PackFile:
    try:
        name = entry.raw_name.decode("utf-8")
    except UnicodeDecodeError:
        raise FormatError(f"the name of file {number} is not UTF-8", remedy=_REMEDY) from None
    check_name(name)
    if not entry.is_intact:
        raise FormatError(f"the MD5 of {name[:80]!a} does not match its bytes", remedy=_REMEDY)
    return PackFile(name, bytes(entry.data))


def _too_large(size: int) -> FormatError:
    return FormatError(
        f"the pack would have {size} bytes; its format counts to {PACK_MAX}",
        remedy="split the files over several packs",
    )
