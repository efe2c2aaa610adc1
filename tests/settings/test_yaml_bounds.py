"""YAML that every loader takes and nobody means: refused with its place, before it costs time or memory."""

from __future__ import annotations

import reprlib
import tracemalloc

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from aos_ota_plugin.errors import SettingsError, WorkspaceError
from aos_ota_plugin.files.yaml_bounds import NUMBER_MAX
from aos_ota_plugin.files.yaml_text import parse_foreign_yaml, parse_yaml


def laughs(levels, width, line):
    """Every line stands for `width` of the one before."""
    lines = ["a0: &a0 {x: 1}"] + [
        line.format(n=n, before=n - 1, many=", ".join([f"*a{n - 1}"] * width)) for n in range(1, levels)
    ]
    return "\n".join(lines)


# text; place; what the message says
ODD = {
    "a key twice": (
        "name: a\ndef_config:\n  X: 1\n  Y: 2\n  X: 1\n",
        "5:3",
        "the key 'X' stands in one mapping twice, in lines 3 and 5",
    ),
    "at the top": ("name: a\n\nname: a\n", "3:1", "the key 'name' stands in one mapping twice, in lines 1 and 3"),
    "in brackets": ("a: {b: 1, 'b': 2}", "1:11", "the key 'b' stands in one mapping twice, in lines 1 and 1"),
    "written differently": ("0x10: a\n16: b\n", "2:1", "the key '16' stands in one mapping twice, in lines 1 and 2"),
    "yes and on": ("yes: a\non: b\n", "2:1", "the key 'on' stands in one mapping twice"),
    "two merges": (
        "x: &x {a: 1}\ny:\n  <<: *x\n  <<: *x\n",
        "4:3",
        "the key '<<' stands in one mapping twice, in lines 3 and 4",
    ),
    "in a list in a key": ("? [{a: 1, a: 2}]\n: b\n", "1:11", "the key 'a' stands"),
    "a billion laughs": (
        laughs(12, 10, "a{n}: &a{n} [{many}]"),
        "6:5",
        "more than 100000 values stand here, aliases counted",
    ),
    "laughs in keys": (laughs(12, 10, "a{n}: &a{n} {{? [{many}] : 1}}"), "6:5", "more than 100000 values"),
    "merges that multiply": (laughs(12, 10, "a{n}: &a{n} {{<<: [{many}]}}"), "6:5", "more than 100000 values"),
    "deep by aliases": (
        laughs(2000, 1, "a{n}: &a{n} [{many}]"),
        "100:6",
        "more than 100 collections stand inside one another",
    ),
    "deep by merges": (
        laughs(2000, 1, "a{n}: &a{n} {{<<: {many}}}"),
        "100:6",
        "more than 100 collections stand inside one another",
    ),
    "an alias in itself": ("a: &a [*a]\n", "1:4", "more than 100 collections stand inside one another"),
    "a merge of itself": ("a: &a {<<: *a}\n", "1:4", "more than 100 collections stand inside one another"),
    "a decimal number": (f"a: {'9' * 1_000_000}", "1:4", "this number has 1000000 characters"),
    "a hexadecimal number": (f"a: 0x{'f' * 100_000}", "1:4", "this number has 100002 characters"),
    "a number for a key": (f"{'9' * 1001}: a", "1:1", "this number has 1001 characters"),
    "a tag that makes it one": (f"a: !!int '{'9' * 1001}'", "1:4", "this number has 1001 characters"),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_yaml(name):
    text, place, says = ODD[name]
    with pytest.raises(WorkspaceError) as caught:
        parse_yaml(text, "p.yaml")
    assert str(caught.value).startswith(f"p.yaml:{place}: {says}"), str(caught.value)
    assert caught.value.remedy


def test_bombs_cost_no_memory():
    tracemalloc.start()
    try:
        for name in ("a billion laughs", "merges that multiply", "a decimal number"):
            with pytest.raises(WorkspaceError):
                parse_yaml(ODD[name][0], "p.yaml")
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_a_secret_used_as_a_key_is_not_shown():
    with pytest.raises(SettingsError) as caught:
        parse_yaml("8f4a0c2e6b1d9375: a\n8f4a0c2e6b1d9375: b\n", "s.yaml", error=SettingsError, quote=False)
    assert str(caught.value).startswith("s.yaml:2:1: a key stands in one mapping twice, in lines 1 and 2\n")
    assert "8f4a" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "a: &x {b: 1}\nc: {<<: *x, b: 2}\n",  # a merge, and a value of its own
        "a: &x {b: 1}\nc: {<<: [*x, *x]}\n",
        "2: a\n'2': b\ntrue: c\n'true': d\n",  # a number and a text are two keys
        "a: [{b: 1}, {b: 1}]\nc: {b: 1}\n",
        f"a: {'9' * NUMBER_MAX}\nb: '{'9' * 1000}'\n",
        "- &a x\n- *a\n- *a\n",
        "'<<': x\n",
    ],
)
def test_what_is_meant_is_read_as_ever(text):
    assert parse_yaml(text, "p").value == yaml.safe_load(text)


# --- other people's files


@pytest.mark.parametrize(
    "name",
    [
        "a key twice",
        "at the top",
        "in brackets",
        "written differently",
        "yes and on",
        "two merges",
        "a billion laughs",
        "laughs in keys",
        "deep by aliases",
        "deep by merges",
        "an alias in itself",
        "a merge of itself",
        "in a list in a key",
    ],
)
def test_what_aos_tools_takes_is_taken(name):
    text = ODD[name][0]
    try:
        expected = repr_bounded(yaml.safe_load(text))
    except yaml.YAMLError:
        with pytest.raises(WorkspaceError):
            parse_foreign_yaml(text, "p.yaml")
    else:
        assert repr_bounded(parse_foreign_yaml(text, "p.yaml").value) == expected


def repr_bounded(value):
    return reprlib.repr(value)


@pytest.mark.parametrize(
    "text, says",
    [
        (ODD["a decimal number"][0], "this number has 1000000 characters"),
        (ODD["a hexadecimal number"][0], "this number has 100002 characters"),
        ("a: " + "[" * 600 + "]" * 600, "more than 100 collections stand inside one another"),
    ],
    ids=["decimal", "hexadecimal", "deep"],
)
def test_what_libyaml_or_python_cannot_take_is_refused_there_too(text, says):
    with pytest.raises(WorkspaceError, match=says):
        parse_foreign_yaml(text, "p.yaml")


PIECES = [
    "a",
    "b: 1",
    ": ",
    "- ",
    "\n",
    "\n  ",
    "[",
    "]",
    "{",
    "}",
    ",",
    "'",
    '"',
    " #c",
    "? ",
    "|\n  ",
    "&x ",
    "*x",
    "<<: *x",
    "!!str ",
    "! ",
    "!t ",
    "---\n",
    "...\n",
    "%",
    "\\x41",
    "\x85",
    "\u00a0",
    "组",
    "0x10",
    "1:30",
    "yes",
    "~",
    "=",
    "KEY : 1",
    "\r\n",
    "\t",
    "|#",
    "a: &x {b: 1}\n",
]


@settings(max_examples=500)
@given(st.lists(st.sampled_from(PIECES), max_size=10).map("".join))
def test_any_text_is_to_us_what_it_is_to_aos_tools(text):
    try:
        expected = repr(yaml.safe_load(text))
    except Exception:
        expected = None
    try:
        found = repr(parse_foreign_yaml(text, "p.yaml").value)
    except WorkspaceError:
        assert expected is None
    else:
        assert found == expected
