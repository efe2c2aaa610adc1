"""The lexer: what is live code, and where it stands."""

from __future__ import annotations

import re
from typing import List

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aos_ota_plugin.errors import SourceError
from aos_ota_plugin.sources.c_tokens import Token, live_tokens
from aos_ota_plugin.sources.encoding import newline_of, to_text

PIECES = st.sampled_from(
    [
        '"',
        "'",
        "\\",
        "\n",
        "\r\n",
        "//",
        "/*",
        "*/",
        "#if 0\n",
        "#if 1\n",
        "#else\n",
        "#elif 0\n",
        "#endif\n",
        "#",
        "if",
        "0",
        "name",
        " ",
        "\t",
        "\\\n",
        "\\ \r\n",
        "{",
        "}",
        ";",
        "=",
        'L"',
        "1.5e+3",
        "\x80",
        "\xff",
        "\0",
        "???/",
    ]
)
C_LIKE = st.lists(PIECES, max_size=40).map("".join)


def texts(source: str) -> List[str]:
    return [token.text for token in live_tokens(source)]


def check_offsets(source: str, tokens: List[Token]) -> None:
    position = 0
    for token in tokens:
        assert position <= token.start < token.end <= len(source)
        joined = re.sub(r"\\[ \t\v\f\0]*\r?\n", "", source[token.start : token.end])
        assert joined == token.text
        position = token.end


@given(st.text(st.characters(max_codepoint=0xFF)))
@example("\\")
@example('"\\')
@example("/*")
@example("#")
@example("\\\n")
def test_any_text_has_tokens_that_stand_where_they_say(source: str) -> None:
    check_offsets(source, live_tokens(source))


@given(C_LIKE)
def test_any_pieces_of_c_have_tokens_that_stand_where_they_say(source: str) -> None:
    check_offsets(source, live_tokens(source))


LIVE = {
    "line comment": ("a // b\nc", "a c"),
    "line comment continued": ("a // b \\\n c\nd", "a d"),
    "line comment continued with CRLF and a space": ("a // b \\ \r\n c\r\nd", "a d"),
    "block comment": ("a /* b\n b */ c", "a c"),
    "block comment without end": ("a /* b", "a"),
    "no nested comments": ("/* /* */ a */", "a * /"),
    "comment in string": ('"/* a */" b // c', '"/* a */" b'),
    "string in comment": ('/* " */ a /* " */ b', "a b"),
    "escaped quote": (r'"a\"b" c', r'"a\"b" c'),
    "escaped backslash": (r'"a\\" c', r'"a\\" c'),
    "quote in character": ("'\"' a '\"'", "'\"' a '\"'"),
    "unfinished string ends with its line": ('"abc\nd', '"abc d'),
    "apostrophe in #error": ("#error don't\nd", "# error don 't d"),
    "word split over lines": ("MY_AP\\\nP_VER", "MY_APP_VER"),
    "comment mark split over lines": ("/\\\n* a */ b", "b"),
    "string split over lines": ('"a\\\r\nb"', '"ab"'),
    "wide string": ('L"a" u8"b" xL"c"', 'L"a" u8"b" xL "c"'),
    "#if 0": ("a\n#if 0\nb\n#endif\nc", "a # if 0 # endif c"),
    "#if 0 spelled otherwise": ("# if ( 0x0UL ) /* x */\nb\n#endif\nc", "# if ( 0x0UL ) # endif c"),
    "#if 0 else": ("#if 0\nb\n#else\nc\n#endif", "# if 0 # else c # endif"),
    "#if 0 elif": ("#if 0\nb\n#elif X\nc\n#else\nd\n#endif", "# if 0 # elif X c # else d # endif"),
    "#if 1 else": ("#if 1\nb\n#elif X\nc\n#else\nd\n#endif", "# if 1 b # elif X # else # endif"),
    "#if in #if 0": ("#if 0\n#if X\nb\n#else\nc\n#endif\nd\n#endif\ne", "# if 0 # endif e"),
    "#if 0 in #ifdef": (
        "#ifdef X\na\n#if 0\nb\n#endif\n#else\nc\n#endif",
        "# ifdef X a # if 0 # endif # else c # endif",
    ),
    "#if X stays": ("#if X\na\n#else\nb\n#endif", "# if X a # else b # endif"),
    "#if 00 is octal zero": ("#if 00\na\n#endif", "# if 00 # endif"),
    "#if 10 is true": ("#if 10\na\n#else\nb\n#endif", "# if 10 a # else # endif"),
    "#define in #if 0": ("#if 0\n#define A 1\n#endif", "# if 0 # endif"),
    "apostrophe in #if 0": ("#if 0\ndon't /* here\n#endif\na", "# if 0 # endif a"),
    "#endif too many": ("#endif\na", "# endif a"),
    "# in the middle of a line": ("a # if 0\nb", "a # if 0 b"),
    "# after a comment": ("/* x\n */ #if 0\nb\n#endif", "# if 0 # endif"),
    "Chinese in UTF-8": ("字 a /* 版本 */ b".encode().decode("latin-1"), "\u00e5\u00ad\u0097 a b"),
    "GBK whose last byte is a backslash continues the comment": (b"// \xc5\x5c\nhidden\nb".decode("latin-1"), "b"),
}


@pytest.mark.parametrize(("source", "expected"), LIVE.values(), ids=list(LIVE))
def test_live_code(source: str, expected: str) -> None:
    assert " ".join(texts(source)) == expected


def test_directive_numbers_tell_lines_apart() -> None:
    tokens = live_tokens("#define A 1\n#define B\nint x;\n")
    numbers = [token.directive for token in tokens]
    assert numbers == [1, 1, 1, 1, 2, 2, 2, 0, 0, 0]


@given(st.binary())
def test_every_byte_is_one_character(data: bytes) -> None:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return
    text = to_text(data, file="x.c")
    assert len(text) == len(data)
    if not data.startswith(b"\xef\xbb\xbf"):
        assert text.encode("latin-1") == data


def test_a_byte_order_mark_is_space() -> None:
    assert to_text(b"\xef\xbb\xbf#define", file="x.c") == "   #define"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_is_an_error(encoding: str) -> None:
    with pytest.raises(SourceError) as caught:
        to_text("\ufeff#define".encode(encoding), file="x.c")
    assert str(caught.value) == ("x.c: this source is UTF-16, which C compilers do not read\n  fix: save it as UTF-8")


@pytest.mark.parametrize(
    ("source", "newline"), [(b"", b"\n"), (b"a", b"\n"), (b"a\nb\r\n", b"\n"), (b"a\r\nb\n", b"\r\n"), (b"\n", b"\n")]
)
def test_added_lines_end_as_the_first_line_does(source: bytes, newline: bytes) -> None:
    assert newline_of(source) == newline
