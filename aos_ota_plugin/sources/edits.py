"""Replacements in a C source, and the copy of the source that has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Sequence

from .c_text import c_file_name
from .encoding import UTF8_BOM, newline_of

MADE_BY = "/* Made by aos_ota_plugin from the file named below; edits here are lost. */"


@dataclass(frozen=True)
class Edit:
    """One replacement: bytes ``start`` to ``end`` of the source give way to ``replacement``."""

    start: int
    end: int
    replacement: bytes
    what: str  # the name that gets a value, for messages
    line: int  # in the source, from 1
    declaration: str = ""  # C that the replacement needs in front of the source


def apply(source: bytes, edits: Sequence[Edit], *, file: str) -> bytes:
    """Return the copy: a comment, the declarations the edits need, a ``#line``, and the source with its edits.

    Outside the edits every byte stays as it is. A byte order mark stays in front of everything. ``#line`` and
    the edits keep the numbers of the lines, so compiler messages name the user's file and line.
    """
    newline = newline_of(source)
    bom = UTF8_BOM if source.startswith(UTF8_BOM) else b""
    prologue = [MADE_BY, *dict.fromkeys(edit.declaration for edit in edits if edit.declaration)]
    prologue.append(f"#line 1 {c_file_name(file)}")
    pieces: List[bytes] = [bom, *(line.encode("utf-8", "surrogateescape") + newline for line in prologue)]
    position = len(bom)
    for edit in sorted(edits, key=lambda edit: edit.start):
        pieces += (source[position : edit.start], edit.replacement)
        position = edit.end
    pieces.append(source[position:])
    return b"".join(pieces)
