r"""Values as C source text: string literals, array bodies and the file name of a ``#line``.

>>> c_string("app-1.0.1")
'"app-1.0.1"'
>>> c_byte_list(b"\x01\x00\x01")
'0x01, 0x00, 0x01'
"""

from __future__ import annotations

from ..errors import SourceError

_REFUSED_IN_STRING = '"\\'


def c_string(value: str, what: str = "this value") -> str:
    r"""Return ``value`` as a C string literal, quotes included.

    Only printable ASCII without quotes and backslashes is allowed: no value of a device needs an escape, so a value
    with one is a mistake or an attempt to write C code. Two question marks in a row are written ``?\?``, so that no
    compiler mode reads them as a trigraph.

    Raises SourceError; its text never holds the value, which may be a secret.
    """
    for index, character in enumerate(value):
        if not " " <= character <= "~" or character in _REFUSED_IN_STRING:
            raise SourceError(
                f"{what} cannot be written as a C string: character {index + 1} is {_name(character)}",
                remedy="use printable ASCII without quotes and backslashes",
            )
    return '"' + value.replace("??", "?\\?").replace("??", "?\\?") + '"'


def c_bytes(data: bytes) -> str:
    """Return the body of a C array initialiser, eight bytes a line, without braces and final newline."""
    rows = (data[start : start + 8] for start in range(0, len(data), 8))
    return ",\n".join("    " + c_byte_list(row) for row in rows)


def c_byte_list(data: bytes) -> str:
    """Return the bytes as C numbers on one line: ``0x01, 0x00, 0x01``."""
    return ", ".join(f"0x{byte:02x}" for byte in data)


def c_file_name(file: str) -> str:
    """Return a path as the string of a ``#line``: forward slashes, quotes and control characters escaped.

    Any path is allowed, unlike in values: it appears in compiler messages only.
    """
    escaped = []
    for character in file.replace("\\", "/"):
        if character == '"':
            escaped.append('\\"')
        elif character < " " or character == "\x7f":
            escaped.append(f"\\{ord(character):03o}")
        else:
            escaped.append(character)
    return '"' + "".join(escaped) + '"'


def _name(character: str) -> str:
    if character == '"':
        return "a double quote"
    if character == "\\":
        return "a backslash"
    return "a control character" if character < " " or character == "\x7f" else "not ASCII"
