"""A C lexer that tells live code from comments, strings and branches that are switched off.

It joins continued lines, leaves out comments and the code in ``#if 0`` (and the other half of ``#if 1``), keeps
string and character literals whole, and records where each token is in the file. Conditions that it cannot decide
count as live. Where C leaves the choice it follows GCC: a literal without its closing quote ends with its line, a
backslash may have spaces between it and the line end. It never fails: any text has tokens.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Iterator, List, NamedTuple, Optional, Tuple

# Bytes above 0x7f belong to words, as they do for compilers that allow UTF-8 in identifiers.
_TOKEN = re.compile(
    r"""
      (?P<newline>\n)
    | (?P<space>[ \t\v\f\r\0]+)
    | (?P<comment>//[^\n]*|/\*.*?(?:\*/|\Z))
    | (?P<string>(?:u8|[uUL])?"[^"\\\n]*(?:\\[^\n][^"\\\n]*)*"?)
    | (?P<char>[uUL]?'[^'\\\n]*(?:\\[^\n][^'\\\n]*)*'?)
    | (?P<word>[A-Za-z_$\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]*)
    | (?P<number>\.?[0-9](?:[eEpP][+-]|[A-Za-z0-9_.])*)
    | (?P<punct>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_CONTINUED = re.compile(r"\\[ \t\v\f\0]*\r?\n")
_ZERO = re.compile(r"0[xX]?0*[uUlL]*\Z")
_NUMBER = re.compile(r"[0-9][0-9a-fA-FxX]*[uUlL]*\Z")


class Token(NamedTuple):
    """A token.

    ``start`` and ``end`` are offsets in the scanned text; ``text`` has continued lines joined.
    """

    kind: str  # word, number, string, char or punct (always one character)
    text: str
    start: int
    end: int
    directive: int = 0  # 0: code; else the number of the preprocessor line it belongs to

    def is_punct(self, text: str) -> bool:
        """Return whether this is that punctuation character, not a literal that looks like it."""
        return self.kind == "punct" and self.text == text


def live_tokens(text: str) -> List[Token]:
    """Return the tokens of the live code, preprocessor lines included, in the order of the text."""
    conditions = _Conditions()
    live: List[Token] = []
    for number, line in enumerate(_lines(text), start=1):
        if line[0].is_punct("#"):
            if conditions.directive(line):
                live.extend(token._replace(directive=number) for token in line)
        elif conditions.live:
            live.extend(line)
    return live


def _lines(text: str) -> Iterator[List[Token]]:
    joined = _JoinedText(text)
    line: List[Token] = []
    for match in _TOKEN.finditer(joined.text):
        kind = str(match.lastgroup)
        if kind == "newline":
            if line:
                yield line
            line = []
        elif kind not in ("space", "comment"):
            start, end = match.span()
            line.append(Token(kind, match.group(), joined.origin(start), joined.origin(end - 1) + 1))
    if line:
        yield line


class _JoinedText:
    """A text with its continued lines joined, and the original offset of each character."""

    def __init__(self, text: str) -> None:
        pieces: List[str] = []
        self._starts: List[int] = []  # where each piece starts, in the joined text
        self._origins: List[int] = []  # and in the original
        position = length = 0
        for start, end in [*(match.span() for match in _CONTINUED.finditer(text)), (len(text), len(text))]:
            self._starts.append(length)
            self._origins.append(position)
            pieces.append(text[position:start])
            length += start - position
            position = end
        self.text = "".join(pieces)

    def origin(self, offset: int) -> int:
        """Return the original offset of the character at this offset of the joined text."""
        piece = bisect_right(self._starts, offset) - 1
        return self._origins[piece] + offset - self._starts[piece]


class _Condition(NamedTuple):
    outer: bool  # is the code around this #if live?
    live: bool
    decided: bool  # a branch was certainly taken, so the later ones are dead


class _Conditions:
    """The ``#if`` lines that enclose the current line."""

    def __init__(self) -> None:
        self._stack: List[_Condition] = []

    @property
    def live(self) -> bool:
        return not self._stack or self._stack[-1].live

    def directive(self, line: List[Token]) -> bool:
        """Process a preprocessor line; return whether it is live itself."""
        name = line[1].text if len(line) > 1 else ""
        value = _literal_truth(line[2:]) if name in ("if", "elif") else None
        if name in ("if", "ifdef", "ifndef"):
            outer = self.live
            self._stack.append(_Condition(outer, outer and value is not False, value is True))
            return outer
        if name in ("elif", "elifdef", "elifndef", "else") and self._stack:
            outer, _, decided = self._stack[-1]
            live = outer and not decided and value is not False
            self._stack[-1] = _Condition(outer, live, decided or value is True or name == "else")
            return outer
        if name == "endif" and self._stack:
            return self._stack.pop().outer
        return self.live


def _literal_truth(condition: List[Token]) -> Optional[bool]:
    """Return the truth of a condition that is a single number, None for any other condition."""
    texts: Tuple[str, ...] = tuple(token.text for token in condition)
    while len(texts) > 2 and texts[0] == "(" and texts[-1] == ")":
        texts = texts[1:-1]
    if len(texts) != 1 or not _NUMBER.match(texts[0]):
        return None
    return not _ZERO.match(texts[0])
