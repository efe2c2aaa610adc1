"""Descriptions of chips: read, merged, and refused with their place."""

from __future__ import annotations

import pytest

from aos_ota_plugin.device.payload_layout import Anything, Group, Header, PayloadLayout, Prebuilt, Replacement, Sections
from aos_ota_plugin.errors import WorkspaceError
from aos_ota_plugin.workspace.chip import (
    Chip,
    Folders,
    UploadedImage,
    find_description,
    image_names,
    load_chip,
    load_named_chip,
    parse_chip,
)

HEAD = "schema: aos-ota-chip/1\n"
FULL = HEAD + "full: a.bin\n"


def test_the_chip_of_the_haas100():
    chip = load_chip("haas1000")
    layout = PayloadLayout(replaced=(Replacement(0, 0x1000),))
    assert chip.full == UploadedImage("ota_rtos_ota.bin", "ota_rtos.bin", layout)
    assert chip.xz == chip.full._replace(name="ota_rtos_ota.bin.xz")
    assert (chip.diff, chip.other_xz, chip.prebuilt()) == ("ota_rtos_ota.diff.bin", None, ())
    assert layout.may_append is None


def test_the_chip_of_the_haas200_has_two_payloads():
    chip = load_chip("rtl872xd")
    assert (chip.full.name, chip.other_xz.name) == ("ota_rtos_ota_all.bin", "ota_rtos_ota_xz.bin.xz")
    assert chip.full.layout.parts == chip.other_xz.layout.parts
    assert [len(image.layout.replaced) for image in (chip.full, chip.other_xz)] == [1, 0]
    assert chip.prebuilt() == ("$CHIP/bin/km0_image2_all.bin", "$CHIP/release/auto_build_tool/stupid.bin")
    assert chip.diff is None


@pytest.mark.parametrize("name", [None, "", "stm32u5", "../haas1000", "haas1000.yaml"])
def test_other_chips_have_no_description(name):
    assert find_description(name) is None
    assert load_chip(name) == Chip(name or "")


def test_a_chip_that_somebody_names_has_to_be_described(tmp_path):
    assert load_named_chip("haas1000").full.name == "ota_rtos_ota.bin"
    with pytest.raises(WorkspaceError, match="no chip 'stm32u5' is described here") as caught:
        load_named_chip("stm32u5")
    assert "haas1000" in caught.value.remedy
    own = tmp_path / "own.yaml"
    own.write_text(FULL, encoding="utf-8")
    assert load_named_chip(str(own)).full.name == "a.bin"
    with pytest.raises(WorkspaceError, match="cannot read the description of the chip"):
        load_named_chip(str(tmp_path / "none.yaml"))
    own.write_bytes(b"\xff")
    with pytest.raises(WorkspaceError, match="is not UTF-8"):
        load_named_chip(str(own))


def test_the_solution_s_description_wins_and_a_setting_replaces_fields(tmp_path):
    folder = tmp_path / "ota_chips"
    folder.mkdir()
    assert load_chip("haas1000", str(tmp_path)).full.payload == "ota_rtos.bin"
    (folder / "haas1000.yaml").write_text(FULL + "folder: $SOLUTION/out\npayload: b.bin\n", encoding="utf-8")
    own = load_chip("haas1000", str(tmp_path))
    assert (own.full.name, own.full.payload, own.xz, own.folder) == ("a.bin", "b.bin", None, "$SOLUTION/out")
    override = tmp_path / "o.yaml"
    override.write_text(HEAD + "payload: c.bin\nxz: c.xz\n", encoding="utf-8")
    merged = load_chip("haas1000", str(tmp_path), str(override))
    assert (merged.full.name, merged.full.payload, merged.xz.name, merged.folder) == (
        "a.bin",
        "c.bin",
        "c.xz",
        "$SOLUTION/out",
    )
    assert merged.file == str(override)
    with pytest.raises(WorkspaceError, match="does not say which file users upload"):
        load_chip("stm32u5", str(tmp_path), str(override))


def test_all_names_are_known_to_who_uploads():
    assert {"ota_rtos_ota.bin", "ota_rtos_ota.diff.bin", "ota_rtos_ota_all.bin", "ota_rtos_ota_xz.bin.xz"} <= {
        *image_names()
    }


def test_paths_begin_with_a_component():
    folders = Folders(chip="/w/chip", solution="/w/s")
    chip = Chip("c", "c.yaml")
    assert folders.resolve("$CHIP/bin/a b.bin", chip) == "/w/chip/bin/a b.bin"
    assert folders.resolve("$SOLUTION", chip) == "/w/s"
    with pytest.raises(WorkspaceError, match=r"\$BOARD/x: \$BOARD is not known here"):
        folders.resolve("$BOARD/x", chip)


def test_all_that_a_description_can_say():
    chip = parse_chip(
        HEAD
        + """
folder: $SOLUTION/images
payload: whole.bin
may_append: 16
layout:
  - header: "aaBB size address ff*2 any*3"
  - sections: [.text, ".data*"]
    pad_to: 0x10
    fill: 0
  - parts:
      - file: $BOARD/中文 名.bin
      - sections: [.more]
        optional: true
full:
  name: a.bin
  replaced:
    - {at: 1, bytes: "00 ff"}
    - {at: 4, size: 2, file: $CHIP/x.bin}
    - {at: 8, size: 1}
xz: {name: a.xz, payload: $SOLUTION/other.bin, may_append: any}
unsigned: [z.bin]
""",
        "c.yaml",
    )
    parts = (
        Header((b"\xaa\xbb", "size", "address", b"\xff\xff", Anything(3))),
        Group((Sections((".text", ".data*")),), 16, 0),
        Group((Prebuilt("$BOARD/中文 名.bin"), Sections((".more",), optional=True))),
    )
    assert parts[0].size == 15
    assert chip.full == UploadedImage(
        "a.bin",
        "whole.bin",
        PayloadLayout(
            parts, (Replacement(1, 2, data=b"\0\xff"), Replacement(4, 2, "$CHIP/x.bin"), Replacement(8, 1)), 16
        ),
    )
    assert chip.xz == UploadedImage("a.xz", "$SOLUTION/other.bin", PayloadLayout(parts))
    assert chip.unsigned == ("z.bin",)
    assert set(chip.prebuilt()) == {"$BOARD/中文 名.bin", "$CHIP/x.bin"}


PART = HEAD + "full: a.bin\nlayout:\n"


@pytest.mark.parametrize(
    "text, problem",
    [
        ("", "c.yaml:1: a chip's description has to be a mapping"),
        ("- a\n", "c.yaml:1: a chip's description has to be a mapping"),
        ("full: a.bin\n", "c.yaml:1: this is no description of a chip"),
        ("schema: aos-ota-chip/2\n", "c.yaml:1:9: this is no description of a chip"),
        (HEAD, "c.yaml:1: the description of the chip does not say which file users upload"),
        (HEAD + "other: 4\n", "c.yaml:2:8: other: a chip's description has no such field"),
        (HEAD + "4: 4\n", "c.yaml:1:1: a chip's description has fields with names only"),
        (HEAD + "full: [\n", "c.yaml:3:1: this is not YAML"),
        (HEAD + "full: ../a.bin\n", "c.yaml:2:7: full: '../a.bin' is not the name of an image"),
        (HEAD + "full: ota_rtos_ota.json\n", "c.yaml:2:7: full: 'ota_rtos_ota.json' is not the name of an image"),
        (HEAD + "full: 4\n", "c.yaml:2:7: full: '4' is not the name of an image"),
        (HEAD + "full: {payload: $CHIP/b}\n", "c.yaml:2:7: full: has no name"),
        (HEAD + "full: {name: a, nmae: b}\n", "c.yaml:2:23: nmae: a chip's description has no such field"),
        (FULL + "folder: release\n", "c.yaml:3:9: folder: 'release' is not a path that a description may name"),
        (FULL + "folder: $CHIP/../x\n", "c.yaml:3:9: folder: '$CHIP/../x' is not a path"),
        (FULL + "folder: $HOME/x\n", "c.yaml:3:9: folder: '$HOME/x' is not a path"),
        (FULL + "payload: b.bin\n", "c.yaml:3:10: payload: b.bin is in no folder"),
        (FULL + "may_append: -1\n", "c.yaml:3:13: may_append: '-1' is not a number of bytes from 0"),
        (FULL + "may_append: yes\n", "c.yaml:3:13: may_append: 'yes' is not a number of bytes"),
        (FULL + "replaced: 4\n", "c.yaml:3:11: replaced: a list belongs here"),
        (FULL + "replaced: []\n", "c.yaml:3:11: replaced: a list belongs here"),
        (FULL + "replaced:\n  - 4\n", "c.yaml:4:5: replaced: a mapping belongs here"),
        (FULL + "replaced:\n  - {size: 4}\n", "c.yaml:4:5: replaced: it is not clear which bytes"),
        (FULL + "replaced:\n  - {at: 0}\n", "c.yaml:4:5: replaced: it is not clear which bytes"),
        (FULL + "replaced:\n  - {at: 0, size: 0x200000}\n", "c.yaml:4:19: size: '0x200000' is not a number of bytes"),
        (FULL + "replaced:\n  - {at: 0, bytes: 12}\n", "c.yaml:4:20: bytes: '12' are no bytes"),
        (FULL + "replaced:\n  - {at: 0, bytes: '12', file: $CHIP/x}\n", "c.yaml:4:32: file: the bytes stand beside it"),
        (PART + "  - pad_to: 4\n", "c.yaml:4:5: layout: a part is one of sections, header, file, parts"),
        (PART + "  - {file: $CHIP/a, header: 'ff'}\n", "c.yaml:4:5: layout: a part is one of sections, header, file"),
        (
            PART + "  - {file: $CHIP/a, optional: true}\n",
            "c.yaml:4:31: optional: it is for sections that may be missing",
        ),
        (PART + "  - {file: $CHIP/a, fill: 0}\n", "c.yaml:4:27: fill: nothing is filled up here"),
        (PART + "  - {file: $CHIP/a, pad_to: 0}\n", "c.yaml:4:29: pad_to: '0' is not a number of bytes from 1"),
        (PART + "  - {file: $CHIP/a, pad_to: 4, fill: 256}\n", "c.yaml:4:38: fill: '256' is not a number of bytes"),
        (PART + "  - sections: .text\n", "c.yaml:4:15: sections: a list belongs here"),
        (PART + "  - sections: ['.t[ab]']\n", "c.yaml:4:16: sections: \"'.t[ab]'\" is not the name of a section"),
        (PART + "  - header: 32\n", "c.yaml:4:13: header: '32' is not what a header holds"),
        (PART + "  - header: any*32 f\n", "c.yaml:4:13: header: 'f' is not what a header holds"),
        (PART + "  - header: size*2\n", "c.yaml:4:13: header: 'size*2' is not what a header holds"),
        (PART + "  - header: any*99999\n", "c.yaml:4:13: header: 'any*99999' is not what a header holds"),
        (PART + "  - header: ''\n", "c.yaml:4:13: header: \"''\" is not what a header holds"),
        (FULL + "xz: A.bin\n", "c.yaml:3:5: xz: A.bin is the name under full, too"),
        (FULL + "unsigned: [a.bin]\n", "c.yaml:3:11: unsigned: a.bin is the name under full, too"),
        (
            FULL + "xz: {name: b, may_append: 4}\n",
            "c.yaml:3:5: xz: the layout of its payload is not that of the full image",
        ),
    ],
)
def test_refused(text, problem):
    with pytest.raises(WorkspaceError) as caught:
        parse_chip(text, "c.yaml")
    assert str(caught.value).startswith(problem)
    assert caught.value.remedy


def test_parts_inside_parts_have_an_end():
    text = PART + "".join(f"{' ' * (2 + 4 * depth)}- parts:\n" for depth in range(12)) + " " * 60 + "- header: 'ff'\n"
    with pytest.raises(WorkspaceError, match="a part is one of"):
        parse_chip(text, "c.yaml")
