"""All partitions, out of a board's table and a flasher's list."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aos_ota_plugin.errors import OtaError, Place, WorkspaceError
from aos_ota_plugin.workspace.flash_layout import read_layout

TABLE = """\
const hal_logic_partition_t hal_partitions[] = {
    [HAL_PARTITION_BOOTLOADER] = { .partition_start_addr = 0x0, .partition_length = 0x10000, },
    /* [HAL_PARTITION_ATE] = { .partition_start_addr = 1, .partition_length = 1 }, */
    [HAL_PARTITION_APPLICATION] = {
            .partition_description = "RTOSA", .partition_start_addr  = 0x2A000,
            .partition_length      = 0x578000U, // 5.5M bytes
    },
    [HAL_PARTITION_OTA_TEMP] = { .partition_start_addr = OTA_BASE, .partition_length = 5 },
};
"""


def test_the_boards_table():
    assert read_layout(TABLE, "p.c") == [
        ("HAL_PARTITION_BOOTLOADER", 0, 0x10000, Place("p.c", 2)),
        ("HAL_PARTITION_APPLICATION", 0x2A000, 0x578000, Place("p.c", 4)),
    ]


def test_a_table_of_the_newer_form():
    text = (
        "const mtd_partition_t mtd_partitions[] = {\n"
        '{ .partition_name = "A", .partition_name_std = MTD_PART_NAME_KERNEL,\n'
        "  .partition_start_addr = 0x14000, .partition_length = 0x200000, /* 2 MiB */ },\n"
        "{ .partition_name_std = MTD_PART_NAME_KV, .partition_start_addr = 0x0,\n .partition_length = 0x2000 } };\n"
    )
    assert read_layout(text, "p.c") == [
        ("MTD_PART_NAME_KERNEL", 0x14000, 0x200000, Place("p.c", 2)),
        ("MTD_PART_NAME_KV", 0, 0x2000, Place("p.c", 4)),
    ]


def test_the_flashers_list():
    text = "FILE_LIST:\n- RTOS:\n    ADDR: 0x2A000\n    SIZE: '0x578000'\n- BOOT: {ADDR: null, SIZE: 5}\n- LITTLEFS: {ADDR: 16, SIZE: 32}\n- 5\n"
    assert [row[:3] for row in read_layout(text, "f.yaml")] == [("RTOS", 0x2A000, 0x578000), ("LITTLEFS", 16, 32)]


@pytest.mark.parametrize("text, file", [("", "p.c"), ("", "f.yaml"), ("FILE_LIST: 5", "f.yml"), ("- 1", "f.yaml")])
def test_files_that_say_nothing(text, file):
    with pytest.raises(WorkspaceError, match=f"{file}: no partition with an address and a length"):
        read_layout(text, file)


@given(
    st.lists(
        st.sampled_from(
            [
                "[A] = {",
                ".partition_start_addr = ",
                ".partition_length = ",
                "0x10",
                "0",
                ",",
                "}",
                "FILE_LIST: ",
                "- X: {ADDR: 1, ",
                "SIZE: 2}",
                "\n",
                "9" * 30,
                "/*",
                "true",
            ]
        ),
        max_size=15,
    ).map("".join),
    st.sampled_from(["p.c", "f.yaml"]),
)
def test_any_text(text, file):
    try:
        rows = read_layout(text, file)
    except OtaError as error:
        assert error.remedy
    else:
        assert all(0 <= start < 2**32 and 0 < length < 2**32 for _, start, length, _ in rows)
