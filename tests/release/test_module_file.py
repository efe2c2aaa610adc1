"""The list of modules: what it may say, and each mistake with its line and column."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aos_ota_plugin.errors import SettingsError
from aos_ota_plugin.release.module_file import read_module_file

FILE = os.path.join(os.path.abspath(os.sep), "w s", "方案", "ota.modules.yaml")
FOLDER = os.path.dirname(FILE)
GOOD = """\
modules:
  - name: panel
    version: panel-1.0.1
    folder: sub devices/面板
    store_path: /data/panel
    unpacked: y
  - name: js
    version: '1.10'
    file: ../scripts/app.bin
    store_path: /data/js/app.bin
  - {name: radio, version: r-1, file: radio.bin, magic: MCU}
"""


def test_what_a_list_says():
    panel, js, radio = read_module_file(GOOD, FILE)
    assert (panel.name, panel.version, panel.is_folder, panel.store_path, panel.unpacked, panel.image_magic) == (
        "panel",
        "panel-1.0.1",
        True,
        "/data/panel",
        True,
        None,
    )
    assert panel.source == os.path.join(FOLDER, "sub devices", "面板")
    assert str(panel.version_place) == f"{FILE}:3:14"
    assert str(panel.source_place) == f"{FILE}:4:13"
    assert (js.version, js.is_folder, js.unpacked) == ("1.10", False, False)
    assert js.source == os.path.join(os.path.dirname(FOLDER), "scripts", "app.bin")
    assert (radio.image_magic, radio.store_path) == ("MCU", None)
    assert read_module_file("modules: []", FILE) == ()


def one(*lines):
    return "modules:\n  - name: a\n    version: v-1\n    file: f\n" + "".join(f"    {line}\n" for line in lines)


def changed(old, new):
    assert GOOD.count(old) == 1
    return GOOD.replace(old, new)


BAD = {
    "no YAML": ("modules: [", "2:1", "this is not YAML"),
    "a tab": ("modules:\n\t- name: a\n", "2:1", "this is not YAML"),
    "empty": ("", "1", "the list of modules is a mapping"),
    "a list": ("- name: a\n", "1:1", "the list of modules is a mapping"),
    "no modules": ("{}", "1", "there is no list of modules in this file"),
    "modules no list": ("modules: 5\n", "1:10", "there is no list of modules in this file"),
    "unknown at the top": (
        "moduls: []\n",
        "1:1",
        "moduls: the list of modules has no such key",
        "did you mean modules?",
    ),
    "module no mapping": ("modules:\n  - panel\n", "2:5", "a module is a mapping"),
    "null module": ("modules:\n  -\n", "2:4", "a module is a mapping"),
    "unknown key": (one("store-path: /x"), "5:5", "store-path: a module has no such key", "did you mean store_path?"),
    "unlike any": (one("q: 1"), "5:5", "q: a module has no such key", "the keys are name, version"),
    "a number as key": (one("5: x"), "5:5", "5: a module has no such key"),
    "a key merged and given": (one("<<: {file: g}"), "4:5", "file is set twice"),
    "a key twice": (one("file: g"), "5:5", "the key 'file' stands in one mapping twice, in lines 4 and 5"),
    "no name": ("modules:\n  - version: v\n", "2:5", "this module has no name"),
    "no version": ("modules:\n  - name: a\n", "2:5", "this module has no version"),
    "empty version": (changed("panel-1.0.1", ""), "3:13", "version has no value"),
    "a number as version": (
        changed("'1.10'", "1.10"),
        "8:14",
        "version: YAML reads 1.10 as 1.1, which is not text",
        "put it in quotes: version: '1.10'",
    ),
    "a date as version": (
        changed("'1.10'", "2024-01-02"),
        "8:14",
        "version: YAML reads 2024-01-02 as 2024-01-02, which is not text",
    ),
    "a list as version": (changed("'1.10'", "[1]"), "8:14", "version is a text"),
    "bad version": (changed("'1.10'", "v 1"), "8:14", "the version of module js contains ' '"),
    "long version": (
        changed("'1.10'", "v" * 64),
        "8:14",
        "the version of module js has 64 characters; devices keep 63",
    ),
    "number as name": (changed("name: js", "name: 007"), "7:11", "name: YAML reads 007 as 7"),
    "bad name": (changed("name: js", "name: ../js"), "7:11", "the module name '../js' is not 1 to 32 letters"),
    "long name": (changed("name: js", "name: " + "m" * 33), "7:11", "is not 1 to 32 letters"),
    "the firmware's name": (changed("name: js", "name: default"), "7:11", "that is the whole firmware"),
    "a name twice": (
        changed("name: js", "name: PANEL"),
        "7:11",
        "the module name PANEL is taken",
        f"the other module is at {FILE}:2:11",
    ),
    "a name that begins another": (
        changed("name: js", "name: pan"),
        "7:11",
        "an update of pan could end up in the place of panel",
    ),
    "too many": (
        "modules:\n" + "".join(f"  - {{name: m-{i:02}, version: v, file: f}}\n" for i in range(11)),
        "12:12",
        "11 modules",
    ),
    "a store path twice": (
        changed("/data/js/app.bin", "/data/panel"),
        "7:11",
        "the modules panel and js have the store path '/data/panel'",
    ),
    "relative store path": (changed("/data/js/app.bin", "data/js"), "10:17", "is not absolute"),
    "store path that escapes": (changed("/data/js/app.bin", "/data/../js"), "10:17", "holds '.', '..'"),
    "long store path": (changed("/data/js/app.bin", "/" + "p" * 76), "10:17", "has 77 bytes; a device keeps 76"),
    "long folder": (changed("/data/panel", "/" + "p" * 64), "5:17", "has 65 bytes; a device keeps 64"),
    "a folder as store path": (changed("/data/js/app.bin", "/data/js/"), "10:17", "the file needs a name"),
    "unpacked nowhere": (one("unpacked: true"), "5:15", "module a is to be unpacked, and no folder is named"),
    "unpacked perhaps": (one("unpacked: maybe"), "5:15", "unpacked is neither true nor false"),
    "nothing to send": ("modules:\n  - name: a\n    version: v\n", "2:5", "module a has no file and no folder"),
    "two things to send": (one("folder: g"), "5:13", "module a has both a file and a folder"),
    "path with a NUL": (one().replace("file: f", 'file: "f\\0"'), "4:11", "the file of module a is not a path"),
    "unknown magic": (
        one("magic: boot"),
        "5:12",
        "'BOOT' is not an image_magic of devices",
        "all, app, kernel, fs, mcu",
    ),
    "magic and a path": (
        one("magic: mcu", "store_path: /x"),
        "6:17",
        "module a has a magic, so it goes through the OTA partition, and store_path",
    ),
    "magic and a folder": (one("magic: mcu").replace("file:", "folder:"), "4:13", "and folder means nothing to it"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_lists(name):
    text, place, *says = BAD[name]
    with pytest.raises(SettingsError) as caught:
        read_module_file(text, FILE)
    message = str(caught.value)
    assert message.startswith(f"{FILE}:{place}: "), message
    for part in says:
        assert part in message
    assert "\n  fix: " in message


scalars = st.none() | st.booleans() | st.integers(0, 9) | st.sampled_from(["a", "b", "/x", "v-1", "mcu", "../y"])
KEYS = st.sampled_from(["name", "version", "file", "folder", "store_path", "unpacked", "magic", "nmae"])


@given(st.lists(st.dictionaries(KEYS, scalars | st.lists(scalars, max_size=2), max_size=7) | scalars, max_size=3))
def test_any_list(modules):
    import json

    try:
        declared = read_module_file(json.dumps({"modules": modules}), FILE)
    except SettingsError as error:
        assert error.remedy
        assert error.place.file == FILE
    else:
        assert [module.name for module in declared] == [module["name"] for module in modules]


@given(st.text("modules: -\n{}[]&*ab'\"#!|>\t\x00é中", max_size=60))
def test_any_text(text):
    try:
        read_module_file(text, FILE)
    except SettingsError as error:
        assert error.remedy
