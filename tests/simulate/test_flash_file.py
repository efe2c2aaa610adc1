"""The emulated board's flash file, and the verb that writes it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import aos_ota_plugin
from aos_ota_plugin.cli.main import group
from aos_ota_plugin.errors import FormatError, OtaError, WorkspaceError
from aos_ota_plugin.lab.simulate.flash import (
    FLASH_SIZE,
    Partition,
    erased,
    kv_records,
    partitions,
    read_partition,
    write_partition,
)

LIST = Path(aos_ota_plugin.__file__).parent / (
    "demo/workspace/hardware/chip/mps2_an505/release/write_flash_gui/mps2_dld_cfg.yaml"
)


def test_the_board_has_the_haas100s_map():
    rows = [(row.name, row.address, row.size) for row in partitions(LIST.read_text(encoding="utf-8"), LIST.name)]
    assert rows == [
        ("BOOT", 0, 0x2A000),
        ("RTOSA", 0x2A000, 0x578000),
        ("RTOSB", 0x5BA000, 0x578000),
        ("LITTLEFS", 0xB32000, 0x4AE000),
        ("PARAMETER", 0xFE0000, 0x2000),
        ("KV", 0xFF1000, 0xD000),
    ]


@pytest.mark.parametrize(
    "rows, says",
    [
        (
            "\n- A: {ADDR: 0x0, SIZE: 0x2000}\n- B: {ADDR: 0x1000, SIZE: 0x1000}\n",
            "partition A ends at 0x2000, behind 0x1000, where B starts",
        ),
        (
            "\n- A: {ADDR: 0xFFF000, SIZE: 0x2000}\n",
            "partition A ends at 0x1001000, behind 0x1000000, where the flash ends",
        ),
        (" []", "no partition with an address and a length"),
    ],
)
def test_a_list_that_is_no_flash_map(rows, says):
    with pytest.raises(WorkspaceError, match=says):
        partitions(f"FILE_LIST:{rows}", "x_dld_cfg.yaml")


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 6)), min_size=1, max_size=4))
def test_only_a_map_without_overlaps_is_read(rows):
    text = "".join(
        f"- P{number}: {{ADDR: {start << 20}, SIZE: {size << 20}}}\n" for number, (start, size) in enumerate(rows)
    )
    used = [block for start, size in rows for block in range(start, start + size)]
    fits = len(set(used)) == len(used) and max(used) < 16
    try:
        assert len(partitions(f"FILE_LIST:\n{text}", "x_dld_cfg.yaml")) == len(rows)
        assert fits
    except WorkspaceError:
        assert not fits


@given(st.binary(max_size=300), st.binary(max_size=300), st.integers(0, 4096))
def test_a_partition_holds_what_was_written_last_and_others_stay(first, second, address):
    flash = bytearray(b"\x55") * 8192
    row = Partition("X", "x.bin", address, 300)
    write_partition(flash, row, first)
    write_partition(flash, row, second)
    assert read_partition(flash, row) == second.rstrip(b"\xff")
    assert flash[address : address + 300] == second + b"\xff" * (300 - len(second))
    assert flash[:address] + flash[address + 300 :] == b"\x55" * (8192 - 300)


def test_a_file_that_does_not_fit():
    flash = erased()
    with pytest.raises(FormatError, match="301 bytes do not fit the 300 of partition X"):
        write_partition(flash, Partition("X", "", 0, 300), bytes(301))
    assert flash == b"\xff" * FLASH_SIZE


def test_kv_records_by_hand():
    assert kv_records({"ab": "xyz", "c": ""}) == b"\x02\x03abxyz\x01\x00c"


@pytest.mark.parametrize("values", [{"": "x"}, {"k" * 255: "x"}, {"k": "v" * 255}])
def test_kv_records_that_do_not_fit(values):
    with pytest.raises(FormatError, match="does not fit"):
        kv_records(values)


# --- the verb


@pytest.fixture
def gui(tmp_path: Path) -> Path:
    """write_flash_gui after a build, in a folder with a space and Chinese characters."""
    folder = tmp_path / "刷机 gui"
    (folder / "ota_bin").mkdir(parents=True)
    (folder / "x_dld_cfg.yaml").write_bytes(LIST.read_bytes())
    (folder / "ota_bin" / "ota_rtos.bin").write_bytes(b"firmware")
    return folder


def flash(gui, *arguments):
    done = CliRunner().invoke(group, ["flash", str(gui / "x_dld_cfg.yaml"), str(gui / "flash.bin"), *arguments])
    if done.exception is not None and not isinstance(done.exception, (SystemExit, OtaError)):
        raise done.exception
    return done


def test_a_new_flash_has_the_files_that_are_there(gui):
    shown = json.loads(flash(gui, "--json").output)
    assert shown["RTOSA"]["used"] == 8
    assert shown["RTOSA"]["written"]
    assert not shown["RTOSB"]["used"]
    contents = (gui / "flash.bin").read_bytes()
    assert contents == b"\xff" * 0x2A000 + b"firmware" + b"\xff" * (FLASH_SIZE - 0x2A000 - 8)


def test_other_partitions_stay(gui):
    flash(gui)
    (gui / "ota_bin" / "ota_rtos.bin").write_bytes(b"another")
    (gui / "ota_bin" / "kv.bin").write_bytes(b"kv")
    flash(gui, "--write", "KV")
    contents = (gui / "flash.bin").read_bytes()
    assert contents[0x2A000:0x2A008] == b"firmware"
    assert contents[0xFF1000:0xFF1002] == b"kv"


def test_show_writes_nothing(gui):
    refused = flash(gui, "--show")
    assert isinstance(refused.exception, OtaError)
    assert "leave out --show" in str(refused.exception)
    assert not (gui / "flash.bin").exists()
    flash(gui)
    (gui / "ota_bin" / "ota_rtos.bin").write_bytes(b"another")
    before = (gui / "flash.bin").read_bytes()
    assert "77" not in flash(gui, "--show").output
    assert (gui / "flash.bin").read_bytes() == before


@pytest.mark.parametrize(
    "arguments, says",
    [(["--write", "NONE"], "there is no partition 'NONE'"), (["--write", "BOOT"], "cannot read partition BOOT's file")],
)
def test_what_cannot_be_written_leaves_no_flash(gui, arguments, says):
    done = flash(gui, *arguments)
    assert says in str(done.exception)
    assert not (gui / "flash.bin").exists()


def test_a_file_of_another_size_is_no_flash(gui):
    (gui / "flash.bin").write_bytes(b"mine")
    assert "this file has 4 bytes, a flash 16777216" in str(flash(gui).exception)
    assert (gui / "flash.bin").read_bytes() == b"mine"
