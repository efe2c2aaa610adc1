"""Boards' partition tables in C: ``hal_logic_partition_t`` and, since 3.3, ``mtd_partition_t``.

>>> [entry.name for entry in table_entries("[HAL_PARTITION_OTA_TEMP] = { .partition_length = 0x578000 }", "p.c")]
['HAL_PARTITION_OTA_TEMP']
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Iterator, List, NamedTuple, Optional, Tuple

from aos_ota_plugin.errors import Place

SIZE_MAX = 0xFFFF_FFFF
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|[0-9]+")
# An unclosed comment goes to the end of the file, an unclosed string to the end of its line: no text is read twice.
_COMMENT = re.compile(r'//[^\n]*|/\*.*?(?:\*/|\Z)|"(?:[^"\\\n]|\\.)*"?', re.DOTALL)
_LINE_END = re.compile(r"\n")
_ENTRY = re.compile(r"\{([^{}]*)\}")
_INDEX = re.compile(r"\[\s*(\w+)\s*\]\s*=\s*\Z")
_INDEX_LENGTH = 200
"""Characters before an entry's brace in which its index stands."""
_FIELD = r"\.\s*{}\s*=\s*([^,}}\n]*)"
_NAME, _START, _LENGTH = (
    re.compile(_FIELD.format(name)) for name in ("partition_name_std", "partition_start_addr", "partition_length")
)


class Value(NamedTuple):
    """The text of a number in a table, the number where it is a plain one, and its place in the file."""

    text: str
    number: Optional[int]
    place: Place


class TableEntry(NamedTuple):
    """An entry of a partition table: its name or index, its place, and its values in bytes.

    It has several first addresses and lengths when they are under several ``#if``.
    """

    name: str
    place: Place
    starts: Tuple[Value, ...]
    lengths: Tuple[Value, ...]


def table_entries(text: str, file: str) -> Iterator[TableEntry]:
    """Yield the partitions of a C table, in its order; what stands in comments and strings does not count."""
    code = _COMMENT.sub(_blank, text)
    lines = [0, *(match.end() for match in _LINE_END.finditer(code))]
    for entry in _ENTRY.finditer(code):
        index = _INDEX.search(code, max(0, entry.start() - _INDEX_LENGTH), entry.start())
        name = index or _NAME.search(entry[1])
        if name:
            yield TableEntry(
                name[1].strip(),
                _place(lines, entry.start(), file),
                _values(entry, _START, lines, file),
                _values(entry, _LENGTH, lines, file),
            )


def number_of(text: str) -> Optional[int]:
    """Return a number of bytes in C's or YAML's notation, 0 to 2**32 - 1; None for anything else."""
    text = text.strip().replace("_", "")
    if not _NUMBER.fullmatch(text) or len(text) > 20:
        return None
    number = int(text, 16) if text[:2].lower() == "0x" else int(text)
    return number if number <= SIZE_MAX else None


def _values(entry: re.Match[str], field: re.Pattern[str], lines: List[int], file: str) -> Tuple[Value, ...]:
    return tuple(
        Value(
            " ".join(match[1].split()), number_of(match[1].strip().rstrip("uUlL")), _place(lines, match.start(1), file)
        )
        for match in field.finditer(entry.string, entry.start(1), entry.end(1))
    )


def _place(lines: List[int], at: int, file: str) -> Place:
    """Return the place of an offset; ``lines`` are the offsets at which lines begin."""
    line = bisect_right(lines, at)
    return Place(file, line, at - lines[line - 1] + 1)


def _blank(match: re.Match[str]) -> str:
    """Return a comment or string as spaces, so that all places stay the same."""
    return re.sub(r"[^\n]", " ", match[0])
