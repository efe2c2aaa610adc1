r"""Read JSON as devices do, with the library cJSON 1.7.

It stops behind the first value, skips a byte order mark, takes control characters in texts and every byte up to 0x20 as
blank. Texts are C strings: they end at the first NUL, and so does the whole input. Of several members with one name the
first is found, and the case of names does not matter.

>>> item = read_json(b'{"Size": 7, "size": 8} and more')
>>> item.member("SIZE").valueint
7
>>> read_json(b'{"size": 7,}') is None
True
"""

from __future__ import annotations

import re
from typing import List, NamedTuple, Optional, Tuple

_INT_MAX, _INT_MIN = 2**31 - 1, -(2**31)
_NESTING_MAX = 1000
_MARK = b"\xef\xbb\xbf"
_NUMBER = re.compile(rb"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NUMBER_CHARACTERS = re.compile(rb"[0-9+\-eE.]{0,63}")
_QUOTE = 0x22
_ESCAPES = dict(zip(b'bfnrt"\\/', b'\b\f\n\r\t"\\/'))


class Item(NamedTuple):
    """A value: ``valuestring`` is None but of a text, ``valueint`` 0 but of a number or of true (1)."""

    valuestring: Optional[bytes] = None
    valueint: int = 0
    is_number: bool = False
    members: Tuple[Tuple[bytes, Item], ...] = ()

    def member(self, name: str) -> Optional[Item]:
        """Return the first member of this name, in any case; None where there is none."""
        wanted = name.encode("ascii").lower()
        return next((item for key, item in self.members if key.lower() == wanted), None)


def read_json(text: bytes) -> Optional[Item]:
    """Return the value at the start of a text, None where cJSON finds none. Never raises."""
    reader = _Reader(text.split(b"\0", 1)[0])
    try:
        return reader.read()
    except _NotJsonError:
        return None


class _NotJsonError(Exception):
    pass


class _Open:
    """An object or array that is being read: its members so far, and the name of the next one."""

    def __init__(self, closing: int) -> None:
        self.closing = closing
        self.members: List[Tuple[bytes, Item]] = []
        self.name: bytes = b""


class _Reader:
    """A position in a text; nested values are kept in a list, as Python's stack is shorter than cJSON's."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._at = len(_MARK) if text.startswith(_MARK) and len(text) > len(_MARK) else 0

    def read(self) -> Item:
        containers: List[_Open] = []
        while True:
            self._skip_blanks()
            item = self._begin(containers) if self._byte() in b"{[" else self._simple_value()
            while item is not None and containers:
                item = self._put(item, containers)
            if item is not None:
                return item

    def _begin(self, containers: List[_Open]) -> Optional[Item]:
        """Read a container up to its first value; return it where it has none."""
        if len(containers) >= _NESTING_MAX:
            raise _NotJsonError
        started = _Open(b"}"[0] if self._byte() == b"{"[0] else b"]"[0])
        self._at += 1
        self._skip_blanks()
        if self._byte() == started.closing:
            self._at += 1
            return Item()
        self._name_of(started)
        containers.append(started)
        return None

    def _put(self, item: Item, containers: List[_Open]) -> Optional[Item]:
        """Put a value into the innermost container; return that where it ends, None where it goes on."""
        inner = containers[-1]
        inner.members.append((inner.name, item))
        self._skip_blanks()
        byte = self._byte()
        self._at += 1
        if byte == inner.closing:
            containers.pop()
            return Item(members=tuple(inner.members) if inner.closing == b"}"[0] else ())
        if byte != b","[0]:
            raise _NotJsonError
        self._skip_blanks()
        self._name_of(inner)
        return None

    def _name_of(self, container: _Open) -> None:
        if container.closing != b"}"[0]:
            return
        container.name = self._string()
        self._skip_blanks()
        if self._byte() != b":"[0]:
            raise _NotJsonError
        self._at += 1

    def _simple_value(self) -> Item:
        for word, value in ((b"null", 0), (b"false", 0), (b"true", 1)):
            if self._text.startswith(word, self._at):
                self._at += len(word)
                return Item(valueint=value)
        return Item(valuestring=self._string()) if self._byte() == _QUOTE else self._number()

    def _number(self) -> Item:
        characters = _NUMBER_CHARACTERS.match(self._text, self._at)
        number = _NUMBER.match(characters[0]) if characters else None
        if number is None or self._byte() not in b"-0123456789":
            raise _NotJsonError
        self._at += number.end()
        value = float(number[0])
        valueint = _INT_MAX if value >= _INT_MAX else _INT_MIN if value <= _INT_MIN else int(value)
        return Item(valueint=valueint, is_number=True)

    def _string(self) -> bytes:
        """Read a text from its opening quote; what follows a NUL in it is dropped."""
        text = self._text
        if self._byte() != _QUOTE:
            raise _NotJsonError
        start = at = self._at + 1
        while at < len(text) and text[at] != _QUOTE:
            at += 2 if text[at] == b"\\"[0] else 1
        if at >= len(text):
            raise _NotJsonError
        self._at = at + 1
        body = text[start:at]
        return (_unescaped(body) if b"\\" in body else body).split(b"\0", 1)[0]

    def _byte(self) -> int:
        """Return the byte at the position, 0 at the end of the text."""
        return self._text[self._at] if self._at < len(self._text) else 0

    def _skip_blanks(self) -> None:
        while self._at < len(self._text) and self._text[self._at] <= 0x20:
            self._at += 1


def _unescaped(body: bytes) -> bytes:
    out = bytearray()
    at = 0
    while at < len(body):
        if body[at] != b"\\"[0]:
            out.append(body[at])
            at += 1
        elif (escaped := body[at + 1] if at + 1 < len(body) else _QUOTE) == b"u"[0]:
            code, at = _code_point(body, at)
            out += chr(code).encode("utf-8")
        elif escaped in _ESCAPES:
            out.append(_ESCAPES[escaped])
            at += 2
        else:
            raise _NotJsonError
    return bytes(out)


def _code_point(body: bytes, at: int) -> Tuple[int, int]:
    """Return the character of an escape, 0 for letters that are no digits, and where the text goes on."""
    code = _hex4(body, at)
    if 0xDC00 <= code <= 0xDFFF:
        raise _NotJsonError
    if not 0xD800 <= code <= 0xDBFF:
        return code, at + 6
    if body[at + 6 : at + 8] != b"\\u":
        raise _NotJsonError
    low = _hex4(body, at + 6)
    if not 0xDC00 <= low <= 0xDFFF:
        raise _NotJsonError
    return 0x10000 + ((code & 0x3FF) << 10 | low & 0x3FF), at + 12


def _hex4(body: bytes, at: int) -> int:
    digits = body[at + 2 : at + 6]
    if len(digits) < 4:
        raise _NotJsonError
    return int(digits, 16) if re.fullmatch(rb"[0-9A-Fa-f]{4}", digits) else 0
