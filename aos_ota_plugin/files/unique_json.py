"""Reading JSON in which no object has a key twice.

Of such a pair one value counts, and which one is every reader's own choice: Python takes the last, the device's cJSON
the first. So a document could be proven as one thing and used as another.
"""

from __future__ import annotations

import json
import re
from typing import Any, Callable, Dict, List, Tuple

from aos_ota_plugin.errors import FormatError, Place

_SHOWN = 80
_PARTS = r'(?s)"(?:[^"\\]|\\.)*"|[{}\[\],:]'  # compiled when there is something to refuse, and not by every start


def loads(data: bytes, file: str = "", *, ignore_case: bool = False) -> Any:
    """Return what UTF-8 JSON says; with ``ignore_case`` keys that differ in nothing but case are the same.

    Raises:
        FormatError: a key stands in one object twice; it tells where in ``file``, if there is one.
        ValueError, RecursionError: it is not JSON, or not UTF-8, as ``json.loads`` tells.
    """
    text = data.decode("utf-8")
    same: Callable[[str], str] = str.lower if ignore_case else str

    def unique(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
        if len({same(key) for key, _ in pairs}) != len(pairs):
            raise _twice(text, file, same)
        return dict(pairs)

    return json.loads(text, object_pairs_hook=unique)


def _twice(text: str, file: str, same: Callable[[str], str]) -> FormatError:
    """The error, with the place of the first key that repeats another."""
    open_objects: List[Dict[str, int]] = []  # their keys, and where each begins; lists have none
    at, word = 0, ""
    for token in re.finditer(_PARTS, text):
        kind = token.group()
        if kind in "{[":
            open_objects.append({})
        elif kind in "}]":
            open_objects.pop()
        elif kind == ":":
            first = open_objects[-1].setdefault(same(json.loads(word)), at)
            if first != at:
                return _error(word, Place(file, *_line_and_column(text, at)), _line_and_column(text, first)[0])
        elif kind != ",":
            at, word = token.start(), kind
    raise AssertionError("no key stands there twice")


def _error(word: str, place: Place, first: int) -> FormatError:
    lines = f", in lines {first} and {place.line}" if place.file and first != place.line else ""
    return FormatError(
        f"the key {json.loads(word)[:_SHOWN]!a} stands in one object twice{lines}",
        place=place if place.file else None,
        remedy="take one of the two out: of such a pair one reader takes the first, another the last",
    )


def _line_and_column(text: str, at: int) -> Tuple[int, int]:
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
