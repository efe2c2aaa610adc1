"""Apply a diff as devices do: in place, over the old payload."""

from __future__ import annotations

from typing import Callable, Optional

from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.images import xz
from aos_ota_plugin.images.crc16 import crc16
from aos_ota_plugin.images.diff.arithmetic import add
from aos_ota_plugin.images.diff.container import (
    DEVICE_3X,
    DUMMY,
    SECTOR_SIZE,
    STREAM_ERRORS,
    CrcError,
    DiffStreamError,
    ExtraError,
    Limits,
    OldDataError,
    Section,
    Triple,
    parse,
)
from aos_ota_plugin.images.info import BytesLike

Progress = Callable[[int, int], None]

_WRONG_BASE = "apply the diff to exactly the payload it was made from"


def apply(
    old: BytesLike, patch: BytesLike, *, limits: Limits = DEVICE_3X, progress: Optional[Progress] = None
) -> bytes:
    """Return the payload that `patch`, signed or not, makes of `old`.

    Rebuilt sections are written over the old payload; behind it the flash is ff. A dummy last section and the padding
    before it, as `create` makes them, are left out. `progress` gets (sections done, all sections).
    Raises FormatError for a patch that devices would refuse or that does not belong to `old`.
    """
    sections = parse(patch, limits=limits)
    end = sections[-1].new_offset + sections[-1].new_size
    flash = bytearray(old)
    flash += b"\xff" * (end - len(flash))
    triple = Triple(0, 0, 0)
    for done, section in enumerate(sections, 1):
        rebuilt, triple = rebuild(section, flash)
        flash[section.new_offset : section.new_offset + section.new_size] = rebuilt
        if progress:
            progress(done, len(sections))
    padding = _padding(sections[-1], triple, flash)
    return bytes(flash[: end if padding is None else sections[-1].new_offset - padding])


def rebuild(section: Section, flash: BytesLike) -> tuple[bytes, Triple]:
    """Return the bytes that a section makes of the flash as it is, and the last triple.

    Raises FormatError when a triple reads outside the flash, a stream is too short, or the CRC-16 differs.
    """
    where = f"section at byte {section.offset}"
    # A stream may hold more bytes than are used, but never more than the section has.
    streams = []
    for name, stream in (("diff", section.diff), ("extra", section.extra)):
        try:
            streams.append(xz.decompress(stream, section.new_size, dict_limit=section.dict_size))
        except FormatError as error:
            raise STREAM_ERRORS[name](
                f"{where}: {name}: {error.problem}", remedy=error.remedy or "the diff is damaged: get the file again"
            ) from None
    diff, extra = streams
    base = memoryview(flash).cast("B")
    parts = []
    diff_at = extra_at = base_at = 0
    triple = Triple(0, 0, 0)
    for triple in section.triples():
        if not 0 <= base_at <= base_at + triple.add <= len(base):
            raise OldDataError(
                f"{where}: it reads {triple.add} bytes at {base_at} of a flash with {len(base)} bytes",
                remedy=_WRONG_BASE,
            )
        if diff_at + triple.add > len(diff) or extra_at + triple.copy > len(extra):
            short = DiffStreamError if diff_at + triple.add > len(diff) else ExtraError
            raise short(f"{where}: its streams hold {len(diff)} and {len(extra)} bytes; its triples use more")
        parts.append(add(diff[diff_at : diff_at + triple.add], base[base_at : base_at + triple.add]))
        parts.append(extra[extra_at : extra_at + triple.copy])
        diff_at += triple.add
        extra_at += triple.copy
        base_at += triple.add + triple.seek
    rebuilt = b"".join(parts)
    if crc16(rebuilt) != section.crc16:
        raise CrcError(f"{where}: the bytes it makes have another CRC-16 than it states", remedy=_WRONG_BASE)
    return rebuilt, triple


def _padding(last: Section, triple: Triple, flash: BytesLike) -> Optional[int]:
    """Return the number of ff between payload and dummy section; None when the last one is no dummy."""
    if last.new_size != len(DUMMY) or triple != (0, len(DUMMY), triple.seek) or not last.new_offset:
        return None
    if flash[last.new_offset : last.new_offset + len(DUMMY)] != DUMMY or not 0 <= triple.seek < SECTOR_SIZE:
        return None
    padding = flash[last.new_offset - triple.seek : last.new_offset]
    return triple.seek if padding == b"\xff" * triple.seek else None
