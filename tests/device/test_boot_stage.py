"""What the second boot stage says to compressed images and diffs, by its own error names."""

import shutil
import struct
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "images"))
from nbdiff_reference import firmware, integer, make_section, updated, xz_c

from aos_ota_plugin.device.updater import UNPACKED_MAX, judge_update
from aos_ota_plugin.images import diff, full, xz
from aos_ota_plugin.images.info import ImageMagic

pytestmark = pytest.mark.skipif(not shutil.which("xz"), reason="no xz")

CODE = firmware(20_000)
OLD = firmware(0x6800, seed=5)
NEW = updated(OLD, edits=6)[:0x6400]
PATCH = diff.create(OLD, NEW)
ROOM = 0x80000


def sign(digest):
    return digest * 8


def image_of(payload, magic=ImageMagic.ALL):
    return full.build(payload, sign=sign, magic=magic)


def last(findings):
    return findings[-1].rule, findings[-1].verdict.name, int(findings[-1].verdict), findings[-1].detail


def test_full_images_have_no_rules():
    assert judge_update(image_of(CODE)) == ()
    (finding,) = judge_update(image_of(CODE, ImageMagic.MCU))
    assert (finding.rule, finding.ok, finding.judged) == ("second chip", True, False)
    assert judge_update(b"") == ()


def test_xz_image_goes_well():
    findings = judge_update(image_of(xz.compress(CODE)), partition_size=20_000)
    assert [(one.rule, one.ok, one.judged) for one in findings] == [("xz", True, True), ("xz result", True, True)]
    assert findings[1].detail == "20000 bytes; 0 of 20000 stay free"
    (_, unknown) = judge_update(image_of(xz.compress(CODE)))
    assert (unknown.ok, unknown.judged) == (True, False)


@pytest.mark.parametrize(
    "stream, says",
    [
        (xz_c(CODE, "--check=crc64", "--lzma2=dict=32KiB"), "check CRC64"),
        (xz_c(CODE, "--check=crc32", "--armthumb", "--lzma2=dict=32KiB"), "filters armthumb, lzma2"),
        (xz_c(CODE, "--check=crc32", "--lzma2=dict=64KiB"), "a dictionary of 65536 bytes; the device has 32768"),
        (xz.compress(CODE)[:5000], "cut short"),
        (xz.compress(CODE)[:3000] + b"\0" + xz.compress(CODE)[3001:], "damaged"),
    ],
)
def test_streams_that_the_boot_stage_cannot_decode(stream, says):
    # The agent accepts every one of them: only the boot stage looks inside.
    rule, name, code, detail = last(judge_update(image_of(stream), partition_size=ROOM))
    assert (rule, name, code) == ("xz", "OTA_XZ_UNCOMP_FAIL", -12)
    assert says in detail


def test_what_it_decodes_to_has_to_fit():
    image = image_of(xz.compress(CODE))
    assert last(judge_update(image, partition_size=19_999)) == (
        "xz result",
        "OTA_XZ_UNCOMP_FAIL",
        -12,
        "it decodes to 20000 bytes; there is room for 19999",
    )
    bomb = image_of(xz.encode(bytes(UNPACKED_MAX + 1), xz.PRESET_9E, 32768))
    assert last(judge_update(bomb))[0] == "xz result"


def test_diff_is_applied_in_place_with_a_base():
    for image in (diff.build(PATCH, sign=sign), PATCH):
        findings = judge_update(image, partition_size=ROOM, base=OLD)
        assert [(one.rule, one.ok, one.judged) for one in findings] == [("diff", True, True), ("in place", True, True)]
        (_, unknown) = judge_update(image, partition_size=ROOM)
        assert (unknown.rule, unknown.ok, unknown.judged) == ("in place", True, False)
        assert "HaaS100" in judge_update(image, base=OLD)[-1].detail


def test_another_base():
    other = OLD[:100] + bytes([OLD[100] ^ 1]) + OLD[101:]
    rule, name, code, detail = last(judge_update(PATCH, partition_size=ROOM, base=other))
    assert (rule, name, code) == ("in place", "OTA_NB_CRC_COMP_FAIL", -9)
    assert detail.startswith("section at byte 0: ")
    assert last(judge_update(PATCH, partition_size=ROOM, base=bytes(ROOM + 1)))[:3] == (
        "in place",
        "OTA_NB_READ_OLD_FAIL",
        -6,
    )


SIZE = 0x1000


def section(triples=((0, SIZE, 0),), difference=b"", extra=OLD[:SIZE], **more):
    return make_section(OLD[:SIZE], list(triples), difference, extra, **more)


def damaged(which):
    """A section in which one of the streams has a wrong byte in its data, its lengths right."""
    good = section([(SIZE // 2, SIZE // 2, 0)], bytes(SIZE // 2), OLD[SIZE // 2 : SIZE])
    sizes = struct.unpack_from("<3Q", good, 8)
    at = 48 + sum(sizes[:which]) + 40
    return good[:at] + bytes([good[at] ^ 0xFF]) + good[at + 1 :]


@pytest.mark.parametrize(
    "patch, rule, name, code, says",
    [
        (section()[:40], "diff", "OTA_NB_HEADER_FAIL", -2, "cut short"),
        (section() + b"trailing bytes", "diff", "OTA_NB_HEADER_FAIL", -2, "bytes follow the last section"),
        (b"BSDIFF40" + integer(-1) * 5, "diff", "OTA_NB_HEADER_FAIL", -2, "the file does not"),
        (
            section(compress=lambda data: xz_c(data, "--check=crc64", "--lzma2=dict=16KiB")),
            "diff",
            "OTA_NB_READ_CTRL_FAIL",
            -4,
            "ctrl: ",
        ),
        (
            make_section(bytes(0x41000), [(0, 0x41000, 0)], b"", bytes(0x41000)),
            "diff",
            "DEVICE_FAULT",
            -100,
            "buffer takes 1..262144: the device does not notice, and erases past the OTA partition",
        ),
        (
            make_section(bytes(SIZE), [(0, SIZE, 0)], b"", bytes(SIZE)) * (ROOM // SIZE + 1),
            "diff",
            "OTA_NB_WRITE_DATA_FAIL",
            -8,
            "makes more than the 524288 bytes",
        ),
        (section([(0, SIZE - 1, 0)]), "in place", "OTA_NB_READ_CTRL_FAIL", -4, "make 4095 of 4096 bytes"),
        (section([(0, -1, 0)]), "in place", "DEVICE_FAULT", -100, "copies -1: the device does not notice, and crashes"),
        (section()[:60], "diff", "OTA_NB_READ_CTRL_FAIL", -4, "the file does not"),
        (section()[:-40], "diff", "OTA_NB_READ_EXTRA_FAIL", -7, "the file does not"),
        (
            section([(SIZE, 0, 0)], bytes(range(256)) * 16)[:200],
            "diff",
            "OTA_NB_READ_DIFF_FAIL",
            -5,
            "the file does not",
        ),
        (
            make_section(OLD[:100], [(0, 100, 0)], b"", OLD[:100]) + section(),
            "diff",
            "OTA_NB_HEADER_FAIL",
            -2,
            "fills whole sectors of 4096 bytes and has nothing behind its streams; a device may take this",
        ),
        (section(crc=0x10000), "diff", "OTA_NB_HEADER_FAIL", -2, "last 16 bits alone; a device may take this"),
        (section([(SIZE, 0, 0)], b"short"), "in place", "OTA_NB_READ_DIFF_FAIL", -5, "streams hold 5 and"),
        (section(extra=b"short"), "in place", "OTA_NB_READ_EXTRA_FAIL", -7, "streams hold 0 and 5"),
        (
            section([(0, 0, ROOM), (SIZE, 0, 0)], bytes(SIZE)),
            "in place",
            "OTA_NB_READ_OLD_FAIL",
            -6,
            "of a flash with 524288 bytes",
        ),
        (section(crc=1), "in place", "OTA_NB_CRC_COMP_FAIL", -9, "another CRC-16"),
        (damaged(0), None, "OTA_NB_READ_CTRL_FAIL", -4, "ctrl"),
        (damaged(1), None, "OTA_NB_READ_DIFF_FAIL", -5, "diff"),
        (damaged(2), None, "OTA_NB_READ_EXTRA_FAIL", -7, "extra"),
    ],
)
def test_diffs_that_the_boot_stage_refuses(patch, rule, name, code, says):
    found = last(judge_update(patch, partition_size=ROOM, base=OLD))
    assert found[1:3] == (name, code)
    assert rule is None or found[0] == rule
    assert says in found[3]


def test_room_for_the_rebuilt_section():
    found = last(judge_update(PATCH, partition_size=0x40000 + len(PATCH) - 1, base=OLD))
    assert found[:2] == ("diff", "OTA_NB_READ_EXTRA_FAIL")
    assert "the device is bricked" in found[3]
    assert last(judge_update(PATCH, partition_size=0, base=OLD))[0] == "diff"
