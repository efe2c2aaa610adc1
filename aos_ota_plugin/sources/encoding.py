"""C source files as text, whatever their encoding, without changing a byte of them.

Vendor and user files come as UTF-8, with or without a byte order mark, and as GBK. Nothing here needs to know
which: every byte becomes the character of the same number (Latin-1), so offsets in the text are offsets in the
file, and what is not replaced goes back as it was. The compiler reads bytes too, so both see the same tokens,
even where the second byte of a GBK character is a backslash.
"""

from __future__ import annotations

from ..errors import Place, SourceError

UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")


def to_text(source: bytes, *, file: str) -> str:
    """Return one character a byte; a byte order mark becomes spaces, so that it is no part of the first word.

    Raises SourceError for UTF-16, which the compiler cannot read either.
    """
    if source.startswith(_UTF16_BOMS):
        raise SourceError(
            "this source is UTF-16, which C compilers do not read", place=Place(file), remedy="save it as UTF-8"
        )
    text = source.decode("latin-1")
    return " " * len(UTF8_BOM) + text[len(UTF8_BOM) :] if source.startswith(UTF8_BOM) else text


def newline_of(source: bytes) -> bytes:
    r"""Return the line end for lines added to this source: that of its first line, ``\n`` if it has none."""
    end = source.find(b"\n")
    return b"\r\n" if end > 0 and source[end - 1 : end] == b"\r" else b"\n"
