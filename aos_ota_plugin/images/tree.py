"""The content of a file as a tree of parts, each with its fields and their places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, NamedTuple, Optional, Tuple


class Mark(NamedTuple):
    """A field of a part: its offset and size in bytes, and its value as text.

    `ok` tells whether the value fits the bytes; None for a field without such a claim.
    """

    name: str
    offset: int
    size: int
    value: str
    ok: Optional[bool] = None


@dataclass(frozen=True)
class Part:
    """A part of a file; offsets count from the file's start, or from that of the `decoded` part around it.

    `facts` follow from several fields or are in text; `faults` say what is wrong; `notes` what was left out.
    """

    kind: str
    offset: int
    size: int
    name: str = ""
    fields: Tuple[Mark, ...] = ()
    facts: Tuple[Tuple[str, str], ...] = ()
    faults: Tuple[str, ...] = ()
    notes: Tuple[str, ...] = ()
    parts: Tuple[Part, ...] = ()
    decoded: bool = False

    def to_document(self) -> Dict[str, Any]:
        """Return the part as a JSON object with its inner parts; `name` only where there is one."""
        document = {key: getattr(self, key) for key in ("kind", "name", "offset", "size", "decoded", "faults", "notes")}
        if not self.name:
            del document["name"]
        return {
            **document,
            "fields": [mark._asdict() for mark in self.fields],
            "facts": dict(self.facts),
            "parts": [part.to_document() for part in self.parts],
        }


def shown(text: str) -> str:
    """Return text that is safe on a terminal: characters that cannot be printed are escaped."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)
