"""Edits of a C source, and the edited copy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Sequence

from .c_text import c_file_name
from .encoding import UTF8_BOM, newline_of

GENERATED_COMMENT = "/* Made by aos_ota_plugin from the file named below; edits here are lost. */"


@dataclass(frozen=True)
class Edit:
    """A replacement: ``replacement`` takes the place of the bytes ``start`` to ``end`` of the source."""

    start: int
    end: int
    replacement: bytes
    what: str  # the name that gets a value, for messages
    line: int  # in the source, from 1
    declaration: str = ""  # C that the replacement needs in front of the source


def apply(source: bytes, edits: Sequence[Edit], *, file: str) -> bytes:
    """Return the edited copy: a comment, the edits' declarations, a ``#line``, the edited source.

    Outside the edits every byte stays as it is. A byte order mark stays in front of everything. ``#line`` and
    the edits keep the line numbers, so compiler messages name the user's file and line.
    """
    newline = newline_of(source)
    bom = UTF8_BOM if source.startswith(UTF8_BOM) else b""
    prologue = [GENERATED_COMMENT, *dict.fromkeys(edit.declaration for edit in edits if edit.declaration)]
    prologue.append(f"#line 1 {c_file_name(file)}")
    pieces: List[bytes] = [bom, *(line.encode("utf-8", "surrogateescape") + newline for line in prologue)]
    position = len(bom)
    for edit in sorted(edits, key=lambda edit: edit.start):
        pieces += (source[position : edit.start], edit.replacement)
        position = edit.end
    pieces.append(source[position:])
    return b"".join(pieces)
