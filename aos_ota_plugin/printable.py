r"""Escape characters that a terminal would act on, or that would hide what stands in a text.

These are control and format characters, line ends, and halves of characters: texts of devices and files may have them.

>>> print(shown("status -4\x1b[2J\u202e"))
status -4\x1b[2J\u202e
>>> print(shown_json('["中\x9b"]'))
["中\u009b"]
"""

from __future__ import annotations

import re


def shown(text: str) -> str:
    """Return a text in one line that is safe on a terminal: what cannot be printed is escaped."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def shown_json(text: str, *, ascii_only: bool = False) -> str:
    """Return a JSON document that is safe on a terminal: what cannot be printed has JSON's escapes."""

    def escaped(found: re.Match[str]) -> str:
        if found[0].isprintable() and not ascii_only:
            return found[0]
        return re.sub("....", r"\\u\g<0>", found[0].encode("utf-16-be", "surrogatepass").hex())

    return re.sub(r"[^\x20-\x7e\t\r\n]", escaped, text)
