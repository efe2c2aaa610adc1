"""C source files as text, without changing a byte of them, whatever their encoding.

Vendor and user files are UTF-8, with or without a byte order mark, or GBK. The encoding need not be known: every byte
becomes the character of the same number (Latin-1), so offsets in the text are offsets in the file, and all that is
not replaced is written back unchanged. The compiler reads bytes, too, so both see the same tokens, even where the
second byte of a GBK character is a backslash.
"""

from __future__ import annotations

from ..errors import Place, SourceError

UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")


def to_text(source: bytes, *, file: str) -> str:
    """Return the source with one character per byte; a byte order mark becomes spaces.

    Raises SourceError for UTF-16, which the compiler cannot read either.
    """
    if source.startswith(_UTF16_BOMS):
        raise SourceError(
            "this source is UTF-16, which C compilers do not read", place=Place(file), remedy="save it as UTF-8"
        )
    text = source.decode("latin-1")
    return " " * len(UTF8_BOM) + text[len(UTF8_BOM) :] if source.startswith(UTF8_BOM) else text


def newline_of(source: bytes) -> bytes:
    r"""Return the line end of the source's first line, ``\n`` if it has none."""
    end = source.find(b"\n")
    return b"\r\n" if end > 0 and source[end - 1 : end] == b"\r" else b"\n"
