"""Keys that stand twice: in other people's files the last one counts, with a warning; of ours one would be lost."""

from __future__ import annotations

import re

import pytest

from aos_ota_plugin.errors import SecretError, SettingsError
from aos_ota_plugin.settings.fields import SYMBOLS
from aos_ota_plugin.workspace.layers import member_of, read_members
from aos_ota_plugin.workspace.packages import parse_package

HEAD = "name: x\ndescription: d\ntype: {}\nhw_info:\n"


def reading(body, kind="board", in_use=True):
    package = parse_package(HEAD.format(kind) + body, "/w/x")
    return read_members([member_of(package, in_use)], "s", [], SYMBOLS)


def values(read):
    return {raw.name: raw.value for layer in read.layers for raw in layer}


# body; the values that count; the warning
FOREIGN = {
    "a board's keys": (
        "def_config:\n  STDIO_UART: 0\n  STACK: 8192\n  NET: 1\n  STDIO_UART: 1\n  STACK: 4096\n",
        {"STDIO_UART": 1, "STACK": 4096, "NET": 1},
        "9:3: … 'STDIO_UART' in lines 6 and 9, 'STACK' in lines 7 and 10",
    ),
    "three times": ("def_config:\n  A: 1\n  A: 2\n  'A': 3\n", {"A": 3}, "8:3: … 'A' in lines 6 and 8"),
    "a section": ("def_config:\n  A: 1\ndef_config:\n  B: 2\n", {"B": 2}, "7:1: … 'def_config' in lines 5 and 7"),
    "dependencies": ("depends:\n- a: m\ndepends:\n- b: m\n", {}, "7:1: … 'depends' in lines 5 and 7"),
    "merges": (
        "a: &a {A: 1}\nb: &b {B: 2}\ndef_config:\n  <<: *a\n  <<: *b\n",
        {"A": 1, "B": 2},
        "9:3: … '<<' in lines 8 and 9",
    ),
    "in an anchor": ("a: &a\n  A: 1\n  A: 2\ndef_config: *a\n", {"A": 2}, "7:3: … 'A' in lines 6 and 7"),
    "a number in two ways": ("b: {1: x, 1.0: y}\n", {}, "5:11: … '1.0' in lines 5 and 5"),
    "a setting's name elsewhere": (
        "b: {OTA_APP_VERSION: x, OTA_APP_VERSION: y}\n",
        {},
        "5:25: … 'OTA_APP_VERSION' in lines 5 and 5",
    ),
    "in a value": (
        "def_config:\n  A: {OTA_APP_VERSION: x, OTA_APP_VERSION: y}\n",
        {"A": {"OTA_APP_VERSION": "y"}},
        "6:27: … 'OTA_APP_VERSION' in lines 6 and 6",
    ),
    "many": (
        "".join(f"k{n}: 1\nk{n}: 2\n" for n in range(9)),
        {},
        "6:1: … 'k0' in lines 5 and 6, 'k1' in lines 7 and 8, 'k2' in lines 9 "
        "and 10, 'k3' in lines 11 and 12, 'k4' in lines 13 and 14, and 4 more",
    ),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_the_last_one_counts_with_one_warning(name):
    body, counted, warning = FOREIGN[name]
    read = reading(body)
    assert values(read) == counted
    assert [str(notice) for notice in read.notices] == [
        "/w/x/package.yaml:" + warning.replace("…", "a key is set twice, and the last value counts:")
    ]


@pytest.mark.parametrize(
    "body",
    [
        "a: &a {A: 1}\ndef_config:\n  <<: *a\n  A: 2\n",
        "a: &a {OTA_APP_VERSION: a}\ndef_config:\n  <<: *a\n  OTA_APP_VERSION: b\n",
        "a: &a {OTA_APP_VERSION: a}\ndef_config:\n  <<: [*a, *a]\n",
        "a: &a {OTA_APP_VERSION: a}\nb: &b {OTA_APP_VERSION: b}\ndef_config:\n  <<: [*a, *b]\n  OTA_APP_VERSION: c\n",
        "b:\n  2: a\n  '2': b\n  true: c\n  'true': d\n",
        "b: [{A: 1}, {A: 1}]\n",
    ],
)
def test_what_does_not_repeat_is_no_warning(body):
    assert reading(body).notices == ()


# body; the place; what the message says
OURS = {
    "twice": (
        "def_config:\n  OTA_APP_VERSION: a\n  B: 1\n  OTA_APP_VERSION: b\n",
        "8:3",
        "OTA_APP_VERSION: it is set twice, in lines 6 and 8",
    ),
    "the same twice": (
        "def_config: {OTA_APP_VERSION: a, 'OTA_APP_VERSION': a}\n",
        "5:34",
        "OTA_APP_VERSION: it is set twice",
    ),
    "a slip twice": (
        "def_config:\n  OTA_APP_VERSON: a\n  OTA_APP_VERSON: b\n",
        "7:3",
        "OTA_APP_VERSON: it is set twice",
    ),
    "in a dropped section": (
        "def_config:\n  OTA_APP_VERSION: a\ndef_config:\n  B: 1\n",
        "7:1",
        "OTA_APP_VERSION: it does not count, because def_config is set twice, in lines 6 and 7",
    ),
    "before an empty section": (
        "def_config:\n  OTA_APP_VERSION: a\ndef_config:\n",
        "7:1",
        "OTA_APP_VERSION: it does not count",
    ),
    "in a section of the other name": (
        "defconfig:\n  OTA_APP_VERSION: a\ndef_config:\n  B: 1\n",
        "6:3",
        "OTA_APP_VERSION: it does not count",
    ),
    "by an anchor": (
        "a: &a\n  OTA_APP_VERSION: a\n  OTA_APP_VERSION: b\ndef_config: *a\n",
        "7:3",
        "OTA_APP_VERSION: it is set twice",
    ),
    "by a merge": (
        "a: &a\n  OTA_APP_VERSION: a\n  OTA_APP_VERSION: b\ndef_config:\n  <<: *a\n  B: 1\n",
        "7:3",
        "OTA_APP_VERSION: it is set twice",
    ),
    "by a merge of a merge": (
        "a: &a {OTA_APP_VERSION: a, OTA_APP_VERSION: b}\nb: &b {<<: *a}\ndef_config:\n  <<: [*b]\n",
        "5:28",
        "OTA_APP_VERSION: it is set twice",
    ),
    "by two merges": (
        "a: &a {OTA_APP_VERSION: a}\nb: &b {OTA_APP_VERSION: b}\ndef_config:\n  <<: *a\n  <<: *b\n",
        "6:25",
        "OTA_APP_VERSION: it is merged twice, in lines 5 and 6",
    ),
    "by a list of merges": (
        "a: &a {OTA_APP_VERSION: a}\nb: &b {OTA_APP_VERSION: b}\ndef_config:\n  <<: [*a, *b]\n",
        "6:25",
        "OTA_APP_VERSION: it is merged twice",
    ),
    "a whole section by an anchor": (
        "a: &a {OTA_APP_VERSION: a}\ndef_config: *a\ndef_config: {B: 1}\n",
        "7:1",
        "OTA_APP_VERSION: it does not",
    ),
}


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("kind", ["solution", "board", "chip"])
def test_a_setting_of_ours_is_never_dropped(name, kind):
    body, place, says = OURS[name]
    with pytest.raises(SettingsError) as caught:
        reading(body, kind)
    lines = str(caught.value).splitlines()
    assert re.match(rf"/w/x/package\.yaml:{place}: {re.escape(says)}", lines[0]), lines[0]
    assert lines[1] == "  fix: take one of the two out"


@pytest.mark.parametrize("name", sorted(set(OURS) - {"a slip twice"}))
def test_in_any_component_in_use_but_in_no_other(name):
    body = OURS[name][0]
    with pytest.raises(SettingsError):
        reading(body, "common")
    read = reading(body, "common", in_use=False)
    assert (read.layers, read.notices) == ((), ())


def test_a_secret_that_yaml_drops_is_found():
    with pytest.raises(SecretError) as caught:
        reading("def_config:\n  DEVICE_SECRET: zq81\ndef_config:\n  B: 1\n")
    assert "zq81" not in str(caught.value)
    assert reading("def_config:\n  DEVICE_SECRET: zq81\n", in_use=False).layers == ()
