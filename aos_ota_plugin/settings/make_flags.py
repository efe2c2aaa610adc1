"""The environment variable MAKEFLAGS: GNU make's record of its command line for its child processes.

Format (GNU make's main.c, and its manual under "Communicating Options to a Sub-make"; measured with 4.3): words between
blanks. Flags come first, single letters without a hyphen (``kw``), then ``--`` and a word ``NAME=value``, or
``NAME:=value``, for each variable of the command line. Each blank and backslash in a word has a backslash before it,
``$`` is doubled. Old versions (3.81, on macOS) leave the ``--`` out where there are no flags.
"""

from __future__ import annotations

import re
from typing import List, Tuple

_BLANKS = " \t"  # not a line break: it is part of a word
_PARTS = r"(?s)[ \t]+|\\.|\$\$|[^ \t\\$]+|."


def command_line_variables(makeflags: str) -> List[Tuple[str, str]]:
    """Return the names and values of make's command line, as typed except for leading blanks."""
    words = _words(makeflags)
    if "--" in words:
        words = words[words.index("--") + 1 :]
    pairs = (word.partition("=") for word in words if "=" in word and not word.startswith("-"))
    return [(name.rstrip(":"), value) for name, _, value in pairs]


def _words(text: str) -> List[str]:
    """Split as make does, and undo the escapes of blank, backslash and dollar sign."""
    words = [""]
    for part in re.findall(_PARTS, text):
        if part[0] in _BLANKS:
            words.append("")
        else:
            words[-1] += part[-1] if part[0] == "\\" or part == "$$" else part
    return [word for word in words if word]
