"""Data packs for a module on the emulated device, beside the acceptance model; and the files that they become."""

from __future__ import annotations

import hashlib
import random
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aos_ota_plugin.device.acceptance import DeviceVerdict
from aos_ota_plugin.lab.simulate import files
from aos_ota_plugin.lab.simulate.cases import module, panel_pack
from aos_ota_plugin.lab.simulate.device import batch, files_after, files_of, judge_case, play
from aos_ota_plugin.lab.simulate.firmware import digestsign
from aos_ota_plugin.lab.simulate.scenarios import SCENARIOS


def raw_pack(entries):
    """A pack of these (name bytes, content), made by hand and unchecked."""
    body = b"".join(
        struct.pack("<II", 24 + len(name), len(data)) + hashlib.md5(data).digest() + name + data
        for name, data in entries
    )
    return struct.pack("<HHI", len(entries), 1, 8 + len(body)) + body


# --- what becomes of the files


@pytest.mark.qemu
@pytest.mark.parametrize("name", ["module", "module-first"])
def test_the_files_are_there_and_others_stay(built, tmp_path, name):
    case = SCENARIOS[name].case(built)
    play(tmp_path, built, case)
    found = files_of(tmp_path, built)
    assert found == files_after(case)
    assert found["/data/panel/layout.json"] == b'{"rows": 4}'
    assert found.get("/data/js/app.bin") == case.files.get("/data/js/app.bin")


@pytest.mark.qemu
@pytest.mark.parametrize("name", [name for name, one in SCENARIOS.items() if name.startswith("module") and one.verdict])
def test_a_refused_pack_changes_no_file(built, tmp_path, name):
    case = SCENARIOS[name].case(built)
    seen = play(tmp_path, built, case)
    assert files_of(tmp_path, built) == case.files, seen.log


@pytest.mark.qemu
def test_the_vendors_agent_lets_a_pack_write_anywhere(built, tmp_path):
    play(tmp_path, built, SCENARIOS["module-traversal-vendor"].case(built))
    assert files_of(tmp_path, built)["/data/js/app.bin"] == b"evil();"


@pytest.mark.qemu
def test_a_module_that_is_one_file_is_kept_as_it_is(built, tmp_path):
    case = module(built, b"x")
    play(tmp_path, built, case._replace(offer=case.offer._replace(module="js")))
    assert files_of(tmp_path, built) == {**case.files, "/data/js/app.bin": b"x", "/.ota/js": b"panel-1.1.0"}


@pytest.mark.qemu
@pytest.mark.parametrize("size", [0x256000, 0x257000])
def test_a_pack_that_the_file_system_has_no_room_for(built, tmp_path, size):
    case = module(built, raw_pack([(b"large", bytes(size))]))
    seen = play(tmp_path, built, case)
    assert seen.verdict == DeviceVerdict.OTA_UPGRADE_WRITE_FAIL
    assert files_of(tmp_path, built) == case.files


@pytest.mark.qemu
def test_more_files_than_the_device_unpacks(built, tmp_path):
    case = module(built, raw_pack([(b"%d" % number, b"") for number in range(1025)]))
    seen = play(tmp_path, built, case)
    assert (seen.verdict, seen.version) == (DeviceVerdict.OTA_UPGRADE_WRITE_FAIL, case.before)


# --- some hundreds of packs, in one start


def verdicts(built, folder, images):
    """Each image offered with a newer version than the last one; the device's verdict beside the model's."""
    case = module(built, panel_pack())
    offers = [
        case.offer._replace(image=image, version=f"panel-2.{number}", digestsign=digestsign(image, built.key))
        for number, image in enumerate(images)
    ]
    return [
        (offer.image, verdict, judge_case(case._replace(offer=offer)))
        for offer, verdict in batch(folder, built, case, offers)
    ]


def damaged(image, rng):
    data = bytearray(image)
    kind = rng.randrange(6)
    if kind == 0:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif kind == 1:
        del data[rng.randrange(1, len(data)) :]
    elif kind == 2:
        data += rng.randbytes(rng.randrange(1, 60))
    elif kind == 3:
        data[rng.choice([0, 1, 4, 5, 6, 7, 8, 9, 11, 12, 13, 15])] ^= 1 << rng.randrange(8)
    elif kind == 4:
        struct.pack_into(
            "<I", data, rng.choice([4, 8, 12]), rng.choice([0, 23, 24, len(data), 0x7FFFFFFF, 0xFFFFFFE8, 0xFFFFFFFF])
        )
    return bytes(data)


@pytest.mark.qemu
def test_device_and_model_agree_on_damaged_packs(built, tmp_path):
    rng = random.Random(20240303)
    images = [
        damaged(
            raw_pack(
                [
                    (b"a/%d.bin" % number, rng.randbytes(rng.choice([0, 1, 300, 3000])))
                    for number in range(rng.randrange(1, 5))
                ]
            ),
            rng,
        )
        for _ in range(300)
    ]
    seen = set()
    for number, (image, verdict, judgement) in enumerate(verdicts(built, tmp_path, [*images, b"x", b"1234567"])):
        assert verdict == judgement.verdict, (number, image[:100], judgement.findings[-1])
        seen.add(verdict)
    assert seen == {DeviceVerdict.OTA_SUCCESS, DeviceVerdict.OTA_UPGRADE_PARAM_FAIL, DeviceVerdict.OTA_VERIFY_MD5_FAIL}


PIECES = [b"a", b"A", b"b.txt", b"B.txt", b"..", b".", b"", b"...", b" a", b"a ", b"x.", b".x", b"con", b"CON.txt", b"con .x", b"cont", b"com1", b"COM0.y",
          b"lpt\xc2\xb2", b"com\xc2\xb4", b"com12", b"nul", b"conin$", b"$", b"a:b", b"a\\b", b"\x01", b"\x7f", b"a*", "字".encode(), "é".encode(),
          b"\xc3", b"\xc0\xaf", b"\xed\xa0\x80", b"\xe0\x80\x80", b"\xf0\x9f\x98\x80", b"\xf4\x90\x80\x80", b"\xff", b"n" * 60, b"\0", b"a\0"]  # fmt: skip


@pytest.mark.qemu
def test_device_and_model_agree_on_names(built, tmp_path):
    rng = random.Random(20240304)
    packs = [[piece] for piece in PIECES] + [[b"n" * 62], [b"n" * 63], [b"n" * 200], [b"a", b"a"], [b"a/b", b"A/b"], [b"a/b", b"A/c"], [b"a", b"A/c"],
                                             [b"a/b", b"a/c"], [b"a/b", b"a/b/c"], [b"ab", b"a/b"], [b"a/b/c", b"a/B/d"]]  # fmt: skip
    plain = [b"a", b"A", b"b", b"B.txt", b"b.txt", "字".encode(), b"a.b"]
    for _ in range(250):
        pieces = plain if rng.randrange(2) else PIECES
        packs.append(
            [
                b"/".join(rng.choice(pieces) for _ in range(rng.choice([1, 1, 2, 3])))
                for _ in range(rng.choice([1, 2, 3]))
            ]
        )
    accepted = 0
    images = [raw_pack([(name, b"x") for name in names]) for names in packs]
    for names, (_, verdict, judgement) in zip(packs, verdicts(built, tmp_path, images)):
        assert verdict == judgement.verdict, (names, judgement.findings[-1])
        accepted += verdict == DeviceVerdict.OTA_SUCCESS
    assert 60 < accepted < len(packs) - 60


# --- the reader of the device's files


PATHS = st.text(st.characters(min_codepoint=33, max_codepoint=0x5000), min_size=1, max_size=20)


@given(st.dictionaries(PATHS, st.binary(max_size=50), max_size=5))
def test_files_are_read_as_they_were_written(contents):
    assert files.read(files.build(contents).ljust(4 * 4096, b"\xff")) == contents


def half(sequence, contents):
    """A half of two sectors, its sequence number changed."""
    data = bytearray(files.build(contents).ljust(2 * 4096, b"\xff"))
    struct.pack_into("<I", data, 4, sequence)
    struct.pack_into("<I", data, 16, zlib.crc32(data[:16]))
    return bytes(data)


def test_the_newer_half_that_is_whole_counts():
    old, new = half(7, {"/a": b"old"}), half(8, {"/a": b"new"})
    assert files.read(old + new) == files.read(new + old) == {"/a": b"new"}
    for place in (0, 5, 12, 17, 4096, 4096 + 10):
        broken = bytearray(new)
        broken[place] ^= 1
        assert files.read(old + bytes(broken)) == files.read(bytes(broken) + old) == {"/a": b"old"}, place
    assert files.read(b"\xff" * 4 * 4096) == {}
