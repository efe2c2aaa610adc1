r"""The words of a command line, as a program gets them from the shell that SCons starts it with.

>>> posix_words(r'cc -DNAME=\"a.h\" "-Iin clude"')
['cc', '-DNAME="a.h"', '-Iin clude']
>>> windows_words(r'cc.exe -DNAME=\"a.h\" "-Iin clude" C:\a\b.c')
['cc.exe', '-DNAME="a.h"', '-Iin clude', 'C:\\a\\b.c']
"""

from __future__ import annotations

import os
import re
import shlex
from typing import List, Optional

from aos_ota_plugin.errors import BuildError

_PIECE = re.compile(r'(\\*)"|\\+|[ \t]+|[^\\" \t]+')


def command_words(line: str) -> List[str]:
    """Split a command line by the rules of this system. Raises BuildError for an unclosed quote."""
    if os.name == "nt":
        return windows_words(line)
    try:
        return posix_words(line)
    except ValueError:
        raise BuildError(
            f"a command line has an unclosed quote: {line[:200]}", remedy="correct the flags and macros in package.yaml"
        ) from None


def posix_words(line: str) -> List[str]:
    """Split a command line as a POSIX shell does, without its variables. Raises ValueError."""
    return shlex.split(line)


def windows_words(line: str) -> List[str]:
    """Split a command line as the C library of Windows does.

    Backslashes are special only before a double quote.
    """
    words: List[str] = []
    word: Optional[str] = None
    quoted = False
    for piece in _PIECE.finditer(line):
        text = piece[0]
        if text[-1] == '"':
            count = len(piece[1])
            word = (word or "") + "\\" * (count // 2)
            if count % 2:
                word += '"'
            else:
                quoted = not quoted
        elif text[0] in " \t" and not quoted:
            if word is not None:
                words.append(word)
            word = None
        else:
            word = (word or "") + text
    return words if word is None else [*words, word]
