"""The boot stage's xz decoder: real streams, streams it must refuse, and thousands of damaged ones."""

import lzma
import random
import subprocess
from binascii import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbdiff_reference import firmware

from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.images import xz

pytestmark = pytest.mark.native

DAMAGED, MEMORY = -1, -2
CODE = firmware(60_000)
CHANCE = random.Random(5)
INPUTS = {
    "empty": b"",
    "one byte": b"a",
    "run": bytes(100_000),
    "code": CODE,
    "noise": CHANCE.randbytes(70_000),
    "code and noise": CODE[:40_000] + CHANCE.randbytes(70_000) + CODE[20_000:60_000],
    "far repeats": (CHANCE.randbytes(32_000) + b"x") * 3,
    "more than one chunk": (CODE[:4000] + bytes(9000)) * 40,
}


def program(data, *options):
    return subprocess.run(["xz", "-zc", "-T1", *options], input=data, capture_output=True, check=True).stdout


def reference(stream, limit=32 * 1024):
    """What the models say: the bytes and the stream's size, or None."""
    try:
        size = xz.parse(stream, dict_limit=limit, more=True).stream_size
        return xz.decompress(stream[:size], 1 << 25, dict_limit=limit), size
    except FormatError:
        return None


@pytest.mark.parametrize("data", INPUTS.values(), ids=INPUTS)
def test_streams_of_ours(device, data):
    for stream in (
        xz.compress(data),
        xz.encode(data, xz.Coder(0, 2, 3), 4096),
        xz.encode(data, xz.Coder(4, 0, 4), 32768),
    ):
        assert device.xz(stream) == (0, len(stream), data)


@pytest.mark.parametrize("options", [
    ("--check=crc32", "--lzma2=preset=9e,dict=32KiB"),
    ("--check=none", "--lzma2=preset=0,dict=4KiB"),
    ("--check=crc32", "--lzma2=preset=6,dict=12KiB,lc=0,lp=4,pb=0"),
    ("--check=crc32", "--block-size=30000", "--lzma2=preset=6,dict=32KiB"),
    ("--check=crc32", "-T2", "--block-size=30000", "--lzma2=preset=3,dict=16KiB"),  # sizes in the block headers
], ids=" ".join)  # fmt: skip
@pytest.mark.parametrize("data", INPUTS.values(), ids=INPUTS)
def test_streams_of_the_program(device, data, options):
    stream = program(data, *options)
    assert device.xz(stream) == (0, len(stream), data)


@settings(max_examples=80, deadline=None)
@given(
    pieces=st.lists(st.tuples(st.binary(max_size=60), st.integers(1, 400)), max_size=12),
    step=st.integers(1, 5000),
    model=st.sampled_from([(3, 0, 2), (0, 4, 4), (4, 0, 0), (1, 2, 3)]),
    behind=st.binary(max_size=40),
)
def test_any_data_in_any_steps(device, pieces, step, model, behind):
    data = b"".join(piece * count for piece, count in pieces)
    stream = xz.encode(data, xz.Coder(*model), 4096)
    assert device.xz(stream + behind, limit=4096, step=step) == (0, len(stream), data)


@pytest.mark.parametrize("options, fault", [
    (("--check=crc32", "--lzma2=preset=9e,dict=64KiB"), MEMORY),
    (("--check=crc32", "--lzma2=preset=9e,dict=48KiB"), MEMORY),
    (("--check=crc32", "-9e"), MEMORY),
    (("--check=crc64", "--lzma2=preset=9e,dict=32KiB"), DAMAGED),
    (("--check=sha256", "--lzma2=preset=9e,dict=32KiB"), DAMAGED),
    (("--check=crc32", "--arm", "--lzma2=preset=9e,dict=32KiB"), DAMAGED),
    (("--check=crc32", "--x86", "--lzma2=preset=9e,dict=32KiB"), DAMAGED),
    (("--check=crc32", "--delta=dist=4", "--lzma2=preset=9e,dict=32KiB"), DAMAGED),
    (("--format=lzma", "--lzma1=dict=32KiB"), DAMAGED),
], ids=lambda value: " ".join(value) if isinstance(value, tuple) else None)  # fmt: skip
def test_what_devices_do_not_decode(device, options, fault):
    stream = program(CODE, *options)
    assert reference(stream) is None
    assert device.xz(stream) == (fault, device.xz(stream).consumed, b"")


def test_limits_are_the_callers(device):
    stream = xz.encode(CODE, xz.Coder(), 16 * 1024)
    assert device.xz(stream, limit=16 * 1024).data == CODE
    assert device.xz(stream, limit=12 * 1024) == (MEMORY, 17, b"")  # where the header says so


def test_every_cut_is_seen(device):
    for check in (lzma.CHECK_CRC32, lzma.CHECK_NONE):
        stream = lzma.compress(CODE[:1500], check=check, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 4096}])
        for size in range(len(stream)):
            assert device.xz(stream[:size]).fault == DAMAGED, size
        assert device.xz(stream).fault == 0


def test_every_bit_matters(device):
    """With CRC32 there is no bit that one can change unseen."""
    stream = xz.encode(CODE[:300], xz.Coder(), 4096)
    for bit in range(8 * len(stream)):
        changed = bytearray(stream)
        changed[bit // 8] ^= 1 << bit % 8
        assert device.xz(bytes(changed)).fault < 0, bit


def with_repaired_sums(stream, at):
    """The stream with the sums over a changed header put right: what the decoder has to find out itself."""
    changed = bytearray(stream)
    if at < 8:
        changed[8:12] = crc32(changed[6:8]).to_bytes(4, "little")
    size = (changed[12] + 1) * 4
    if 12 <= at < 12 + size and 12 + size <= len(changed):
        changed[12 + size - 4 : 12 + size] = crc32(changed[12 : 12 + size - 4]).to_bytes(4, "little")
    index = len(changed) - 12 - (int.from_bytes(changed[-8:-4], "little") + 1) * 4
    if 0 < index <= at < len(changed) - 16:
        changed[-16:-12] = crc32(changed[index:-16]).to_bytes(4, "little")
    if at >= len(changed) - 8:
        changed[-12:-8] = crc32(changed[-8:-2]).to_bytes(4, "little")
    return bytes(changed)


@pytest.mark.parametrize("check", [lzma.CHECK_CRC32, lzma.CHECK_NONE], ids=["crc32", "none"])
def test_damaged_streams_get_the_models_verdict(device, check):
    """2500 streams with one to four changed bytes, half of them with their headers' sums put right again."""
    chance = random.Random(check)
    streams = [lzma.compress(data, check=check, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 4096}])
               for data in (b"", CODE[:60], CODE[:900], bytes(3000), chance.randbytes(400), CODE[:5000])]  # fmt: skip
    streams.append(program(CODE[:3000], f"--check={'crc32' if check else 'none'}", "-T2", "--block-size=1000",
                           "--lzma2=preset=6,dict=4KiB"))  # fmt: skip
    refused = 0
    for number in range(2500):
        changed = bytearray(chance.choice(streams))
        head = chance.randrange(3)
        for _ in range(chance.randint(1, 4)):
            at = (
                chance.randrange(len(changed))
                if head
                else chance.choice((chance.randrange(40), -1 - chance.randrange(28)))
            )
            at = at % len(changed)
            changed[at] = chance.choice((0, 0xFF, changed[at] ^ 1 << chance.randrange(8), chance.randrange(256)))
            if number % 2:
                changed = bytearray(with_repaired_sums(changed, at))
        stream = bytes(changed)
        seen, expected = device.xz(stream), reference(stream)
        refused += expected is None
        assert (seen.fault == 0) == (expected is not None), (number, stream.hex(), seen.fault)
        if expected:
            assert (seen.data, seen.consumed) == expected
    assert refused > 1000


def bits_coded(*bits):
    """Bits as the range coder holds them when nothing is known of any: the ones stand before the first new byte."""
    span, code, more = 0xFFFFFFFF, 0, b""
    for bit in bits:
        half = (span >> 11) << 10
        code += half * bit
        span = span - half if bit else half
        more += b"\0" * (span < 1 << 24)
        span <<= 8 * (span < 1 << 24)
    return b"\0" + code.to_bytes(4, "big") + more


def lzma_chunk(control, size, packed, properties=b"\x5d"):
    """A chunk that makes `size` bytes; with its properties where the control byte promises some."""
    head = bytes([control]) + (size - 1).to_bytes(2, "big") + (len(packed) - 1).to_bytes(2, "big")
    return head + (properties if control >= 0xC0 else b"") + packed


def stream_of(chunks, size):
    """A stream without a check whose one block holds these chunks and the end, and makes `size` bytes."""

    def summed(part):
        return part + crc32(part).to_bytes(4, "little")

    data = chunks + b"\0"
    index = bytes([0, 1, 12 + len(data), size])
    index = summed(index + b"\0" * (-len(index) % 4))
    footer = (len(index) // 4 - 1).to_bytes(4, "little") + b"\0\0"
    return (
        b"\xfd7zXZ\0"
        + summed(b"\0\0")
        + summed(bytes([2, 0, 0x21, 1, 0, 0, 0, 0]))
        + data
        + b"\0" * (-len(data) % 4)
        + index
        + crc32(footer).to_bytes(4, "little")
        + footer
        + b"YZ"
    )


AB = b"\1\0\1ab"  # an uncompressed chunk that begins a dictionary
SHORT = bits_coded(1, 1, 0, 0)  # the last byte once more
LONG = bits_coded(1, 1, 0, 1, 0, 0, 0, 0)  # the last byte twice more


@pytest.mark.parametrize("chunks, made", [
    (AB, b"ab"),
    (AB + b"\2\0\0c", b"abc"),
    (AB + lzma_chunk(0xC0, 1, SHORT), b"abb"),
    (AB + lzma_chunk(0xC0, 2, LONG), b"abbb"),
    (AB + lzma_chunk(0xC0, 1, LONG), None),  # a match longer than its chunk
    (AB + lzma_chunk(0xC0, 2, SHORT), None),
    (AB + lzma_chunk(0xC0, 1, SHORT + b"\0"), None),  # bytes that nothing uses
    (AB + lzma_chunk(0xC0, 1, SHORT[:-1] + b"\1"), None),
    (AB + lzma_chunk(0xC0, 1, b"\1" + SHORT[1:]), None),
    (AB + lzma_chunk(0xC0, 1, SHORT[:-1]), None),
    (AB + lzma_chunk(0xC0, 1, SHORT, b"\xe1"), None),  # pb 5
    (AB + lzma_chunk(0xC0, 1, SHORT, b"\x29"), None),  # lc + lp 9
    (AB + lzma_chunk(0xA0, 1, SHORT), None),  # no properties yet
    (AB + lzma_chunk(0x80, 1, SHORT), None),
    (AB + lzma_chunk(0xC0, 1, SHORT) + lzma_chunk(0xA0, 1, SHORT), b"abbb"),
    (AB + lzma_chunk(0xC0, 1, SHORT) + AB + lzma_chunk(0xA0, 1, SHORT), None),  # forgotten with the dictionary
    (lzma_chunk(0xE0, 1, SHORT), None),  # a match before there is anything
    (lzma_chunk(0xC0, 1, SHORT), None),
    (b"\2\0\0c", None),
    (AB + b"\3\0\0c", None),
    (b"", b""),
])  # fmt: skip
def test_chunks(device, chunks, made):
    stream = stream_of(chunks, 4 if made is None else len(made))
    seen = device.xz(stream, limit=4096)
    if made is None:
        assert seen.fault == DAMAGED
        assert all(reference(stream_of(chunks, size), 4096) is None for size in range(8))
        assert all(device.xz(stream_of(chunks, size), limit=4096).fault == DAMAGED for size in range(8))
    else:
        assert seen == (0, len(stream), made)
        assert reference(stream, 4096) == (made, len(stream))


def test_records_of_the_index_in_another_order(device):
    """The same sums, but not the blocks that stand there."""
    stream = program(CODE[:1500], "--check=crc32", "--block-size=1000", "--lzma2=preset=6,dict=4KiB")
    start = len(stream) - 12 - (int.from_bytes(stream[-8:-4], "little") + 1) * 4
    assert stream[start : start + 2] == b"\0\2"
    at, records = start + 2, []
    for _ in range(2):
        end = at
        for _ in range(2):
            while stream[end] & 0x80:
                end += 1
            end += 1
        records.append(stream[at:end])
        at = end
    assert records[0] != records[1]
    swapped = stream[: start + 2] + records[1] + records[0] + stream[at:]
    for one, fault in ((stream, 0), (swapped, DAMAGED)):
        summed = one[:-16] + crc32(one[start:-16]).to_bytes(4, "little") + one[-12:]
        assert device.xz(summed).fault == fault
        assert (reference(summed) is None) == bool(fault)


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_behind_a_header(device, tail):
    stream = xz.encode(b"payload" * 9, xz.Coder(), 4096)[:24] + tail
    assert (device.xz(stream).fault == 0) == (reference(stream) is not None)
