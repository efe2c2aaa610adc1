"""How a file is told about: a tree of parts, each with its fields and their places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, NamedTuple, Optional, Tuple


class Mark(NamedTuple):
    """One field: where it stands (bytes), how long it is, what it says, and whether that is true of the bytes."""

    name: str
    offset: int
    size: int
    value: str
    ok: Optional[bool] = None


@dataclass(frozen=True)
class Part:
    """Something inside a file. Offsets count from the file's start, or from that of the next `decoded` part around it.

    `facts` are what follows from several fields or stands in text; `faults` what is wrong; `notes` what was not told.
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
        """The part as JSON says it; `name` only where there is one, the parts' own parts inside."""
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
    """Return text that does nothing to a terminal: what cannot be printed is escaped."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)
