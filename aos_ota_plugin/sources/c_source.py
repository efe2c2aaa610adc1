"""A C source with its macros and variables, and the places that edits and messages need."""

from __future__ import annotations

import re
from typing import Sequence

from ..errors import Place, SourceError
from .c_declarations import macros, variables
from .c_tokens import Token, live_tokens
from .edits import Edit
from .encoding import to_text

_NEWLINE = re.compile(rb"\r?\n")


class CSource:
    """A source that is read once.

    Raises SourceError for UTF-16, which no C compiler reads.
    """

    def __init__(self, source: bytes, *, file: str) -> None:
        self.source = source
        self.file = file
        self.tokens = live_tokens(to_text(source, file=file))
        self.macros = list(macros(self.tokens))
        self.variables = list(variables(self.tokens))

    def line(self, offset: int) -> int:
        """Return the line number of an offset, from 1."""
        return self.source.count(b"\n", 0, offset) + 1

    def place(self, offset: int) -> Place:
        """Return file, line and column (in bytes, as compilers count) of an offset."""
        return Place(self.file, self.line(offset), offset - self.source.rfind(b"\n", 0, offset))

    def replace(self, tokens: Sequence[Token], text: str, *, what: str, declaration: str = "") -> Edit:
        """Return the edit that puts ``text`` in place of adjacent tokens.

        The line ends among the tokens follow the text, so that later lines keep their numbers. Raises SourceError if
        preprocessor lines are among them: replacing them could part an #if from its #endif.
        """
        first, last = tokens[0], tokens[-1]
        between = (token for token in self.tokens if first.start < token.start < last.start)
        other = next((token for token in between if token.directive != first.directive), None)
        if other is not None:
            raise SourceError(
                f"the value of {what} has preprocessor lines inside",
                place=self.place(other.start),
                remedy=f"give {what} one plain value; the build puts its own in its place",
            )
        newlines = _NEWLINE.findall(self.source, first.start, last.end)
        if first.directive:  # a macro goes on only where its line is continued
            newlines = [b" \\" + newline for newline in newlines]
        replacement = text.encode("ascii") + b"".join(newlines)
        return Edit(first.start, last.end, replacement, what, self.line(first.start), declaration)

    def insert(self, offset: int, text: str, *, what: str, declaration: str = "") -> Edit:
        """Return the edit that adds ``text`` at an offset."""
        return Edit(offset, offset, text.encode("ascii"), what, self.line(offset), declaration)


def number(token: Token) -> int:
    """Return the value of a plain C integer, -1 for any other token."""
    digits = token.text.rstrip("uUlL")
    try:
        return int(digits, 8) if re.match(r"0[0-7]+\Z", digits) else int(digits, 0)
    except ValueError:
        return -1
