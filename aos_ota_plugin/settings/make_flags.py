"""make's record of its own command line: the environment variable MAKEFLAGS, as GNU make gives it to what it starts.

Format (GNU make's main.c, and its manual under "Communicating Options to a Sub-make"; measured with 4.3): words between
blanks. Flags come first, single letters without a hyphen (``kw``), then ``--`` and a word ``NAME=value``, or
``NAME:=value``, for each variable of the command line. A backslash stands before each blank and backslash of a word,
``$`` is doubled. Old ones (3.81, on macOS) leave the ``--`` out where there are no flags.
"""

from __future__ import annotations

import re
from typing import List, Tuple

_BLANKS = " \t"  # a line break is none: it stands in a word as it is
_PARTS = r"(?s)[ \t]+|\\.|\$\$|[^ \t\\$]+|."


def command_line_variables(makeflags: str) -> List[Tuple[str, str]]:
    """List the variables of make's command line, names and values, as they were typed but for blanks in front."""
    words = _words(makeflags)
    if "--" in words:
        words = words[words.index("--") + 1 :]
    pairs = (word.partition("=") for word in words if "=" in word and not word.startswith("-"))
    return [(name.rstrip(":"), value) for name, _, value in pairs]


def _words(text: str) -> List[str]:
    """Split as make does, and undo what stands for a blank, a backslash and a dollar sign."""
    words = [""]
    for part in re.findall(_PARTS, text):
        if part[0] in _BLANKS:
            words.append("")
        else:
            words[-1] += part[-1] if part[0] == "\\" or part == "$$" else part
    return [word for word in words if word]
