"""Upgrades of every kind without trouble, upgrades that are refused, and how much memory they take."""

import pytest
from boot_device import ARENA_DIFF, ARENA_XZ, CODES, DIFF, FULL, XZ, Layout
from hypothesis import given, settings
from hypothesis import strategies as st
from material import LAYOUT, LIMITS, NAMES, NEW, OLD, PATCH, STREAM, UPGRADES, padded, prepare, starts_new, starts_old
from nbdiff_reference import firmware, make_section, reference_apply, updated, xz_c

from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.images import xz
from aos_ota_plugin.images.diff import Limits, apply, create

pytestmark = pytest.mark.native


@pytest.mark.parametrize("name", NAMES)
def test_upgrade(device, name):
    upgrade = UPGRADES[name]
    prepare(device, upgrade)
    answer = device.run()
    assert starts_new(device, upgrade, answer.code), answer.log
    state = device.state()
    assert (state.trial, state.boot_count, state.rollback, state.result) == (1, 1, int(upgrade.target == 1), 0)
    assert (state.upg_flag, state.patch_status, state.patch_off, state.new_off) == (0, 0, 0, 0)
    assert (state.ver, state.old_ver) == ("vvv", "")
    assert device.confirm().code == 0
    again = device.run()
    assert (again.code, again.operations) == (answer.code, 0)


def test_nothing_to_do(device):
    device.flash(LAYOUT, [OLD])
    answer = device.run()
    assert (answer.code, answer.operations, answer.peak) == (0, 0, 0)
    assert device.state()[:3] == (0, 0, 0)


@pytest.mark.parametrize("first", NAMES)
@pytest.mark.parametrize("second", ["full", "xz", "xz behind", "diff"])
def test_one_upgrade_after_another(device, first, second):
    """From whichever bank: after a switch, bank A is the OTA partition."""
    prepare(device, UPGRADES[first])
    bank = device.run().code
    assert device.confirm().code == 0
    base = device.bank(bank)[: len(padded(NEW)) if "diff" in first else len(NEW)]
    newest = updated(NEW, seed=7)[:0x6000]
    other = 1 - bank
    device.put(device.layout.banks[other], b"\xff" * device.layout.bank_size)
    kind, off = UPGRADES[second].kind, UPGRADES[second].off
    file = {FULL: newest, XZ: xz.compress(newest), DIFF: b""}[kind] or create(base, newest, limits=LIMITS)
    assert device.request(kind, file, off=off, bank=other, ver=5).code == 0
    started = device.run().code
    assert started == (other if kind == FULL or off else bank)
    assert device.bank(started)[: len(newest)] == newest
    assert (device.state().ver, device.state().old_ver) == ("vvvvv", "vvv")


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1 << 30), edits=st.integers(0, 40), size=st.integers(1, 0x5000), shorter=st.integers(0, 0x2000),
       noise=st.binary(max_size=300))  # fmt: skip
def test_any_pair(device, seed, edits, size, shorter, noise):
    old = firmware(size, seed=seed)
    new = (noise + b"new" + updated(old, seed=seed, edits=edits))[: max(1, size + 500 - shorter)]
    patch = create(old, new, limits=LIMITS)
    device.flash(LAYOUT, [old])
    assert device.request(DIFF, patch).code == 0
    answer = device.run()
    made = reference_apply(old, patch)[0]
    assert answer.code == 0, answer.log
    assert device.bank(0)[: len(made)] == made
    assert made[: len(new)] == new


@settings(max_examples=40, deadline=None)
@given(chunks=st.lists(st.tuples(st.integers(-0x1800, 0x1800), st.integers(0, 900), st.binary(max_size=200)), min_size=1,
                       max_size=8))  # fmt: skip
def test_any_triples(device, chunks):
    """Patches that no bsdiff makes: seeks to anywhere, also out of the bank; C and Python agree on all of them."""
    at, made, triples, diff, extra = 0x1000, b"", [(0, 0, 0x1000)], b"", b""
    flash = OLD + b"\xff" * (LAYOUT.bank_size - len(OLD))
    for seek, add, copied in chunks:
        diff += bytes([add & 0xFF]) * add
        extra += copied
        made += bytes((add + byte) & 0xFF for byte in flash[max(at, 0) : max(at, 0) + add]) + copied
        triples.append((add, len(copied), seek))
        at += add + seek
    if not made:
        return
    patch = make_section(made, triples, diff, extra)
    try:
        expected = apply(flash, patch, limits=LIMITS)
    except FormatError:
        expected = None
    device.flash(LAYOUT, [OLD])
    assert device.request(DIFF, patch).code == 0
    assert device.run().code == 0
    if expected is None:
        assert device.state().result < 0
        assert starts_old(device, 0)
    else:
        assert device.state().result == 0
        assert device.bank(0)[: len(made)] == made


def test_real_size(device):
    """HaaS100's journal of 0x40000 bytes, sections of that size, a few hundred KiB of firmware."""
    layout = Layout(0x100000, 0x40000)
    limits = Limits(file_size=layout.bank_size - layout.journal_size, flash_size=layout.bank_size)
    old = firmware(0x60000)
    new = updated(old, edits=30)[:0x5F123]
    for kind, file in ((DIFF, create(old, new, limits=limits)), (XZ, xz.compress(new))):
        device.flash(layout, [old], arena=ARENA_DIFF if kind == DIFF else ARENA_XZ)
        assert device.request(kind, file).code == 0
        answer = device.run()
        assert answer.code == 0, answer.log
        assert device.bank(0)[: len(new)] == new


# --- memory


@pytest.mark.parametrize(
    "name, limit, at_most",
    [("full", 0, 0), ("xz", ARENA_XZ, 68 * 1024), ("xz behind", ARENA_XZ, 68 * 1024), ("diff", ARENA_DIFF, 140 * 1024)],
)
def test_peak_of_the_arena(device, name, limit, at_most, record_property):
    """The sum of everything that an upgrade takes; what the header states is enough."""
    prepare(device, UPGRADES[name])
    device.arena(limit)
    answer = device.run()
    assert starts_new(device, UPGRADES[name], answer.code)
    print(f"{name}: peak {answer.peak} bytes of an arena of {limit}")
    record_property("peak", answer.peak)
    assert answer.peak <= min(limit, at_most)
    if answer.peak:
        device.load()
        device.arena(answer.peak)
        assert starts_new(device, UPGRADES[name], device.run().code)
        device.load()
        device.arena(answer.peak - 1)
        assert starts_old(device, device.run().code)
        assert device.state().result == CODES["OTA_NB_MEMORY_FAIL" if name == "diff" else "OTA_XZ_MEM_FAIL"]


# --- refused


def refused(device, kind, file, name, *, crc=None, off=0, old=OLD):
    """The device starts the old version, untouched, and says why; once, not at every start."""
    device.flash(LAYOUT, [old])
    assert device.request(kind, file, crc=crc, off=off).code == 0
    answer = device.run()
    assert starts_old(device, answer.code, old), answer.log
    state = device.state()
    assert (state.result, state.upg_flag, state.trial) == (CODES[name], 0, 0), answer.log
    assert f"upgrade ends with {CODES[name]}" in answer.log
    assert device.run().operations == 0


@pytest.mark.parametrize("kind, file, name", [
    (FULL, NEW, "OTA_IMAGE_CRC_FAIL"),
    (XZ, STREAM, "OTA_XZ_CRC_FAIL"),
    (DIFF, PATCH, "OTA_NB_CRC_COMP_FAIL"),
])  # fmt: skip
def test_file_that_is_not_the_one_that_was_checked(device, kind, file, name):
    refused(device, kind, file, name, crc=0x1234)


@pytest.mark.parametrize("file, name", [
    (STREAM[: len(STREAM) // 2], "OTA_XZ_VERIFY_FAIL"),
    (STREAM[:3000] + b"\0" + STREAM[3001:], "OTA_XZ_VERIFY_FAIL"),
    (NEW[:1000], "OTA_XZ_VERIFY_FAIL"),
    (xz_c(NEW, "--check=crc64", "--lzma2=dict=32KiB"), "OTA_XZ_VERIFY_FAIL"),
    (xz_c(NEW, "--check=crc32", "--armthumb", "--lzma2=dict=32KiB"), "OTA_XZ_VERIFY_FAIL"),
    (xz_c(NEW, "--check=crc32", "--lzma2=dict=64KiB"), "OTA_XZ_MEM_FAIL"),
    (xz_c(bytes(LAYOUT.bank_size + 1), "--check=crc32", "--lzma2=dict=32KiB"), "OTA_XZ_PARAM_FAIL"),
    (xz_c(b"", "--check=crc32", "--lzma2=dict=32KiB"), "OTA_XZ_PARAM_FAIL"),
], ids=["cut short", "changed", "no xz", "crc64", "bcj", "dictionary", "too large", "empty"])  # fmt: skip
def test_xz_images_that_are_refused(device, file, name):
    refused(device, XZ, file, name)


def test_xz_image_that_just_fits(device):
    device.flash(LAYOUT, [OLD])
    image = firmware(LAYOUT.bank_size)
    assert device.request(XZ, xz.compress(image)).code == 0
    assert device.run().code == 0
    assert device.bank(0) == image


@pytest.mark.parametrize("off, target", [(0x6000, 0), (0x6FFF, 0), (0x7000, 1), (0x7001, 1)])
def test_xz_image_is_never_unpacked_over_itself(device, off, target):
    """The unpacked image takes seven sectors: it goes before the file where those are free."""
    assert 0x6000 < len(NEW) <= 0x7000
    device.flash(LAYOUT, [OLD])
    assert device.request(XZ, xz.compress(NEW), off=off).code == 0
    assert device.run().code == target
    assert device.bank(target)[: len(NEW)] == NEW
    assert device.state().rollback == target


def section(**changes):
    settings = {"new": NEW[:0x2000], "triples": [(0, 0x2000, 0)], "diff": b"", "extra": NEW[:0x2000], **changes}
    return make_section(
        settings.pop("new"), settings.pop("triples"), settings.pop("diff"), settings.pop("extra"), **settings
    )


GOOD = section()


@pytest.mark.parametrize("file, name", [
    (b"BSDIFF41" + GOOD[8:], "OTA_NB_HEADER_FAIL"),
    (GOOD[:47], "OTA_NB_HEADER_FAIL"),
    (GOOD[:-1], "OTA_NB_HEADER_FAIL"),
    (GOOD + b"\xff" * 48, "OTA_NB_HEADER_FAIL"),
    (section(size=0), "OTA_NB_HEADER_FAIL"),
    (section(size=-5), "OTA_NB_HEADER_FAIL"),
    (section(crc=0x10000), "OTA_NB_HEADER_FAIL"),
    (section(extra_length=-1), "OTA_NB_HEADER_FAIL"),
    (section(extra_length=1 << 62), "OTA_NB_HEADER_FAIL"),
    (section(size=0x1FFF) + GOOD, "OTA_NB_READ_CTRL_FAIL"),
    (section(new=NEW[:0x1001], triples=[(0, 0x1001, 0)], extra=NEW[:0x1001]) + GOOD, "OTA_NB_HEADER_FAIL"),
    (section(new=OLD[:0x3001], triples=[(0x3001, 0, 0)], diff=bytes(0x3001), extra=b""), "OTA_NB_MEMORY_FAIL"),
    (section(triples=[]), "OTA_NB_READ_CTRL_FAIL"),
    (section(triples=[(0, 0x1000, 0)]), "OTA_NB_READ_CTRL_FAIL"),
    (section(triples=[(0, -1, 0), (0, 0x2000, 0)]), "OTA_NB_READ_CTRL_FAIL"),
    (section(triples=[(0, 0x2001, 0)]), "OTA_NB_READ_CTRL_FAIL"),
    (section(triples=[(1 << 62, 1 << 62, 0)]), "OTA_NB_READ_CTRL_FAIL"),
    (section(triples=[(0, 0x2000, 0)] + [(0, 0, 0)] * 0x2002), "OTA_NB_READ_CTRL_FAIL"),
    (section(triples=[(0, 0, -1), (0x2000, 0, 0)], diff=bytes(0x2000)), "OTA_NB_READ_OLD_FAIL"),
    (section(triples=[(0, 0, 1 << 62), (0x2000, 0, 0)], diff=bytes(0x2000)), "OTA_NB_READ_OLD_FAIL"),
    (section(triples=[(0, 0, LAYOUT.bank_size - 0x1FFF), (0x2000, 0, 0)], diff=bytes(0x2000)), "OTA_NB_READ_OLD_FAIL"),
    (section(triples=[(0x2000, 0, 0)], diff=bytes(0x1FFF)), "OTA_NB_READ_DIFF_FAIL"),
    (section(diff=bytes(0x2001)), "OTA_NB_READ_DIFF_FAIL"),
    (section(extra=NEW[:0x1FFF]), "OTA_NB_READ_EXTRA_FAIL"),
    (section(extra=NEW[:0x2001]), "OTA_NB_READ_EXTRA_FAIL"),
    (section(crc=0x1234), "OTA_NB_CRC_COMP_FAIL"),
    (section(compress=lambda data: xz_c(data, "--check=crc64", "--lzma2=dict=16KiB")), "OTA_NB_READ_CTRL_FAIL"),
    (section(compress=lambda data: xz_c(data, "--check=crc32", "--lzma2=dict=32KiB")), "OTA_NB_READ_CTRL_FAIL"),
    (section(compress=lambda data: xz_c(data) + bytes(4 * (len(data) == 24))), "OTA_NB_READ_CTRL_FAIL"),
    (section(compress=lambda data: xz_c(data) + bytes(4 * (data == b""))), "OTA_NB_READ_DIFF_FAIL"),
    (section(new=OLD[:0x3000], triples=[(0x3000, 0, 0)], diff=bytes(0x3000), extra=b"") * 5, "OTA_NB_WRITE_DATA_FAIL"),
])  # fmt: skip
def test_diffs_that_are_refused(device, file, name):
    refused(device, DIFF, file, name)
    with pytest.raises(FormatError):
        apply(OLD + b"\xff" * (LAYOUT.bank_size - len(OLD)), file, limits=LIMITS)


def test_damage_in_the_last_section_is_found_before_the_first_is_written(device):
    bad = PATCH[:-90] + bytes([PATCH[-90] ^ 1]) + PATCH[-89:]
    device.flash(LAYOUT, [OLD])
    assert device.request(DIFF, bad).code == 0
    assert starts_old(device, device.run().code)
    assert device.state().result in {
        CODES["OTA_NB_READ_DIFF_FAIL"],
        CODES["OTA_NB_READ_EXTRA_FAIL"],
        CODES["OTA_NB_READ_CTRL_FAIL"],
    }


def test_wrong_base_is_refused(device):
    refused(device, DIFF, PATCH, "OTA_NB_CRC_COMP_FAIL", old=updated(OLD, seed=9))


def test_base_that_differs_further_on_is_found_too_late(device):
    """A limit of the format, which says nothing about the base: the header tells. Nothing half done is started."""
    other = bytearray(OLD)
    other[0x5000:0x5800] = bytes(0x800)
    device.flash(LAYOUT, [bytes(other)])
    assert device.request(DIFF, PATCH).code == 0
    for _ in range(5):
        answer = device.run()
        assert answer.code == CODES["OTA_NB_CRC_COMP_FAIL"]
    assert device.state().new_off > 0
    assert device.bank(0)[:0x1000] == NEW[:0x1000]
    assert device.request(FULL, NEW).code == CODES["OTA_BOOT_REQUEST_FAIL"]


# --- requests


@pytest.mark.parametrize("kind, size, off, ver, name", [
    (0x1234, 100, 0, 3, "OTA_BOOT_REQUEST_FAIL"),
    (0, 100, 0, 3, "OTA_BOOT_REQUEST_FAIL"),
    (FULL, 100, 0, 64, "OTA_BOOT_REQUEST_FAIL"),
    (FULL, 0, 0, 3, "OTA_IMAGE_COPY_FAIL"),
    (FULL, 100, 1, 3, "OTA_IMAGE_COPY_FAIL"),
    (FULL, 0xC001, 0, 3, "OTA_IMAGE_COPY_FAIL"),
    (XZ, 0xC001, 0, 3, "OTA_XZ_PARAM_FAIL"),
    (XZ, 100, 0xC000 - 99, 3, "OTA_XZ_PARAM_FAIL"),
    (XZ, 100, 0xFFFFFFFF, 3, "OTA_XZ_PARAM_FAIL"),
    (DIFF, 0x9001, 0, 3, "OTA_NB_INVALID_PARAM"),
    (DIFF, 100, 0x9000 - 99, 3, "OTA_NB_INVALID_PARAM"),
])  # fmt: skip
def test_requests_that_are_refused(device, kind, size, off, ver, name):
    device.flash(LAYOUT, [OLD])
    answer = device.request(kind, bytes(size), off=off, ver=ver, put=False)
    assert (answer.code, answer.operations) == (CODES[name], 0)
    assert device.run().code == 0
    assert device.state().upg_flag == 0


def test_longest_file_and_version(device):
    device.flash(LAYOUT, [OLD])
    assert device.request(DIFF, bytes(0x9000), ver=63, put=False).code == 0
    assert device.request(XZ, bytes(0xC000), ver=63, put=False).code == 0
    assert device.request(FULL, NEW, ver=63).code == 0  # in place of those before
    assert device.run().code == 1
    assert device.state().ver == "v" * 63


def test_crc_for_a_request(device):
    device.flash(LAYOUT, [OLD, b"123456789"])
    assert device.crc(0, 9) == (0, 0x31C3)  # the check value of CRC-16/XMODEM
    assert device.crc(1, 0) == (0, 0)
    assert device.crc(0xC000, 0) == (0, 0)
    assert device.crc(0xC000, 1)[0] == device.crc(1, 0xC000)[0] == CODES["OTA_BOOT_PARAM_FAIL"]


@pytest.mark.parametrize("words", [
    (0x2001, 0x10000, 0xC000, 0x20000, 0x21000, 0x3000),
    (0x2000, 0x2000, 0xC000, 0x20000, 0x21000, 0x3000),
    (0x2000, 0x10000, 0, 0x20000, 0x21000, 0),
    (0x2000, 0x10000, 0xC000, 0x20000, 0x20000, 0x3000),
    (0x2000, 0x10000, 0xC000, 0x20000, 0x21000, 0xD000),
])  # fmt: skip
def test_layouts_that_are_none(device, words):
    device.flash(LAYOUT, [OLD])
    device._say("layout", *words)
    for answer in (device.run(), device.confirm(), device.request(FULL, NEW, put=False)):
        assert (answer.code, answer.operations) == (CODES["OTA_BOOT_PARAM_FAIL"], 0)
