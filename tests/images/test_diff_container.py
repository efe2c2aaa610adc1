"""The diff's container and the in-place model, against patches made by the test with xz: named bad ones, mutations."""

import shutil
import struct
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbdiff_reference import firmware, make_section, xz_c

from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.images import full
from aos_ota_plugin.images.diff import Limits, apply, build, create, parse

pytestmark = pytest.mark.skipif(not shutil.which("xz"), reason="no xz")

OLD = firmware(0x2800)
NEW = OLD[:0x1000] + b"inserted" + OLD[0x1000:0x1FF8] + b"tail"
ZEROS = bytes(0x1000)
FIRST = make_section(NEW[:0x1000], [(0x1000, 0, 0)], ZEROS, b"")
# The inserted bytes were not in the old payload; what follows them still stands behind the first section.
SECOND = make_section(NEW[0x1000:], [(0, 8, 0x1000), (0xFF8, 4, 0)], bytes(0xFF8), b"insertedtail")


def section(triples=((0x1000, 0, 0),), diff=ZEROS, extra=b"", new=OLD[:0x1000], **more):
    return make_section(new, triples, diff, extra, **more)


def header(*numbers):
    return b"BSDIFF40" + struct.pack("<5Q", *numbers)


def test_hand_made_patch():
    sections = parse(FIRST + SECOND)
    assert [(one.offset, one.new_offset, one.new_size) for one in sections] == [
        (0, 0, 0x1000),
        (len(FIRST), 0x1000, 0x1004),
    ]
    assert [list(one.triples()) for one in sections] == [[(0x1000, 0, 0)], [(0, 8, 0x1000), (0xFF8, 4, 0)]]
    assert apply(OLD, FIRST + SECOND) == NEW


def test_negative_seek_and_spare_triples():
    triples = [(0, 0, 0x1800), (0x800, 0, -0x2000), (0x800, 0, -(2**63) + 1), (5, 5, 5)]
    made = OLD[0x1800:0x2000] + OLD[:0x800]
    assert apply(OLD, section(triples, new=made)) == made


def test_first_section_overwrites_what_the_second_reads():
    first = section([(0, 0x1000, 0)], b"", b"x" * 0x1000, new=b"x" * 0x1000)
    assert apply(OLD, first + section(new=b"x" * 0x1000)) == b"x" * 0x2000


def test_erased_flash_can_be_read_where_the_new_payload_will_be():
    assert apply(OLD[:0x800], section(new=OLD[:0x800] + b"\xff" * 0x800)) == OLD[:0x800] + b"\xff" * 0x800


def lzma2(check="crc32", options="dict=16KiB"):
    return lambda data: xz_c(data, f"--check={check}", f"--lzma2={options}")


@pytest.mark.parametrize(
    "patch, message",
    [
        (b"", "the diff is empty"),
        (b"BSDIFF41" + bytes(60), "section at byte 0: it does not start with BSDIFF40"),
        (b"BSDIFF40" + bytes(39), "section at byte 0: its header is cut short"),
        (FIRST + b"\0", "1 bytes follow the last section; devices read them as another section"),
        (FIRST + SECOND[:-1], f"section at byte {len(FIRST)}: its streams have"),
        (header(1 << 62, 0, 0, 1, 0), "its streams have 4611686018427387904, 0, 0 bytes"),
        (header(1 << 63 | 5, 5, 0, 1, 0), "its streams have -5, 5, 0 bytes"),
        (section(size=0), "it makes 0 bytes; the device's buffer takes 1..262144"),
        (section(size=0x40001), "it makes 262145 bytes"),
        (section(size=-1), "it makes -1 bytes"),
        (section(crc=0x10000), "its CRC-16 is 65536"),
        (
            section(compress=lzma2(options="dict=24KiB")),
            "ctrl: the xz stream needs a dictionary of 24576 bytes; the device has 16384",
        ),
        (section(compress=lzma2("crc64")), "ctrl: the xz stream has check CRC64"),
        (section(compress=lzma2("sha256")), "ctrl: the xz stream has check SHA-256"),
        (
            section(compress=lambda data: xz_c(data, "--check=crc32", "--arm", "--lzma2=dict=16KiB")),
            "ctrl: the xz stream uses the filters",
        ),
        (
            section(compress=lambda data: xz_c(data, "--check=crc32", "--lzma2=dict=16KiB") + bytes(4)),
            "ctrl: 4 bytes follow the end",
        ),
        (
            section(extra_length=40)[:-32] + xz_c(b"") + bytes(8) + FIRST,
            "fills whole sectors of 4096 bytes and has nothing behind",
        ),
        (SECOND + FIRST, "every section but the last fills whole sectors of 4096 bytes"),
        (header(0, 0, 0, 1, 0), "ctrl: the xz stream is cut short"),
    ],
)
def test_parse_refuses(patch, message):
    with pytest.raises(FormatError, match=f"(?s).*{message}") as caught:
        parse(patch)
    assert isinstance(caught.value, FormatError)


@pytest.mark.parametrize(
    "patch, message",
    [
        (section([(0xFFF, 0, 0)]), "its triples make 4095 of 4096 bytes"),
        (section([(0x1001, 0, 0)]), "its triples make more than 4096 bytes"),
        (section([(-1, 0x1001, 0)]), "a triple adds -1, copies 4097"),
        (section([(0x1000, -1, 0)]), "a triple adds 4096, copies -1"),
        (section([(0, 0, 0)] * 4098), "no more than 98328 are allowed"),
        (section([(0, 0, -1), (0x1000, 0, 0)]), "it reads 4096 bytes at -1 of a flash with 10240 bytes"),
        (section([(0, 0, -1), (0, 0, 1), (0x1000, 0, 0)]), "it reads 0 bytes at -1"),
        (section([(0, 0, 0x1801), (0x1000, 0, 0)]), "it reads 4096 bytes at 6145 of a flash with 10240 bytes"),
        (section([(0, 0, 2**62), (0x1000, 0, 0)]), "at 4611686018427387904"),
        (section(diff=ZEROS[1:]), "its streams hold 4095 and 0 bytes; its triples use more"),
        (section([(0xFFF, 1, 0)]), "its streams hold 4096 and 0 bytes; its triples use more"),
        (section(diff=bytes(0x1001)), "diff: the xz stream holds 4097 bytes; no more than 4096"),
        (section(extra=bytes(0x1001)), "extra: the xz stream holds 4097 bytes"),
        (section(crc=1), "another CRC-16 than it states"),
        (FIRST + section(new=OLD[1:0x1001]), f"section at byte {len(FIRST)}: the bytes it makes have another CRC-16"),
    ],
)
def test_apply_refuses(patch, message):
    parse(patch)
    with pytest.raises(FormatError, match=message):
        apply(OLD, patch)


@pytest.mark.parametrize(
    "last, left_out",
    [
        ([[(0, 16, 0)], b"", b"\xff" * 16], 16),
        ([[(0, 16, 0x300)], b"", b"\xff" * 16], 0x310),
        ([[(0, 16, 0x301)], b"", b"\xff" * 16], 0),  # no ff so far before it
        ([[(0, 16, 0x1000)], b"", b"\xff" * 16], 0),
        ([[(0, 16, -1)], b"", b"\xff" * 16], 0),
        ([[(0, 8, 0), (0, 8, 0)], b"", b"\xff" * 16], 0),  # others make theirs otherwise, and mean other things by it
        ([[(0, 0, 0x2000), (16, 0, 0)], bytes(16), b""], 0),
        ([[(0, 16, 0)], b"", b"\xff" * 15 + b"\0"], 0),
    ],
)
def test_what_is_left_out_as_dummy_and_padding(last, left_out):
    padded = OLD[:0xD00] + b"\xff" * 0x300
    first = section([(0xD00, 0x300, 0)], bytes(0xD00), b"\xff" * 0x300, new=padded)
    triples, diff, extra = last
    end = extra or b"\xff" * 16
    whole = padded + end
    old = OLD[:0x2000]
    if diff:  # read from erased flash: only what the new payload covers is
        old, end = OLD[:0x2000] + b"\xff" * 16, b"\xff" * 16
    patch = first + make_section(end, triples, diff, extra)
    assert apply(old, patch) == whole[: len(whole) - left_out]


def test_limits_of_older_devices():
    small = Limits(section_size=0x4000, dict_size=4096)
    with pytest.raises(FormatError, match="the device has 4096"):
        parse(FIRST, limits=small)
    tiny = section(compress=lzma2(options="dict=4KiB"))
    assert apply(OLD, tiny, limits=small) == OLD[:0x1000]
    with pytest.raises(FormatError, match="no multiple"):
        Limits(section_size=0x4001)


def test_file_and_flash_limits():
    patch = FIRST + SECOND
    parse(patch, limits=Limits(file_size=len(patch), flash_size=0x2004))
    with pytest.raises(FormatError, match="the device has room for") as caught:
        parse(patch, limits=Limits(file_size=len(patch) - 1))
    assert "compressed image" in caught.value.remedy
    with pytest.raises(FormatError, match="more than the 8195 bytes"):
        parse(patch, limits=Limits(flash_size=0x2003))


def test_signed_diff():
    patch = create(OLD, NEW)
    image = build(patch, sign=lambda digest: digest * 8)
    assert len(image) == len(patch) + 424
    assert full.parse(image).sign_info
    last = parse(image)[-1]
    assert (last.tail_size, last.offset + last.size) == (424, len(image))
    assert apply(OLD, image) == NEW
    assert struct.unpack_from("<Q", image, last.offset + 24)[0] == len(last.extra) + 424
    with pytest.raises(FormatError, match="has a trailer already"):
        build(image, sign=lambda digest: digest * 8)
    assert build(patch, sign=None) == patch
    with pytest.raises(FormatError, match="424 bytes follow the last section"):
        parse(patch + image[len(patch) :])  # a trailer that the last section does not cover


GOOD = create(OLD, NEW, limits=Limits(section_size=0x1000))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_mutated_and_truncated(data):
    mutated = bytearray(GOOD)
    for _ in range(data.draw(st.integers(0, 3))):
        mutated[data.draw(st.integers(0, len(GOOD) - 1))] = data.draw(st.integers(0, 255))
    mutated = mutated[: data.draw(st.integers(0, len(GOOD)))] if data.draw(st.booleans()) else mutated
    try:
        made = apply(OLD, mutated)
    except FormatError:
        return
    # Cut between sections, or changed where nothing is told by it: the dummy's seek, spare bits.
    assert NEW.startswith(made) or made.startswith(NEW)


@given(st.binary(max_size=400), st.booleans())
def test_arbitrary_bytes(data, magic):
    with pytest.raises(FormatError):
        apply(OLD, b"BSDIFF40" + data if magic else data)


def test_memory_stays_bounded_whatever_a_stream_claims():
    bomb = section([(0x40000, 0, 0)], bytes(8 << 20), b"", new=bytes(0x40000), crc=0)
    assert len(bomb) < 20_000
    tracemalloc.start()
    with pytest.raises(FormatError, match="diff: the xz stream holds 8388608 bytes; no more than 262144"):
        apply(OLD, bomb)
    many = section(
        [(0, 0, 1), (0, 0, -1)] * 20_000 + [(0x40000, 0, 0)], bytes(0x40000), b"", new=b"", size=0x40000, crc=1
    )
    with pytest.raises(FormatError, match="another CRC-16"):
        apply(bytes(0x40000), many)
    assert tracemalloc.get_traced_memory()[1] < 64 << 20
    tracemalloc.stop()
