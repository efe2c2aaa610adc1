"""The diff's container: its sections' headers and streams, written and read.

A section (integers: 8 bytes little-endian magnitude, sign in the top bit of the last byte)::

    0   char[8]  BSDIFF40
    8   int      bytes of the ctrl stream
    16  int      bytes of the diff stream
    24  int      bytes of the extra stream; in the last section, up to the end of the file
    32  int      bytes this section makes
    40  int      CRC-16/XMODEM of those
    48  three xz streams: ctrl (triples of such integers: add, copy, seek), diff, extra

The device reads sections until the file ends, so nothing may follow the last one. For a trailer the last section's
extra length covers it: the device reads no more of that stream than it needs.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Callable, Iterable, Iterator, NamedTuple, Optional, Sequence, Tuple

from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.images import full, xz
from aos_ota_plugin.images.info import IMAGE_INFO_SIZE, BytesLike, ImageMagic
from aos_ota_plugin.images.sign import SIGN_INFO_SIZE

HEADER_SIZE = 48
SECTOR_SIZE = 0x1000
TRIPLE_SIZE = 24
TRAILER_SIZE = len(full.PADDING) + SIGN_INFO_SIZE + IMAGE_INFO_SIZE
DUMMY = b"\xff" * 16  # the content of the last section; see `create`

_SIGN = 1 << 63
_REMEDY = "make the diff with this project's `aos-ota diff`, for this kind of device"


class CtrlError(FormatError):
    """The ctrl stream cannot be read, or its triples are invalid."""


class DiffStreamError(FormatError):
    """The diff stream cannot be read, or is too short."""


class OldDataError(FormatError):
    """A triple reads outside the flash."""


class ExtraError(FormatError):
    """The extra stream cannot be read, or is too short."""


class CrcError(FormatError):
    """A section's bytes do not have the CRC-16 that it states."""


class RoomError(FormatError):
    """The diff or its result is larger than the device has room for."""


class TripleError(CtrlError):
    """A triple has a negative length, which devices do not notice."""


class SectionRoomError(RoomError):
    """A section is larger than the device's buffer, which devices do not notice."""


class StrictError(FormatError):
    """The diff is not as it should be, but devices may take it."""


STREAM_ERRORS = {"ctrl": CtrlError, "diff": DiffStreamError, "extra": ExtraError}


class Triple(NamedTuple):
    """Add `add` diff bytes to the base, copy `copy` extra bytes, move on by `seek` bytes in the base."""

    add: int
    copy: int
    seek: int


@dataclass(frozen=True)
class Limits:
    """The limits of a device's applier, in bytes.

    `section_size`: its buffer (DIFF_BLOCK_SIZE: 0x40000 in 3.x, 0x10000 in 2.x, 0x4000 on ESP8266). `dict_size`: its
    decoders' dictionary (16 KiB; 4 KiB on ESP8266). `file_size`: the OTA partition without its last section_size
    bytes, where a rebuilt section is stored. `flash_size`: the application's partition.
    """

    section_size: int = 0x40000
    dict_size: int = 16 * 1024
    file_size: Optional[int] = None
    flash_size: int = 16 << 20

    def __post_init__(self) -> None:
        if self.section_size < SECTOR_SIZE or self.section_size % SECTOR_SIZE:
            raise FormatError(f"a section of {self.section_size} bytes is no multiple of the sector's {SECTOR_SIZE}")


@dataclass(frozen=True)
class Section:
    """A section as it is in the file: `offset` and sizes in bytes, the streams still compressed."""

    offset: int
    new_offset: int
    new_size: int
    crc16: int
    ctrl: bytes
    diff: bytes
    extra: bytes
    tail_size: int  # bytes behind the extra stream that its length covers: a trailer, in the last section
    dict_size: int  # the largest of the three streams' dictionaries

    @property
    def size(self) -> int:
        """Return the bytes of the section in the file, the covered trailer included."""
        return HEADER_SIZE + len(self.ctrl) + len(self.diff) + len(self.extra) + self.tail_size

    def triples(self) -> Iterator[Triple]:
        """Yield the triples that the device executes: it stops when the section is full.

        Raises FormatError when they do not make exactly `new_size` bytes.
        """
        # A triple may make no bytes and only seek; but no real patch has more triples than bytes.
        try:
            control = xz.decompress(self.ctrl, TRIPLE_SIZE * (self.new_size + 1), dict_limit=self.dict_size)
        except FormatError as error:
            raise CtrlError(
                f"section at byte {self.offset}: ctrl: {error.problem}", remedy=error.remedy or _REMEDY
            ) from None
        produced = 0
        for numbers in struct.iter_unpack("<3Q", control[: len(control) // TRIPLE_SIZE * TRIPLE_SIZE]):
            triple = Triple(*(_signed(number) for number in numbers))
            if triple.add < 0 or triple.copy < 0:
                kind = TripleError if triple.copy < 0 or produced + triple.add < 0 else CtrlError
                raise kind(f"section at byte {self.offset}: a triple adds {triple.add}, copies {triple.copy}")
            produced += triple.add + triple.copy
            if produced > self.new_size:
                raise CtrlError(f"section at byte {self.offset}: its triples make more than {self.new_size} bytes")
            yield triple
            if produced == self.new_size:
                return
        raise CtrlError(f"section at byte {self.offset}: its triples make {produced} of {self.new_size} bytes")


DEVICE_3X = Limits()


def section_bytes(new_size: int, crc16: int, ctrl: bytes, diff: bytes, extra: bytes) -> bytes:
    """Return the bytes of a section with these three xz streams."""
    numbers = (len(ctrl), len(diff), len(extra), new_size, crc16)
    return b"".join((full.DIFF_MAGIC, struct.pack("<5Q", *numbers), ctrl, diff, extra))


def control_bytes(triples: Iterable[Triple]) -> bytes:
    """Return the triples in the encoding of the ctrl stream."""
    return b"".join(struct.pack("<3Q", *(_encoded(number) for number in triple)) for triple in triples)


def parse(patch: BytesLike, *, limits: Limits = DEVICE_3X) -> Tuple[Section, ...]:
    """Read a patch's headers and its streams' structure, and check them against the device's limits.

    A signed diff is read with its trailer, which the last section covers. Raises FormatError with the section's place
    in the file. Whether the triples stay inside the flash is checked by `apply`.
    """
    return tuple(sections(patch, limits=limits))


def sections(patch: BytesLike, *, limits: Limits = DEVICE_3X) -> Iterator[Section]:
    """Yield the sections that `parse` returns, each when it is read. Raises FormatError like `parse`."""
    view = memoryview(patch).cast("B")
    if not len(view):
        raise FormatError("the diff is empty", remedy=_REMEDY)
    if limits.file_size is not None and len(view) > limits.file_size:
        raise RoomError(
            f"the diff has {len(view)} bytes; the device has room for {limits.file_size} and keeps the rest of its "
            "OTA partition for the section it rebuilds",
            remedy="send the whole or the compressed image instead",
        )
    at = new_at = 0
    while at < len(view):
        section = read_section(view, at, new_at, limits=limits)
        at += section.size
        new_at += section.new_size
        yield section


def read_section(patch: BytesLike, at: int, new_at: int, *, limits: Limits = DEVICE_3X) -> Section:
    """Read the section at byte `at`, whose new bytes start at `new_at`.

    Another section has to follow it, or the end of the patch. Raises FormatError with the section's place in the file.
    """
    view = memoryview(patch).cast("B")
    try:
        section = _section(view, at, new_at, limits)
    except FormatError as error:
        raise type(error)(f"section at byte {at}: {error.problem}", remedy=error.remedy or _REMEDY) from None
    end = at + section.size
    if end < len(view) and view[end : end + len(full.DIFF_MAGIC)] != full.DIFF_MAGIC:
        raise FormatError(
            f"{len(view) - end} bytes follow the last section; devices read them as another section",
            remedy="sign a diff with this project, which makes the last section cover the trailer",
        )
    if end < len(view) and (section.tail_size or section.new_size % SECTOR_SIZE):
        raise StrictError(
            f"section at byte {section.offset}: it makes {section.new_size} bytes; every section but the last "
            f"fills whole sectors of {SECTOR_SIZE} bytes and has nothing behind its streams",
            remedy=_REMEDY,
        )
    if new_at + section.new_size > limits.flash_size:
        raise RoomError(f"the diff makes more than the {limits.flash_size} bytes of the application's partition")
    return section


def build(patch: BytesLike, *, sign: Optional[Callable[[bytes], bytes]], magic: ImageMagic = ImageMagic.ALL) -> bytes:
    """Return the diff image: with `sign` a trailer follows, which the last section covers; else `patch`.

    In cloud mode a diff has no trailer. Raises FormatError when `patch` is no diff, or has a trailer already.
    """
    last = parse(patch)[-1]
    if last.tail_size:
        raise FormatError("the diff has a trailer already")
    if sign is None:
        return bytes(patch)
    covering = bytearray(patch)
    struct.pack_into("<Q", covering, last.offset + 24, len(last.extra) + TRAILER_SIZE)
    return full.build(covering, sign=sign, magic=magic)


def patch_of(image: BytesLike) -> bytes:
    """Return the patch from which `build` made a diff image. Raises FormatError when it is no diff."""
    last = parse(image)[-1]
    patch = bytearray(image)[: len(image) - last.tail_size]
    struct.pack_into("<Q", patch, last.offset + 24, len(last.extra))
    return bytes(patch)


def _section(view: memoryview, at: int, new_at: int, limits: Limits) -> Section:
    header = bytes(view[at : at + HEADER_SIZE])
    if header[:8] != full.DIFF_MAGIC:
        raise FormatError("it does not start with BSDIFF40")
    if len(header) < HEADER_SIZE:
        raise FormatError("its header is cut short")
    *sizes, new_size, crc16 = (_signed(number) for number in struct.unpack("<5Q", header[8:]))
    _refuse_cut(sizes, len(view) - at - HEADER_SIZE)
    if not 0 < new_size <= limits.section_size:
        kind = SectionRoomError if new_size > 0 else FormatError if new_size else CrcError
        raise kind(f"it makes {new_size} bytes; the device's buffer takes 1..{limits.section_size}")
    if not 0 <= crc16 <= 0xFFFF:
        raise StrictError(f"its CRC-16 is {crc16}, and devices read its last 16 bits alone")
    streams = []
    dict_size = tail_size = 0
    start = at + HEADER_SIZE
    for name, size in zip(("ctrl", "diff", "extra"), sizes):
        data = bytes(view[start : start + size])
        start += size
        try:
            info = xz.parse(data, dict_limit=limits.dict_size, more=name == "extra")
        except FormatError as error:
            raise STREAM_ERRORS[name](f"{name}: {error.problem}") from None
        streams.append(data[: info.stream_size])
        dict_size = max(dict_size, info.dict_size)
        tail_size = size - info.stream_size
    ctrl, diff, extra = streams
    return Section(at, new_at, new_size, crc16, ctrl, diff, extra, tail_size, dict_size)


def _refuse_cut(sizes: Sequence[int], room: int) -> None:
    """Raise the error of the stream in which the file ends, FormatError for a negative size."""
    stated = f"its streams have {', '.join(map(str, sizes))} bytes; the file does not"
    if min(sizes) < 0:
        raise FormatError(stated)
    for size, error in zip(sizes, STREAM_ERRORS.values()):
        room -= size
        if room < 0:
            raise error(stated)


def _signed(number: int) -> int:
    return _SIGN - number if number & _SIGN else number


def _encoded(number: int) -> int:
    return number if number >= 0 else _SIGN - number
