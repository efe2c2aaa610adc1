"""What `inspect` says, compared with the bytes at the places that it names; and that it says so of anything, in time."""

from __future__ import annotations

import binascii
import hashlib
import json
import lzma
import shutil
import struct
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbdiff_reference import bsdiff_integer, firmware, make_section, updated, xz_c

from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.images import diff, full, xz
from aos_ota_plugin.images.info import ImageMagic
from aos_ota_plugin.images.inspect import DECODED_MAX, DEPTH_MAX, PARTS_MAX, inspect
from aos_ota_plugin.images.pack import PackFile, build

pytestmark = pytest.mark.skipif(not shutil.which("xz"), reason="no xz")

CODE = firmware(5000)
OLD = firmware(0x5000, seed=4)
NEW = updated(OLD, edits=5)[:0x4800]
PATCH = diff.create(OLD, NEW, limits=diff.Limits(section_size=0x2000))


def sign(_digest):
    return b"\x5a" * 256


def raw_pack(files, *, digest=None):
    """Lay a pack out by struct; names are bytes, and nothing is checked."""
    body = b"".join(
        struct.pack("<II", 24 + len(name), len(data)) + (digest or hashlib.md5(data).digest()) + name + data
        for name, data in files
    )
    return struct.pack("<HHI", len(files), 1, 8 + len(body)) + body


def marks(part):
    return {mark.name: mark for mark in part.fields}


def test_full_image():
    image = full.build(CODE, sign=sign, magic=ImageMagic.FS)
    part = inspect(image)
    assert (part.kind, part.offset, part.size, part.faults, part.notes) == ("full image", 0, len(image), (), ())
    assert dict(part.facts) == {"signing": "signed for local mode", "image": "FS"}
    fields = marks(part)
    for name, layout in {"encrypto_magic": "<I", "image_magic": "<I", "image_crc16": "<H"}.items():
        assert int(fields[name].value.split()[0], 16) == struct.unpack_from(layout, image, fields[name].offset)[0]
    for name in ("hash", "image_md5", "signature"):
        at = fields[name].offset
        assert bytes.fromhex(fields[name].value) == image[at : at + fields[name].size]
    assert [name for name, mark in fields.items() if mark.ok] == ["hash", "image_size", "image_md5", "image_crc16"]
    assert sum(mark.size for mark in part.fields) == len(image)


def test_image_for_the_second_chip_and_for_cloud_mode():
    facts = dict(inspect(full.build(CODE, sign=None, magic=ImageMagic.MCU)).facts)
    assert facts == {
        "signing": "no ota_sign_info_t: for cloud mode",
        "image": "MCU: devices hand it on to the second chip",
    }


@pytest.mark.parametrize(
    "at, wrong",
    [
        (0, "hash image_md5 image_crc16"),
        (-20, "image_md5"),
        (-2, "image_crc16"),
        (-420 + 104, "hash"),
        (-21, "image_size image_md5 image_crc16"),
    ],
)
def test_what_is_not_true_of_the_bytes(at, wrong):
    wrong = set(wrong.split())
    image = bytearray(full.build(CODE, sign=sign))
    image[at] ^= 0x40
    part = inspect(image)
    assert {name for name, mark in marks(part).items() if mark.ok is False} == wrong
    assert set(part.faults) == {f"{name} is not that of the bytes" for name in wrong}


def test_xz_image_down_to_its_payload(tmp_path):
    image = xz.build(CODE, sign=sign)
    part = inspect(image)
    assert part.kind == "xz image"
    (stream,) = part.parts
    assert (stream.kind, stream.offset, stream.faults, stream.notes) == ("xz stream", 0, (), ())
    assert dict(stream.facts) == {
        "check": "crc32",
        "filters": "lzma2",
        "dictionary": "32768 bytes",
        "blocks": "1",
        "uncompressed size": "5000 bytes",
    }
    regions = {
        mark.value.split(":")[0] if not mark.value.startswith("block") else mark.value: mark for mark in stream.fields
    }
    footer, index = regions["stream footer"], regions["index"]
    assert image[footer.offset + 10 : footer.offset + 12] == b"YZ"
    assert (struct.unpack_from("<I", image, footer.offset + 4)[0] + 1) * 4 == index.size
    header = regions["block 0: header"]
    assert (image[header.offset] + 1) * 4 == header.size
    assert zlib.crc32(image[12 : 8 + header.size]) == struct.unpack_from("<I", image, 8 + header.size)[0]
    (payload,) = stream.parts
    assert (payload.decoded, payload.offset, payload.size) == (True, 0, 5000)
    assert dict(payload.facts)["sha256"] == hashlib.sha256(CODE).hexdigest()


@pytest.mark.parametrize(
    "options, facts, fault",
    [
        (("--check=crc64", "--lzma2=dict=32KiB"), {"check": "CRC64"}, "has check CRC64"),
        (
            ("--check=sha256", "--x86", "--lzma2=dict=32KiB"),
            {"check": "SHA-256", "filters": "x86, lzma2"},
            "has check SHA-256",
        ),
        (("--check=crc32", "--delta", "--lzma2=dict=32KiB"), {"filters": "delta, lzma2"}, "the filters delta, lzma2"),
        (
            ("--check=crc32", "-9"),
            {"dictionary": "67108864 bytes"},
            "a dictionary of 67108864 bytes; the device has 32768",
        ),
        (("--check=crc32", "--lzma2=dict=4KiB", "--block-size=1000"), {"blocks": "5"}, None),
        (("--check=none", "--lzma2=dict=4KiB"), {"check": "none"}, None),
    ],
)
def test_streams_that_devices_refuse_are_decoded_all_the_same(options, facts, fault):
    part = inspect(xz_c(CODE, *options))
    assert facts.items() <= dict(part.facts).items()
    assert [fault in one for one in part.faults] == ([True] if fault else [])
    assert dict(part.parts[0].facts)["md5"] == hashlib.md5(CODE).hexdigest()
    assert part.notes == ("no trailer: not an image yet",)


def test_stream_damaged_inside_and_outside():
    stream = bytearray(xz.compress(CODE))
    stream[1000] ^= 1
    part = inspect(bytes(stream))
    assert "the xz stream is damaged" in part.faults[0]
    assert part.parts == ()
    stream[8] ^= 1
    assert inspect(bytes(stream)).faults == ("the xz stream is damaged: the CRC32 of the stream header is wrong",)
    assert "7 bytes follow the stream" in inspect(xz.compress(CODE) + b"garbage").notes


def test_signed_diff_section_by_section():
    image = diff.build(PATCH, sign=sign)
    part = inspect(image)
    assert part.kind == "diff image"
    (inner,) = part.parts
    assert (inner.kind, inner.faults) == ("diff", ())
    assert dict(inner.facts)["last section"] == "a dummy, so that no power cut matters"
    at = made = 0
    for section in inner.parts:
        header = image[at : at + 48]
        values = [bsdiff_integer(header[i : i + 8]) for i in range(8, 48, 8)]
        fields = marks(section)
        assert [
            int(fields[name].value) for name in ("ctrl_len", "diff_len", "extra_len", "new_size", "crc16")
        ] == values
        assert [fields[name].offset for name in ("magic", "ctrl_len", "new_size", "crc16")] == [
            at,
            at + 8,
            at + 32,
            at + 40,
        ]
        assert section.facts[0][1] == f"{values[3]} bytes at 0x{made:x} of the application"
        for name in ("ctrl", "diff", "extra"):
            assert lzma.decompress(image[fields[name].offset : fields[name].offset + fields[name].size]) is not None
        at += 48 + sum(values[:3])
        made += values[3]
    assert at == len(image)
    assert marks(inner.parts[-1])["covered"].size == 424
    assert "covered" not in marks(inner.parts[0])


def test_diffs_without_trailer_or_dummy_or_with_faults():
    last = diff.parse(PATCH)[-1].offset
    assert "no trailer: for cloud mode, or not signed yet" in inspect(PATCH).notes
    assert dict(inspect(PATCH[:last]).facts)["last section"].startswith("no dummy")
    cut = inspect(PATCH[: last + 60])
    assert len(cut.parts) == len(diff.parse(PATCH)) - 1
    assert cut.faults[0].startswith(f"section at byte {last}: ")
    large = make_section(bytes(0x41000), [(0, 0x41000, 0)], b"", bytes(0x41000))
    assert (
        inspect(large).faults[0].startswith("devices of 3.x do not apply it: section at byte 0: it makes 266240 bytes")
    )
    uncovered = full.build(PATCH, sign=sign)
    assert "bytes follow the last section" in inspect(uncovered).parts[0].faults[0]


def test_pack_with_images_inside_an_image():
    inner = full.build(CODE, sign=None)
    pack = build(
        [
            PackFile("a.js", b"x"),
            PackFile("dir/ota.bin", inner),
            PackFile("s.xz", xz.compress(CODE)),
            PackFile("z", b""),
        ]
    )
    for part, base in ((inspect(pack), 0), (inspect(full.build(pack, sign=sign)).parts[0], 0)):
        assert (part.kind, part.offset, part.size, part.faults) == ("data pack", base, len(pack), ())
        assert [file.name for file in part.parts] == ["a.js", "dir/ota.bin", "s.xz", "z"]
        for file in part.parts:
            fields = marks(file)
            head, size, digest = struct.unpack_from("<II16s", pack, file.offset)
            assert (fields["head_size"].value, fields["file_size"].value) == (str(head), str(size))
            assert pack[fields["name"].offset : file.offset + head] == file.name.encode()
            at = fields["bytes"].offset
            assert hashlib.md5(pack[at : at + size]).digest() == digest == bytes.fromhex(fields["md5_vale"].value)
            assert fields["md5_vale"].ok
        image = part.parts[1].parts[0]
        assert (image.kind, image.size) == ("full image", len(inner))
        assert pack[image.offset : image.offset + image.size] == inner
        crc = marks(image)["image_crc16"]
        assert struct.unpack_from("<H", pack, crc.offset)[0] == binascii.crc_hqx(CODE + b"\xff" * 4, 0)
        assert part.parts[2].parts[0].kind == "xz stream"
        assert [file.parts for file in (part.parts[0], part.parts[3])] == [(), ()]


def test_pack_that_ends_like_padding_without_any():
    pack = build([PackFile("a", b"\xff" * 8)])
    body = full.build(pack, sign=None)[: len(pack)]
    image = body + full.build(pack[:-4], sign=None)[-28:]  # the packer of somebody who adds no padding
    assert inspect(image).parts[0].kind == "data pack"


def test_bad_names_and_digests_are_told_not_refused():
    part = inspect(
        raw_pack(
            [(b"../etc/x", b"1"), (b"\xff\xfe", b"2"), (b"a\x1b[2Jb", b"3"), (b"A", b""), (b"a", b"")], digest=bytes(16)
        )
    )
    told = [file.faults for file in part.parts]
    assert "the part '..'" in told[0][0]
    assert told[1][0] == "the name is not UTF-8"
    assert all(faults[-1] == "md5_vale is not that of the bytes; devices do not check it" for faults in told)
    assert "\x1b" not in marks(part.parts[2])["name"].value
    assert "the same file" in part.faults[0]


def test_image_signed_twice():
    part = inspect(full.build(full.build(CODE, sign=sign), sign=sign))
    assert part.parts[0].kind == "full image"
    assert part.notes == ("its payload is an OTA image already: devices would start that, trailer and all",)


@pytest.mark.parametrize(
    "data, message",
    [
        (b"", "a file of 0 bytes is too short"),
        (bytes(1000), "does not end in an ota_image_info_t"),
        (b"BSDIFF4" + bytes(100), "does not end in"),
        (struct.pack("<HHI", 1, 1, 9) + bytes(99), "does not end in"),
    ],
)
def test_none_of_ours(data, message):
    with pytest.raises(FormatError, match=message):
        inspect(data)


@given(st.binary(max_size=300), st.sampled_from([b"", b"BSDIFF40", b"\xfd7zXZ\0\0\1\x69\x22\xde\x36"]), st.booleans())
def test_any_bytes(data, start, trailer):
    data = start + data
    if trailer:
        data = full.build(data or b"x", sign=None)
    try:
        part = inspect(data)
    except FormatError:
        assert not trailer
        assert not start
    else:
        assert json.loads(json.dumps(part.to_document()))["size"] <= len(data)


# --- bounded work


def parts_of(part):
    return 1 + sum(parts_of(inner) for inner in part.parts)


def test_no_deeper_than_agreed():
    pack = b"innermost"
    for _ in range(12):
        pack = raw_pack([(b"x", pack)])
    part, depth = inspect(pack), 0
    while part.parts:
        part, depth = part.parts[0], depth + 1
    assert depth == 2 * DEPTH_MAX + 1  # a pack and its file at each level
    assert part.notes == (f"the content is not shown: it is {DEPTH_MAX + 1} levels deep",)


def test_no_more_parts_than_agreed():
    pack = raw_pack([(b"%d" % number, b"") for number in range(0xFFFF)])
    part = inspect(pack)
    assert len(part.parts) == PARTS_MAX
    assert part.notes == (f"{0xFFFF - PARTS_MAX} more files are not listed",)
    inner = raw_pack([(b"%d" % number, b"") for number in range(100)])
    assert parts_of(inspect(raw_pack([(b"%d" % number, inner) for number in range(100)]))) <= 2 * PARTS_MAX


def test_no_more_is_decoded_than_agreed():
    bomb = lzma.compress(bytes(DECODED_MAX), lzma.FORMAT_XZ, lzma.CHECK_CRC32, preset=0)
    tracemalloc.start()
    part = inspect(raw_pack([(b"%d" % number, bomb) for number in range(200)]))
    assert tracemalloc.get_traced_memory()[1] < 3 * DECODED_MAX
    tracemalloc.stop()
    decoded = [file.parts[0].parts for file in part.parts]
    assert [len(one) for one in decoded] == [1, 1, 1] + [0] * 197
    assert part.parts[3].parts[0].notes[0].startswith(f"not decoded: {DECODED_MAX} bytes are more than")


def test_more_sections_than_parts():
    empty = lzma.compress(b"", lzma.FORMAT_XZ, lzma.CHECK_CRC32)
    section = b"BSDIFF40" + struct.pack("<5Q", 32, 32, 32, 0x1000, 0) + 3 * empty
    part = inspect(section * (PARTS_MAX + 1))
    assert len(part.parts) == PARTS_MAX
    assert "makes more than the 16777216 bytes" in part.faults[0]


def test_streams_of_very_many_blocks_are_refused():
    flags = b"\0\0"
    head = b"\xfd7zXZ\0" + flags + struct.pack("<I", zlib.crc32(flags))
    block = bytes([2, 0, 0x21, 1, 0, 0, 0, 0])
    block += struct.pack("<I", zlib.crc32(block)) + b"\0\0\0\0"
    with pytest.raises(FormatError, match="more than 65536 blocks"):
        xz.parse(head + block * 65_537)
