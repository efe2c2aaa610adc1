"""The content of a file as a tree of parts, each with its fields and their places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from aos_ota_plugin.printable import shown


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


def part_lines(part: Part, title: str, indent: str = "") -> List[str]:
    """Return the lines that show a part and what is inside it; `title` begins the first one."""
    name = f" {shown(part.name)}" if part.name else ""
    where = " (offsets below count from the start of what was decoded)" if part.decoded else ""
    at = f" at 0x{part.offset:08x}" if indent else ""
    lines = [f"{indent}{title}{part.kind}{name}, {part.size} bytes{at}{where}"]
    indent += "  "
    lines += [f"{indent}WRONG: {fault}" for fault in part.faults]
    lines += [f"{indent}note: {note}" for note in part.notes]
    width = max((len(key) for key, _ in part.facts), default=0)
    lines += [f"{indent}{key:<{width}}  {value}" for key, value in part.facts]
    width = max((len(mark.name) for mark in part.fields), default=0)
    for mark in part.fields:
        truth = {None: "", True: "  ok", False: "  WRONG"}[mark.ok]
        lines.append(f"{indent}0x{mark.offset:08x}  {mark.size:>9}  {mark.name:<{width}}  {mark.value}{truth}".rstrip())
    for inner in part.parts:
        lines += part_lines(inner, "", indent)
    return lines
