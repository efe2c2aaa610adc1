"""What commands print is safe on a terminal, whoever wrote it."""

import json

from aos_ota_plugin.cli.output import echo_json, echo_table

DESC = "状态\x1b]0;owned\x07\x9b2J\u202e\nforged line"


def test_a_table_has_a_line_for_each_row_and_no_control_characters(capsys):
    echo_table(("device", "why"), [("one", DESC), ("two", "status -4")])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["one", r"状态\x1b]0;owned\x07\x9b2J\u202e\nforged", "line"],
        ["two", "status", "-4"],
    ]


def test_json_is_the_same_value_without_control_characters(capsys):
    echo_json({"desc": DESC})
    said = capsys.readouterr().out
    assert json.loads(said) == {"desc": DESC}
    assert all(line.isprintable() for line in said.split("\n"))
