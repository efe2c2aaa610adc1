"""xz streams: never larger than xz's own, read structurally, refused where XZ Embedded would."""

import lzma
import shutil
import struct
import subprocess
import tracemalloc
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbdiff_reference import firmware, xz_c, xz_dc

from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.images import full
from aos_ota_plugin.images.xz import PRESET_9E, build, compress, decompress, encode, parse

pytestmark = pytest.mark.skipif(not shutil.which("xz"), reason="no xz")

CODE = firmware(150_000)
STREAM = compress(CODE)
SMALL = compress(CODE[:3000])
OPTIONS = ("--check=crc32", "--lzma2=preset=9e,dict=32KiB")


@pytest.mark.parametrize("payload", [b"", b"a", CODE, CODE[:5000] * 4, bytes(100_000)], ids=len)
def test_not_larger_than_xz_and_xz_reads_it(payload):
    stream = compress(payload)
    assert len(stream) <= len(xz_c(payload, *OPTIONS))
    assert xz_dc(stream) == payload == decompress(stream, len(payload))


def test_xz_lists_what_devices_need(tmp_path):
    (tmp_path / "a.xz").write_bytes(STREAM)
    listing = subprocess.run(
        ["xz", "-lvv", "--robot", "a.xz"], cwd=tmp_path, capture_output=True, check=True, text=True
    )
    rows = {line.split("\t")[0]: line.split("\t")[1:] for line in listing.stdout.splitlines()}
    assert rows["file"][:2] == ["1", "1"]  # streams, blocks
    assert rows["file"][5] == "CRC32"
    assert "--lzma2=dict=32KiB" in rows["block"]
    info = parse(STREAM)
    assert (info.check, info.dict_size, info.blocks) == ("crc32", 32768, 1)
    assert (info.stream_size, info.uncompressed_size) == (int(rows["file"][2]), int(rows["file"][3]))


def test_same_input_same_bytes_and_progress():
    told = []
    assert compress(CODE, progress=lambda done, steps: told.append((done, steps))) == STREAM
    assert told == [(done, told[-1][1]) for done in range(1, told[-1][1] + 1)]


def test_image_is_stream_and_trailer():
    image = build(CODE, sign=lambda digest: digest * 8)
    assert image == STREAM + full.build_trailer(STREAM, sign=lambda digest: digest * 8)
    assert full.parse(image).kind == "xz"


@pytest.mark.parametrize(
    "options, message",
    [
        (("--check=crc64", "--lzma2=dict=32KiB"), "check CRC64; devices know CRC32 and none"),
        (("--check=sha256", "--lzma2=dict=32KiB"), "check SHA-256; devices"),
        (("--check=crc32", "--x86", "--lzma2=dict=32KiB"), "the filters x86, lzma2; devices decode LZMA2 alone"),
        (("--check=crc32", "--armthumb", "--lzma2=dict=32KiB"), "the filters armthumb, lzma2"),
        (("--check=crc32", "--delta", "--lzma2=dict=32KiB"), "the filters delta, lzma2"),
        (("--check=crc32", "--lzma2=dict=33KiB"), "a dictionary of 49152 bytes; the device has 32768"),
        # The order that undoes the dictionary: a preset forgets the filters before it.
        (("--lzma2=dict=32KiB", "--check=crc32", "-9e"), "a dictionary of 67108864 bytes"),
    ],
)
def test_streams_devices_refuse(options, message):
    stream = xz_c(CODE, *options)
    with pytest.raises(FormatError, match=message) as caught:
        parse(stream)
    assert "preset=9e,dict=" in caught.value.remedy
    with pytest.raises(FormatError, match=message):
        decompress(stream, len(CODE))


@pytest.mark.parametrize(
    "options, check, blocks",
    [
        (("--check=none", "--lzma2=dict=32KiB"), "none", 1),
        (("--check=crc32", "--lzma2=dict=4KiB", "--block-size=40000"), "crc32", 4),
        (("--check=crc32", "-T2", "--lzma2=dict=32KiB", "--block-size=100000"), "crc32", 2),  # sizes in block headers
        (("--check=crc32", "--lzma2=dict=32KiB,lc=0,lp=4,pb=4"), "crc32", 1),
    ],
)
def test_streams_devices_take(options, check, blocks):
    stream = xz_c(CODE, *options)
    info = parse(stream)
    assert (info.check, info.blocks, info.uncompressed_size) == (check, blocks, len(CODE))
    assert decompress(stream, len(CODE)) == CODE


def changed(at, *values):
    data = bytearray(STREAM)
    data[at : at + len(values)] = values
    return bytes(data)


@pytest.mark.parametrize(
    "stream, message",
    [
        (b"", "cut short in the stream header"),
        (b"BSDIFF40" + bytes(30), "this is no xz stream"),
        (STREAM[:-1], "cut short in the stream footer"),
        (STREAM[:-13], "cut short in the index"),
        (STREAM[:5000], "cut short in an LZMA2 chunk"),
        (STREAM[:12], "cut short in a block"),
        (STREAM + b"\0\0\0\0", "4 bytes follow the end"),
        (STREAM + STREAM, f"{len(STREAM)} bytes follow the end"),
        (changed(8, 0), "CRC32 of the stream header is wrong"),
        (changed(14, 3), "CRC32 of a block header is wrong"),
        (changed(24, 0x7F), "LZMA2 chunk 0x7f is not allowed here"),
        (changed(24, 0x80), "LZMA2 chunk 0x80 is not allowed here"),
        (changed(len(STREAM) - 1, 0), "footer does not belong"),
        (changed(len(STREAM) - 8, 9), "CRC32 of the stream footer"),
        (changed(len(STREAM) - 14, 9), "index"),
    ],
)
def test_damaged_streams(stream, message):
    with pytest.raises(FormatError, match=message):
        parse(stream)


def with_crc(data):
    return data + struct.pack("<I", zlib.crc32(data))


def test_consistent_checksums_do_not_help():
    flags = b"\x01\x01"
    head = b"\xfd7zXZ\0" + flags + struct.pack("<I", zlib.crc32(flags))
    with pytest.raises(FormatError, match="flags 01 01 that nothing defines"):
        parse(head + STREAM[12:])
    backward = STREAM[-8:-4]
    footer = struct.pack("<I", zlib.crc32(backward + b"\0\0")) + backward + b"\0\0YZ"
    with pytest.raises(FormatError, match="footer does not belong"):
        parse(STREAM[:-12] + footer)
    sized = xz_c(CODE, "--check=crc32", "-T2", "--lzma2=dict=32KiB", "--block-size=1MiB")
    size = (sized[12] + 1) * 4
    header = bytearray(sized[12 : 12 + size - 4])
    assert header[1] == 0xC0
    for at in (2, 5):  # compressed and uncompressed size
        wrong = bytearray(header)
        wrong[at] ^= 1
        with pytest.raises(FormatError, match="a block's header states other sizes"):
            parse(sized[:12] + with_crc(bytes(wrong)) + sized[12 + size :])
    header[1] |= 4
    with pytest.raises(FormatError, match="a block with flags 0xc4"):
        parse(sized[:12] + with_crc(bytes(header)) + sized[12 + size :])


def test_more_may_follow_when_asked_for():
    assert parse(STREAM + b"trailer", more=True).stream_size == len(STREAM)


def test_chunk_and_index_disagree():
    stream = bytearray(compress(b"abcdefgh"))
    assert stream[24:27] == b"\x01\x00\x07"  # one stored chunk of 8 bytes
    stream[26:35] = b"\x06abcdefg\0"
    with pytest.raises(FormatError, match="a block's padding is not zero|index states other sizes"):
        parse(stream)


def test_stream_without_a_block():
    info = parse(lzma.compress(b"", lzma.FORMAT_XZ, lzma.CHECK_CRC32))
    assert (info.stream_size, info.blocks, info.uncompressed_size, info.dict_size) == (32, 0, 0, 0)


def test_limit_is_checked_before_decoding():
    bomb = encode(bytes(8 << 20), PRESET_9E, 32768)
    assert len(bomb) < 10_000
    tracemalloc.start()
    with pytest.raises(FormatError, match="holds 8388608 bytes; no more than 4096"):
        decompress(bomb, 4096)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_wrong_data_with_right_structure():
    stream = bytearray(STREAM)
    stream[20_000] ^= 1
    assert parse(stream).uncompressed_size == len(CODE)
    with pytest.raises(FormatError, match="damaged"):
        decompress(stream, len(CODE))


def test_overlong_number_in_the_index():
    index = b"\0" + b"\x80" * 9 + b"\0\0"
    flags = b"\0\x01"
    head = b"\xfd7zXZ\0" + flags + struct.pack("<I", zlib.crc32(flags))
    with pytest.raises(FormatError, match="a number in the index is malformed"):
        parse(head + index + struct.pack("<I", zlib.crc32(index)) + bytes(12))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_mutated_streams(data):
    mutated = bytearray(SMALL)
    for _ in range(data.draw(st.integers(1, 3))):
        mutated[data.draw(st.integers(0, len(SMALL) - 1))] = data.draw(st.integers(0, 255))
    mutated = bytes(mutated[: data.draw(st.integers(0, len(SMALL)))]) if data.draw(st.booleans()) else bytes(mutated)
    try:
        assert decompress(mutated, 3000) == CODE[:3000]
    except FormatError:
        return
    assert lzma.decompress(mutated) == CODE[:3000]


@given(st.binary(max_size=300), st.booleans())
def test_arbitrary_bytes(data, magic):
    with pytest.raises(FormatError):
        parse(b"\xfd7zXZ\0" + data if magic else data)


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=2000))
def test_round_trip(payload):
    assert decompress(compress(payload), len(payload)) == payload
