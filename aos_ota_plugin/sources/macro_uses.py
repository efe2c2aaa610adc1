r"""Where a preprocessed C source defines and undefines a macro, from the output of ``gcc -E -dD``.

>>> find_uses('# 1 "a.h" 1\n#define MODE 1\n', "MODE")
(MacroUse(kind='define', value='1', place=Place(file='a.h', line=1, column=0)),)
"""

from __future__ import annotations

import re
from typing import List, NamedTuple, Tuple

from aos_ota_plugin.errors import Place

_MARKER = re.compile(r'#(?:line)? (\d{1,9}) "((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\([0-7]{3}|.)")


class MacroUse(NamedTuple):
    """A ``#define`` or ``#undef`` of a macro; ``value`` is its text, "" for an ``#undef``."""

    kind: str
    value: str
    place: Place


def find_uses(preprocessed: str, name: str) -> Tuple[MacroUse, ...]:
    """Return every definition of a macro, in the order in which the compiler sees them.

    ``preprocessed`` has the compiler's line markers. A definition on the command line is at ``<command-line>``.
    """
    use = re.compile(rf"[ \t]*#[ \t]*(define|undef)[ \t]+{re.escape(name)}(?![\w(])(.*)")
    file, line = "", 0
    found: List[MacroUse] = []
    for text in preprocessed.split("\n"):
        marker = _MARKER.match(text)
        if marker:
            file, line = _file_name(marker[2]), int(marker[1])
            continue
        match = use.fullmatch(text.rstrip("\r"))
        if match:
            value = match[2].strip() if match[1] == "define" else ""
            found.append(MacroUse(match[1], value, Place(file, line)))
        line += 1
    return tuple(found)


def _file_name(quoted: str) -> str:
    """Return the name in a line marker, where GCC writes bytes that are not ASCII as ``\\ooo`` (octal)."""

    def byte(match: re.Match[str]) -> str:
        return chr(int(match[1], 8) & 0xFF) if len(match[1]) == 3 else match[1]

    if "\\" not in quoted:
        return quoted
    return _ESCAPED.sub(byte, quoted).encode("latin-1", "replace").decode("utf-8", "replace")
