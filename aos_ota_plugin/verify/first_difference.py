"""Explain where two builds of one firmware first differ, so that they can be made the same.

>>> first_difference(b"firmware 1", b"firmware 2")
9
>>> string_at(b"\\x00built at 12:30:01\\x00", 5)
'built at 12:30:01'
"""

from __future__ import annotations

import re
from typing import List, NamedTuple, Optional, Pattern

from aos_ota_plugin.device.elf_place import find_place

_STRING_MAX = 200
_BLOCK = 4096
_DATE = re.compile(r"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ 0-9]\d \d{4}|\d\d:\d\d:\d\d")
_TEXT = rb"[\x09\x0a\x20-\x7e\x80-\xff]"
_C_STRING = re.compile(rb"(?<!%s)%s{6,}(?=\0)" % (_TEXT, _TEXT))
# From a line's beginning: so no place is looked at twice.
_PATH = re.compile(r"^(?:[^/\\\n]*[/\\])+[^/\\\n]*\.(c|cc|cpp|h|hpp|S|s)\b", re.MULTILINE)


class Difference(NamedTuple):
    """The offset in bytes where two builds first differ, what it is, and how to avoid it."""

    offset: int
    problem: str
    remedy: str


def explain(released: bytes, rebuilt: bytes, elf: Optional[bytes], *, name: str) -> Optional[Difference]:
    """Return where two payloads first differ, None when they are equal.

    ``elf`` is the linked firmware of ``rebuilt``, which tells section and symbol; ``name`` stands in the message.
    """
    if released == rebuilt:
        return None
    offset = first_difference(released, rebuilt)
    place = find_place(elf, rebuilt, offset) if elf else None
    where = ""
    if place:
        named = f", {place.symbol}" if place.symbol else ""
        source = f" of {place.source}" if place.source else ""
        where = f" (section {place.section}, address {place.address:#x}{named}{source})"
    sizes = f"; {len(released)} bytes were released, {len(rebuilt)} rebuilt" if len(released) != len(rebuilt) else ""
    ours, theirs = string_at(rebuilt, offset), string_at(released, offset)
    if not _is_path_or_date(ours) or not _is_path_or_date(theirs):
        # A text of another length moves what follows: the first difference is often an address of other data.
        ours, theirs = _path_or_date(rebuilt, released) or ours, _path_or_date(released, rebuilt) or theirs
    texts = f": {theirs!r} was released, {ours!r} rebuilt" if ours and theirs else ""
    return Difference(offset, f"{name} first differs at {offset:#x}{where}{texts}{sizes}", _remedy(ours, theirs))


def first_difference(data: bytes, other: bytes) -> int:
    """Return the offset of the first byte that differs, or of the shorter one's end."""
    shared = min(len(data), len(other))
    for start in range(0, shared, _BLOCK):
        end = min(start + _BLOCK, shared)
        if data[start:end] != other[start:end]:
            return next(at for at in range(start, end) if data[at] != other[at])
    return shared


def string_at(data: bytes, offset: int) -> str:
    """Return the printable text around an offset, "" where there is none of at least 4 characters."""
    start = end = offset
    while start > 0 and offset - start < _STRING_MAX and 0x20 <= data[start - 1] != 0x7F:
        start -= 1
    while end < len(data) and end - offset < _STRING_MAX and 0x20 <= data[end] != 0x7F:
        end += 1
    try:
        text = data[start:end].decode("utf-8")
    except UnicodeDecodeError:
        return ""
    return text if len(text) >= 4 and text.isprintable() else ""


def _path_or_date(data: bytes, other: bytes) -> str:
    """Return a C string with a path or date that only ``data`` has, "" when there is none."""
    only = sorted(set(_C_STRING.findall(data)) - set(_C_STRING.findall(other)))
    texts = (text[-_STRING_MAX:].decode("utf-8", "replace") for text in only)
    return next((text for text in texts if _is_path_or_date(text)), "")


def _matches(pattern: Pattern[str], text: str) -> List[str]:
    return [match[0] for match in pattern.finditer(text)]


def _is_path_or_date(text: str) -> bool:
    return bool(_DATE.search(text) or _PATH.search(text))


def _remedy(ours: str, theirs: str) -> str:
    if _matches(_DATE, ours) != _matches(_DATE, theirs):
        return (
            "a date or time of the build stands in the firmware (__DATE__, __TIME__): take it out of the source, "
            "or build both with OTA_REPRODUCIBLE=y"
        )
    if _matches(_PATH, ours) != _matches(_PATH, theirs):
        return (
            "the path of a source stands in the firmware (__FILE__): build both with OTA_REPRODUCIBLE=y, which "
            "cuts the workspace's own path off"
        )
    return (
        "build from the same sources, with the same compiler and settings, as the release was; `aos-ota "
        "verify-release` without --rebuild shows what they were when it has a statement"
    )
