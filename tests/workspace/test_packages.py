"""package.yaml as a component: fields, places, and what is refused."""

from __future__ import annotations

import os
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aos_ota_plugin.errors import OtaError, Place, SecretError, WorkspaceError
from aos_ota_plugin.workspace.depends import read_conditions, with_variables
from aos_ota_plugin.workspace.hardware import Hardware
from aos_ota_plugin.workspace.layers import member_of, read_members
from aos_ota_plugin.workspace.packages import parse_package

FILE = os.path.join("/w", "x", "package.yaml")
HEAD = "name: x\ntype: common\ndescription: d\n"
TEXT = """\
## 第一部分
name: haas100
version: 3.3
description: a board
type: board
depends:
  - libc_stub: master
  - lwip: master ? <WITH_LWIP, !NO_NET>
  - bare
  - odd: master ? nothing
  - version: 1.0
board:
  chip_name: ignored
hw_info:
  chip_name: haas1000
  toolchain_prefix: arm-none-eabi
  toolchain_path: /usr
  cpu0:
    cpu_name: cortex-m4
supported_boards:
  - haas200: master
build_config:
  postimage_script: release/build_bin.py
  define:
    - A=1
    - B: 2
source_file:
  - "startup/startup.c"
  - hal/a.c ? <!ESP_PLATFORM>
def_config:
  BOARD_HAAS100: 1
"""


def test_fields():
    package = parse_package(TEXT, "/w/x")
    assert (package.name, package.version, package.type, package.path) == ("haas100", "3.3", "board", "/w/x")
    assert package.file == FILE
    assert [(d.name, d.version, d.optional, d.conditions) for d in package.depends] == [
        ("libc_stub", "master", False, None),
        ("lwip", "master", True, ("WITH_LWIP", "!NO_NET")),
        ("bare", "", False, None),
        ("odd", "master", True, None),
        ("version", "1.0", False, None),
    ]
    assert package.depends[1].place == Place(FILE, 8, 5)
    assert package.depends[2].place == Place(FILE, 9, 5)
    assert package.hardware == Hardware(
        chip_name="haas1000",
        toolchain_prefix="arm-none-eabi",
        toolchain_path="/usr",
        cpus={"cpu0": {"cpu_name": "cortex-m4"}},
        values={"chip_name": "haas1000", "toolchain_prefix": "arm-none-eabi", "toolchain_path": "/usr"},
    ), "the last hardware section replaces the earlier one whole"
    assert (package.board_name, package.chip_name) == ("", "haas1000")
    assert package.postimage_script == "release/build_bin.py"
    assert package.source_files == ("startup/startup.c", "hal/a.c ? <!ESP_PLATFORM>")
    assert [(raw.name, raw.value) for raw in package.def_config] == [("BOARD_HAAS100", 1)]
    assert set(package.condition_names) == {"WITH_LWIP", "NO_NET", "ESP_PLATFORM"}


@pytest.mark.parametrize(
    "text, conditions",
    [
        ("master", None),
        ("master ? <A>", ("A",)),
        ("? <A,!B , C>", ("A", "!B", "C")),
        ("? A", None),
        ("<A> master", None),
        ("master ? <A> ? <B>", ("A",)),
        ("master ? <>", None),
        ("? < , >", ()),
    ],
)
def test_conditions(text, conditions):
    assert read_conditions(text) == conditions


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("no name", "type: common\n", f"{FILE}:1: the component has no name"),
        ("Chinese name", "name: 组件 x\ntype: common\n", f"{FILE}:1:7: '组件 x' is not a valid name of a component"),
        (
            "long name",
            f"name: {'n' * 65}\ntype: common\n",
            f"{FILE}:1:7: '{'n' * 65}' is not a valid name of a component",
        ),
        ("no type", "name: x\n", f"{FILE}:1: the component has no type"),
        ("no such type", "name: x\ntype: soluton\n", f"{FILE}:2:7: 'soluton' is no type of component"),
        ("empty", "", f"{FILE}:1: the component has no name"),
        ("a list", "- name: x\n", f"{FILE}:1: a package.yaml is a mapping"),
        ("no YAML", "name: x\ntype: [\n", f"{FILE}:3:1: this is not YAML"),
        ("no description", "name: x\ntype: common\n", f"{FILE}:1: the component has no description"),
        (
            "a number for one",
            "name: x\ntype: common\ndescription: 5\n",
            f"{FILE}:3:14: the component has no description",
        ),
        ("no hardware", "name: x\ntype: board\ndescription: d\n", f"{FILE}:1: this board has no section `hw_info`"),
        ("a name that is yes", "name: yes\ntype: common\n", f"{FILE}:1:7: 'True' is not a valid name of a component"),
        ("dependencies a number", HEAD + "depends: 5\n", f"{FILE}:4:10: depends has to be a list of components"),
        ("build_config a text", HEAD + "build_config: text\n", f"{FILE}:4:15: build_config has to be a mapping"),
        ("hardware a text", HEAD + "hw_info: text\n", f"{FILE}:4:10: hw_info has to be a mapping"),
        ("a path that is a number", HEAD + "hw_info:\n  ld_script: 5\n", f"{FILE}:5:14: ld_script is a path"),
        (
            "a script in a CPU",
            HEAD + "hw_info:\n  cpu0:\n    ld_script: a.ld\n",
            f"{FILE}:6:16: aos-tools fails on ld_script",
        ),
    ],
)
def test_bad_packages(name, text, message):
    with pytest.raises(WorkspaceError) as caught:
        parse_package(text, "/w/x")
    assert str(caught.value).startswith(message), name
    assert caught.value.remedy


@pytest.mark.parametrize(
    "section, place",
    [
        ("def_config:\n  A: 1\n  DEVICE_SECRET: zq81", "6:18"),
        ('build_config:\n  define:\n    - A=1\n    - DEVICE_SECRET="zq81"', "7:7"),
        ("build_config:\n  define:\n    - OTA_PRODUCT_SECRET: zq81", "6:7"),
        ("build_config:\n  define:\n    DEVICE_SECRET: zq81", "6:20"),
        ('build_config:\n  cflag: -Wall -DDEVICE_SECRET=\\"zq81\\"', "5:10"),
        ("build_config:\n  define: DEVICE_SECRET=zq81", "5:11"),
        ("def_config: {DEVICE_SECRET: zq81}\ndef_config: {A: 1}", "4:29"),
        ("def_config:\n  DEVICE_SECRET: zq81\n  DEVICE_SECRET: y", "6:18"),
        ("define:\n  PRODUCT_SECRET: zq81", "5:19"),
    ],
)
def test_a_secret_on_the_compile_line(section, place):
    with pytest.raises(SecretError) as caught:
        read_members([member_of(parse_package(f"{HEAD}{section}\n", "/w/x"), True)], "s", [], [])
    assert str(caught.value).startswith(f"{FILE}:{place}: ")
    assert "zq81" not in str(caught.value)


@pytest.mark.parametrize(
    "section",
    [
        "depends: 0",
        "depends:\n  a: master\n  b: v1",
        "depends: [[x], null, 7]",
        "build_config: []",
        "hw_info: []",
        "source_file: one.c",
        "build_config:\n  define: A=1",
        "supported_boards: x",
        "depends:\n  - {a: {b: c}}",
    ],
)
def test_odd_sections_are_survived(section):
    assert parse_package(f"{HEAD}{section}\n", "/w/x").name == "x"


PIECES = [
    "name: x\n",
    "type: common\n",
    "depends:\n",
    "  - a: master\n",
    "  - b ? <C>\n",
    "build_config:\n",
    "  define:\n",
    "    - A=1\n",
    "hw_info:\n",
    "  cpu0: {cpu_name: m}\n",
    "def_config:\n",
    "  A: 1\n",
    "  <<: *x\n",
    "x: &x {a: *x}\n",
    "? ",
    "!!set ",
    "[",
    "}",
    "null",
    "source_file:\n",
    "  - a.c\n",
]


@settings(max_examples=300)
@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=15).map("".join)))
def test_any_text_is_a_package_or_our_error(text):
    try:
        package = parse_package(HEAD + text, "/w/x")
    except OtaError as error:
        assert error.remedy
        assert error.place.file == FILE
    else:
        assert package.file == FILE


@given(st.text("<>a,?!\n ", max_size=30))
def test_names_in_brackets_are_those_of_aos_tools(text):
    aos = re.compile(r"<(.+?)>")
    found = aos.search(text.split("?")[0])
    names = tuple(name.strip() for name in found[1].split(",") if name.strip()) if found else None
    assert read_conditions("x ? " + text) == names
    variables = {"a": "1", "aa": "2", "<a": "3", ">a": "4"}
    assert with_variables(text, variables) == aos.sub(lambda match: variables.get(match[1], match[0]), text)
