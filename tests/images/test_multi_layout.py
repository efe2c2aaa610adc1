"""Where several images lie, and the run of flash they make."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.images.info import ImageMagic
from aos_ota_plugin.images.multi import Part, Partition, firmware, join, place, runs

FLASH = (
    Partition("HAL_PARTITION_APPLICATION", 0x2000, 0x8000),
    Partition("HAL_PARTITION_OTA_TEMP", 0xA000, 0x8000),
    Partition("HAL_PARTITION_LITTLEFS", 0x12000, 0x4000),
)
APP, KERNEL, ALL, FS, MCU = ImageMagic.APP, ImageMagic.KERNEL, ImageMagic.ALL, ImageMagic.FS, ImageMagic.MCU


def test_usual_places_and_the_run_of_flash():
    placed = place(
        [Part(FS, b"fs"), Part(APP, b"app", 0x4000), Part(KERNEL, b"kernel", "HAL_PARTITION_APPLICATION")], FLASH
    )
    assert [(one.magic, one.address, one.partition.name) for one in placed] == [
        (KERNEL, 0x2000, "HAL_PARTITION_APPLICATION"),
        (APP, 0x4000, "HAL_PARTITION_APPLICATION"),
        (FS, 0x12000, "HAL_PARTITION_LITTLEFS"),
    ]
    run = join(placed)
    assert len(run) == 0x10002
    assert (run[:6], run[0x2000:0x2003], run[-2:]) == (b"kernel", b"app", b"fs")
    assert set(run[6:0x2000]) == {0xFF}
    assert join(firmware(placed)) == b"kernel".ljust(0x2000, b"\xff") + b"app"
    assert place([Part(ALL, b"x")], FLASH)[0].address == 0x2000
    assert join(()) == b""


@pytest.mark.parametrize(
    "parts, message",
    [
        ([Part(APP, b"")], "APP is empty"),
        ([Part(APP, b"1"), Part(APP, b"2", 0x4000)], "APP is given twice"),
        ([Part(ALL, b"1"), Part(APP, b"2", 0x4000)], "ALL is the whole firmware"),
        ([Part(KERNEL, b"1")], "KERNEL has no usual place; there are: HAL_PARTITION_APPLICATION 0x2000 to 0xa000, "),
        ([Part(FS, b"1", "NOWHERE")], "there is no partition NOWHERE"),
        ([Part(FS, b"1", 0x100)], "FS at 0x100 lies in no partition"),
        ([Part(FS, b"1", 0x16000)], "FS at 0x16000 lies in no partition"),
        ([Part(FS, b"1", 0x12010)], "FS at 0x12010 does not start on a sector of 0x1000 bytes"),
        (
            [Part(FS, bytes(0x4001))],
            "FS has 16385 bytes; from 0x12000 to the end of HAL_PARTITION_LITTLEFS there is room for 16384",
        ),
        ([Part(APP, bytes(0x7001), 0x3000)], "there is room for 28672"),
        (
            [Part(KERNEL, bytes(0x1001), 0x2000), Part(APP, b"1", 0x3000)],
            "KERNEL (0x2000 to 0x3001) and APP (from 0x3000) overlap",
        ),
        ([Part(KERNEL, b"1", 0x2000), Part(APP, b"1")], "overlap"),
        ([Part(KERNEL, b"1", 0x3000), Part(APP, b"1")], "KERNEL (0x3000) lies behind APP (0x2000)"),
        ([Part(APP, b"1", 0x3000)], "there is no part at 0x2000, where HAL_PARTITION_APPLICATION starts"),
    ],
)
def test_bad_layouts(parts, message):
    with pytest.raises(FormatError) as caught:
        place(parts, FLASH)
    assert message in caught.value.problem
    assert caught.value.remedy


@given(
    st.lists(
        st.tuples(
            st.sampled_from([APP, KERNEL, ALL, FS]),
            st.integers(0, 0x5000),
            st.one_of(st.none(), st.integers(0, 0x17).map(lambda sector: sector * 0x1000)),
        ),
        max_size=3,
    )
)
def test_what_is_placed_never_overlaps(rows):
    try:
        placed = place([Part(magic, bytes([5]) * size, where) for magic, size, where in rows], FLASH)
    except FormatError as error:
        assert error.remedy
        return
    run = join(placed)
    for one in placed:
        start = one.address - placed[0].address
        assert run[start : start + len(one.data)] == one.data
        assert one.partition.start <= one.address < one.end <= one.partition.end
    assert run.count(5) == sum(size for _, size, _ in rows)


def test_one_file_for_the_flasher_never_covers_what_lies_between():
    boot = Partition("BOOT", 0xA000, 0x8000)
    apart = [
        Partition("HAL_PARTITION_APPLICATION", 0x2000, 0x8000),
        Partition("HAL_PARTITION_LITTLEFS", 0x12000, 0x4000),
    ]
    parts = [Part(KERNEL, b"k", 0x2000), Part(APP, b"a", 0x4000), Part(FS, b"f")]
    for table in ([*apart, boot], apart):  # flash that no partition names may be anybody's
        assert [[one.magic for one in run] for run in runs(place(parts, table))] == [[KERNEL, APP], [FS]]
    adjacent = [apart[0], Partition("HAL_PARTITION_LITTLEFS", 0xA000, 0x4000)]
    assert [len(run) for run in runs(place(parts, adjacent))] == [3]
    assert runs(()) == ()


APPLICATION = Partition("HAL_PARTITION_APPLICATION", 0x2000, 0x8000)


@pytest.mark.parametrize(
    "partitions, part, message",
    [
        (
            [APPLICATION, Partition("KV", 0x9000, 0x4000)],
            Part(APP, bytes(0x7001)),
            "APP (0x2000 to 0x9001) reaches into KV 0x9000 to 0xd000",
        ),
        (
            [APPLICATION, Partition("KV", 0x8800, 0x800)],
            Part(APP, bytes(0x6800 - 1)),
            "which overlaps HAL_PARTITION_APPLICATION in the table",
        ),
        (
            [APPLICATION, Partition("HAL_PARTITION_APPLICATION", 0x20000, 0x8000)],
            Part(APP, b"1"),
            "APP has more than one place",
        ),
        ([APPLICATION, Partition("RTOS", 0x20000, 0x8000)], Part(ALL, b"1"), "ALL has more than one place"),
    ],
)
def test_tables_that_overlap(partitions, part, message):
    with pytest.raises(FormatError) as caught:
        place([part], partitions)
    assert message in caught.value.problem
    assert caught.value.remedy


def test_a_partition_around_others_is_no_overlap():
    whole = Partition("FLASH", 0, 0x100000)
    assert place([Part(APP, b"1")], [whole, APPLICATION])[0].partition == APPLICATION
    assert place([Part(APP, b"1", 0x2000)], [whole, APPLICATION])[0].partition == APPLICATION
    assert len(place([Part(APP, bytes(0x7000))], [APPLICATION, Partition("KV", 0x9000, 0x4000)])) == 1
    same = Partition("RTOS", 0x2000, 0x8000)
    assert place([Part(APP, b"1")], [APPLICATION, same])[0].address == 0x2000
