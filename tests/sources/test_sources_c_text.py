"""Values as C source text."""

from __future__ import annotations

import ast
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aos_ota_plugin.errors import SourceError
from aos_ota_plugin.sources.c_text import c_bytes, c_file_name, c_string

ALLOWED = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters='"\\'))

REFUSED = {
    "quote closes the literal": ('a"; system("x', 2, "a double quote"),
    "backslash": ("a\\", 2, "a backslash"),
    "newline": ("app\n#define X", 4, "a control character"),
    "carriage return": ("\r", 1, "a control character"),
    "NUL": ("a\0b", 2, "a control character"),
    "delete": ("\x7f", 1, "a control character"),
    "Chinese": ("版本", 1, "not ASCII"),
    "full-width quote": ("a＂", 2, "not ASCII"),
}


@pytest.mark.parametrize(("value", "position", "why"), REFUSED.values(), ids=list(REFUSED))
def test_what_cannot_stand_in_a_c_string_is_refused_without_showing_it(value: str, position: int, why: str) -> None:
    with pytest.raises(SourceError) as caught:
        c_string(value, "the version")
    assert caught.value.problem == f"the version cannot be written as a C string: character {position} is {why}"
    assert value not in str(caught.value)


def test_a_secret_is_not_in_the_error() -> None:
    with pytest.raises(SourceError) as caught:
        c_string('hunter2hunter2"')
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(caught.value)


@given(ALLOWED)
def test_a_c_string_reads_back_and_holds_no_trigraph(value: str) -> None:
    literal = c_string(value)
    assert "??" not in literal
    assert ast.literal_eval(literal.replace("\\?", "?")) == value  # printable ASCII reads the same in Python


@pytest.mark.parametrize(
    ("value", "literal"),
    [("", '""'), ("app-1.0.0", '"app-1.0.0"'), ("a??/b", '"a?\\?/b"'), ("???", '"?\\?\\?"'), ("????", '"?\\?\\?\\?"')],
)
def test_c_string_examples(value: str, literal: str) -> None:
    assert c_string(value) == literal


@given(st.binary(max_size=300))
def test_c_bytes_holds_every_byte_eight_a_line(data: bytes) -> None:
    text = c_bytes(data)
    assert bytes(int(number, 16) for number in re.findall(r"0x([0-9a-f]{2})", text)) == data
    lines = text.split("\n") if data else []
    assert len(lines) == (len(data) + 7) // 8
    assert all(line.count("0x") == 8 for line in lines[:-1])


@pytest.mark.parametrize(
    ("file", "literal"),
    [
        ("a/b.c", '"a/b.c"'),
        ("C:\\solutions\\x.c", '"C:/solutions/x.c"'),
        ('a"b.c', '"a\\"b.c"'),
        ("a\nb.c", '"a\\012b.c"'),
        ("方案/x.c", '"方案/x.c"'),
    ],
)
def test_file_names_for_line_directives(file: str, literal: str) -> None:
    assert c_file_name(file) == literal
