"""The OTA partition's size, out of the vendor's two kinds of file."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import aos_ota_plugin
from aos_ota_plugin.errors import OtaError, Place, WorkspaceError
from aos_ota_plugin.workspace.partitions import (
    find_flash_list,
    find_partition_size,
    flash_list_size,
    partition_table_size,
)

FLASH_LIST = """\
Common:
  BIN_DIR: ota_bin      # 目录
FILE_LIST:
- BOOT1:
    ADDR: null
    FILE_NAME: ota_boot1.bin
    SIZE: 65536
- RTOS:
    ADDR: 0x2A000
    FILE_NAME: ota_rtos.bin
    SIZE: 0x578000
    SWITCH: true
"""


def test_the_vendors_shape():
    size = flash_list_size(FLASH_LIST, "f.yaml")
    assert (size.size, size.place, size.exact) == (0x578000, Place("f.yaml", 11, 11), True)
    assert flash_list_size(FLASH_LIST.replace("0x578000", "5832704"), "f").size == 5832704


def test_a_remapped_window_is_not_exact():
    text = FLASH_LIST + "    REMAP_SWITCH: ON\n"
    assert not flash_list_size(text, "f").exact


@pytest.mark.parametrize(
    "text",
    [
        "FILE_LIST: [{name: ota_rtos.bin, ADDR: 0, SIZE: 0x10}]",
        "FILE_LIST: {RTOS: {FILE_NAME: bin/ota_rtos.bin, size: '0x10'}}",
        "ota_rtos.bin: {SIZE: 16}",
        "FILE_LIST:\n- ota_rtos.bin:\n  - SIZE: 0x1_0",
        "a: [[[{FILE: 'ota_bin\\ota_rtos.bin', SIZE: 16}]]]",
        "- {FILE: ota_rtos.bin}\n- {FILE: ota_rtos.bin, SIZE: 16}",
    ],
)
def test_other_nestings(text):
    assert flash_list_size(text, "f").size == 16


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "f: this file list has no entry with a SIZE for ota_rtos.bin"),
        ("FILE_LIST: [{FILE_NAME: ota_boot1.bin, SIZE: 1}]", "f: this file list has no entry"),
        ("a: {FILE_NAME: my_ota_rtos.bin, SIZE: 1}", "f: this file list has no entry"),
        ("a: {FILE_NAME: ota_rtos.bin, ADDR: 1}", "f: this file list has no entry"),
        ("a: {FILE_NAME: ota_rtos.bin, SIZE: }", "f:1:3"),
        ("a: {FILE_NAME: ota_rtos.bin, SIZE: ''}", "f:1:36: the SIZE of ota_rtos.bin is not a size in bytes: ''"),
        ("a: {FILE_NAME: ota_rtos.bin, SIZE: 5.5M}", "f:1:36: the SIZE of ota_rtos.bin is not a size in bytes: '5.5M'"),
        ("a: {FILE_NAME: ota_rtos.bin, SIZE: 0}", "f:1:36: the SIZE of ota_rtos.bin is not a size in bytes: '0'"),
        ("a: {FILE_NAME: ota_rtos.bin, SIZE: -4}", "f:1:36: the SIZE of ota_rtos.bin is not a size in bytes: '-4'"),
        ("a: {FILE_NAME: ota_rtos.bin, SIZE: 0x100000000}", "f:1:36: the SIZE of ota_rtos.bin is not a size in bytes"),
        ("a: b: c", "f:1:5: this is not YAML"),
    ],
)
def test_bad_flash_lists(text, message):
    with pytest.raises(WorkspaceError) as caught:
        flash_list_size(text, "f")
    assert str(caught.value).startswith(message)
    assert caught.value.remedy


TABLE = """\
/* [HAL_PARTITION_OTA_TEMP] = { .partition_length = 1 } */
const hal_logic_partition_t hal_partitions[] = {
    [HAL_PARTITION_APPLICATION] = { .partition_length = 0x1000, },
    [ HAL_PARTITION_OTA_TEMP ] =
    {
        .partition_description = "RTOSB }", // .partition_length = 2
        .partition_start_addr = 0x5BA000,
        .partition_length  =  0x578000U, //5.5M bytes
    },
};
"""


def test_the_partition_table_wins_over_its_comments():
    size = partition_table_size(TABLE, "p.c")
    assert (size.size, size.place, size.exact) == (0x578000, Place("p.c", 8, 31), True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[HAL_PARTITION_APPLICATION] = { .partition_length = 5 }",
        "[HAL_PARTITION_OTA_TEMP] = { ",
        "extern const mtd_partition_t mtd_partitions[];",
        "{ .partition_name_std = MTD_PART_NAME_KERNEL, .partition_length = 5 }",
        "/* { .partition_name_std = MTD_PART_NAME_KERNEL, .partition_length = 5 },\n"
        "{ .partition_name_std = MTD_PART_NAME_KERNEL2, .partition_length = 5 }",
    ],
)
def test_a_table_that_has_no_ota_partition(text):
    assert partition_table_size(text, "p.c") is None


@pytest.mark.parametrize(
    "text, message",
    [
        ("[HAL_PARTITION_OTA_TEMP] = {}", "p.c:1:28: the entry HAL_PARTITION_OTA_TEMP of the partition table has no"),
        (
            "[HAL_PARTITION_OTA_TEMP] = { .partition_length = 2 * SIZE }",
            "p.c:1:50: the length of HAL_PARTITION_OTA_TEMP is no plain number of bytes: '2 * SIZE'",
        ),
        (
            "{ .partition_name_std = MTD_PART_NAME_KERNEL2,\n  .partition_length = SIZE_B /* 5 */ }",
            "p.c:2:23: the length of MTD_PART_NAME_KERNEL2 is no plain number of bytes: 'SIZE_B'",
        ),
    ],
)
def test_a_length_that_is_no_number_is_not_guessed(text, message):
    with pytest.raises(WorkspaceError) as caught:
        partition_table_size(text, "p.c")
    assert str(caught.value).startswith(message)
    assert "OTA_PARTITION_SIZE" in caught.value.remedy


BANKS = """#include <aos/mtdpart.h>
extern const mtd_partition_t mtd_partitions[];
const mtd_partition_t mtd_partitions[] =
{
    {
        .partition_name             = "BOOT {",
        .partition_name_std         = MTD_PART_NAME_BOOTLOADER,
        .partition_start_addr       = 0x4000,
        .partition_length           = 0x2000,    /* 8 KiB, 第一 */
        .partition_options          = 0,
    },
    {
        .partition_name             = "SYSTEM A",
        .partition_name_std         = MTD_PART_NAME_KERNEL,
        .partition_start_addr       = 0x14000,
        .partition_length           = 0x200000,  // 2 MiB
        .partition_options          = 0,
    },
    {
        .partition_name             = "SYSTEM B",
        .partition_name_std         = MTD_PART_NAME_KERNEL2,
        .partition_start_addr       = 0x214000,
        .partition_length           = 0x140000, /* 1.25 MiB */
        .partition_options          = 0,
    }
};
const int mtd_partitions_amount = (sizeof(mtd_partitions) / sizeof(mtd_partition_t));
"""


def test_of_two_banks_the_smaller_counts():
    size = partition_table_size(BANKS, "p.c")
    assert (size.size, size.place, size.exact) == (0x140000, Place("p.c", 23, 39), True)
    larger_second = BANKS.replace("0x140000", "0x280000")
    assert partition_table_size(larger_second, "p.c").place == Place("p.c", 16, 39)


def test_of_several_conditions_the_smallest_counts():
    text = "\n".join(
        (
            "[HAL_PARTITION_OTA_TEMP] = {",
            "#if SMALL",
            ".partition_length = 0x1000,",
            "#else",
            ".partition_length = 0x2000,",
            "#endif",
            "},",
        )
    )
    assert partition_table_size(text, "p.c").size == 0x1000
    twice = f"#ifdef A\n{text.replace('0x1000', '0x3000')}\n#else\n{text.replace('0x1000', '0x4000')}\n#endif\n"
    assert partition_table_size(twice, "p.c").size == 0x2000


@pytest.mark.parametrize("part", ["/* ", '"', '"\\"', "{", "[a] = {", "[ ", "[a] =", "// ", "{ .partition_length = 1 "])
def test_twice_the_text_takes_twice_the_time(part):
    """Four times with a regular expression that looks at a place twice: 17 s for 120 KB."""

    def seconds(size):
        text = part * (size // len(part))
        times = []
        for _ in range(2):
            begin = time.process_time()
            with contextlib.suppress(WorkspaceError):
                partition_table_size(text, "p.c")
            times.append(time.process_time() - begin)
        return min(times)

    assert seconds(1 << 17) < 3 * seconds(1 << 16) + 0.05


def test_where_they_are_looked_for(tmp_path):
    board, chip = tmp_path / "board 1", tmp_path / "芯片"
    assert find_partition_size(None, None) is None
    assert find_partition_size(str(board), str(chip)) is None
    gui = chip / "release" / "write_flash_gui"
    (gui / "dld_cfg").mkdir(parents=True)
    (gui / "dld_cfg" / "haas1000_dld_cfg.yaml").write_text(FLASH_LIST.replace("0x578000", "0x590000"), encoding="utf-8")
    assert find_partition_size(str(board), str(chip)).size == 0x590000
    (gui / "haas1000_dld_cfg.yaml").write_text(FLASH_LIST, encoding="utf-8")
    assert find_flash_list(str(chip)) == str(gui / "haas1000_dld_cfg.yaml")
    assert find_partition_size(str(board), str(chip)).size == 0x578000
    (board / "config").mkdir(parents=True)
    (board / "config" / "partition_conf.c").write_bytes(TABLE.replace("0x578000U", "0x400000").encode() + b"// \xff\n")
    assert find_partition_size(str(board), str(chip)).size == 0x400000
    (board / "config" / "partition_conf_legacy.c").write_text(BANKS, encoding="utf-8")
    assert find_partition_size(str(board), str(chip)).size == 0x140000


def test_the_demo_workspace_has_one():
    chip = Path(aos_ota_plugin.__file__).parent / "demo" / "workspace" / "hardware" / "chip" / "haas1000"
    path = find_flash_list(str(chip))
    expected = [
        entry["RTOS"]["SIZE"] for entry in yaml.safe_load(Path(path).read_text("utf-8"))["FILE_LIST"] if "RTOS" in entry
    ]
    assert [flash_list_size(Path(path).read_text("utf-8"), path).size] == expected


@settings(max_examples=200)
@given(
    st.one_of(
        st.text(max_size=80),
        st.lists(
            st.sampled_from(
                [
                    "ota_rtos.bin",
                    ": ",
                    "{",
                    "}",
                    "SIZE",
                    "[",
                    "]",
                    ", ",
                    "\n",
                    "- ",
                    "0x10",
                    "&a ",
                    "*a",
                    "/*",
                    "[HAL_PARTITION_OTA_TEMP]",
                    " = {",
                    ".partition_length = ",
                    ".partition_name_std = MTD_PART_NAME_KERNEL2,",
                    ".partition_name_std = MTD_PART_NAME_KERNEL,",
                    "},",
                    "9" * 30,
                ]
            ),
            max_size=20,
        ).map("".join),
    )
)
def test_any_text_is_a_size_or_our_error(text):
    for read in (partition_table_size, flash_list_size):
        try:
            size = read(text, "f")
        except OtaError as error:
            assert error.remedy
            assert error.place.file == "f"
        else:
            assert 0 < size.size < 2**32 if size else read is partition_table_size


def test_keys_that_stand_twice_matter_in_the_payloads_own_entry():
    other = "FILE_LIST:\n- boot.bin: {ADDR: 1, ADDR: 2}\n- ota_rtos.bin: {SIZE: 0x1000}\n- ota_rtos.bin: {SIZE: 0x2000}\nX: 1\nX: 2\n"
    assert flash_list_size(other, "l.yaml").size == 0x1000
    dropped = "ota_rtos.bin: {SIZE: 0x1000}\nota_rtos.bin: {SIZE: 0x2000}\n"
    assert flash_list_size(dropped, "l.yaml").size == 0x2000
    with pytest.raises(
        WorkspaceError, match=r"l\.yaml:2:29: 'SIZE' is set twice in the entry of ota_rtos\.bin, in lines 2 and 2"
    ):
        flash_list_size("FILE_LIST:\n- ota_rtos.bin: {SIZE: 0x1, SIZE: 0x578000}\n", "l.yaml")
