"""No text of a stranger moves the terminal's cursor, or hides what stands in it."""

import json

import pytest

from aos_ota_plugin.printable import shown, shown_json

HOSTILE = "\x00\x07\x1b[2J\n\r\t\x7f\x9b1m\u200b\u202e\u2028\ufeff\ud800\U000e0041"


@pytest.mark.parametrize("text", ["", "app-1.0.0", "云端 ✓ é", "<b>&\\"])
def test_what_can_be_printed_stays(text):
    assert shown(text) == text
    assert shown_json(json.dumps(text, ensure_ascii=False)) == json.dumps(text, ensure_ascii=False)


def test_what_a_terminal_acts_on_is_escaped():
    assert shown(HOSTILE) == r"\x00\x07\x1b[2J\n\r\t\x7f\x9b1m\u200b\u202e\u2028\ufeff\ud800\U000e0041"


@pytest.mark.parametrize("ascii_only", [False, True])
def test_a_json_document_keeps_its_meaning_and_its_lines(ascii_only):
    value = {"中": [HOSTILE, "云", "😀"]}
    text = shown_json(json.dumps(value, indent=2, ensure_ascii=False), ascii_only=ascii_only)
    assert json.loads(text) == value
    assert all(line.isprintable() for line in text.split("\n"))
    assert text.count("\n") == 6
    assert text.isascii() == ascii_only
