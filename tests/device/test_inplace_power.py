"""Power cuts at every operation of an in-place upgrade, and what flash does not allow."""

import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent.parent / "images"))
from nbdiff_reference import firmware, make_section, updated

from aos_ota_plugin.device.inplace import Flash, InPlaceDevice, Power
from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.images.diff import Limits, build, create, parse

pytestmark = pytest.mark.skipif(not shutil.which("xz"), reason="no xz")

LIMITS = Limits(section_size=0x3000)
OLD = firmware(0x6800)
NEW = updated(OLD, edits=6)[:0x6400]
PATCH = create(OLD, NEW, limits=LIMITS)
APPLICATION_SIZE = 0x9000
OTA_SIZE = 0x10000
SECTORS = -(-len(NEW) // 0x1000)


def device(patch=PATCH, old=OLD):
    return InPlaceDevice(old, patch, application_size=APPLICATION_SIZE, ota_size=OTA_SIZE, limits=LIMITS)


def without_dummy(patch):
    return patch[: parse(patch)[-1].offset]


def cuts(patch):
    """How many operations an upgrade has, counted by one that nothing disturbs."""
    undisturbed = device(patch)
    assert undisturbed.boot()
    return undisturbed.power.operations


def test_operations_are_those_of_the_description():
    sections = parse(PATCH)
    # Each sector is erased and written in both partitions; two records a section.
    assert cuts(PATCH) == 4 * (SECTORS + 1) + 2 * len(sections)
    assert len(sections) >= 4


def test_upgrade_without_a_cut():
    one = device()
    assert one.boot()
    assert one.application == (NEW + b"\xff" * (-len(NEW) % 0x1000) + b"\xff" * APPLICATION_SIZE)[:APPLICATION_SIZE]
    assert one.boot()  # nothing left to do


def test_every_cut_is_survived():
    for lasts in range(cuts(PATCH)):
        one = device()
        assert not one.boot(lasts)
        assert one.boot()
        assert one.application[: len(NEW)] == NEW, f"after {lasts} operations"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, cuts(PATCH)), min_size=2, max_size=6))
def test_many_cuts_are_survived(series):
    one = device()
    for lasts in series:
        if one.boot(lasts):
            break
    assert one.boot()
    assert one.application[: len(NEW)] == NEW


def test_without_the_dummy_section_the_last_copy_is_forgotten():
    """The device's fault: it reports success with a half-copied section. The dummy moves it where it does no harm."""
    patch = without_dummy(PATCH)
    last = parse(patch)[-1]
    copies = 2 * -(-last.new_size // 0x1000)
    total = cuts(patch)
    broken = []
    for lasts in range(total):
        one = device(patch)
        assert not one.boot(lasts)
        assert one.boot()  # success is what it reports, always
        if one.application[: len(NEW)] != NEW:
            broken.append(lasts)
    # The copy of the last section is all there is before the last record.
    assert broken
    assert set(broken) <= set(range(total - 1 - copies, total - 1))
    assert broken[0] == total - 1 - copies


def test_signed_diff_is_applied_too():
    image = build(PATCH, sign=lambda digest: digest * 8)
    for lasts in (None, *range(0, cuts(PATCH), 5)):
        one = device(image)
        assert one.boot(lasts) == (lasts is None)
        assert one.boot()
        assert one.application[: len(NEW)] == NEW


def test_wrong_base_stops_at_the_first_section():
    other = updated(OLD, seed=9)
    one = device(old=other)
    with pytest.raises(FormatError, match="section at byte 0: .*another CRC-16"):
        one.boot()
    assert one.application[: len(other)] == other


def test_diff_against_the_old_payload_alone_bricks():
    swapped = [
        make_section(OLD[at : at + 0x1000], [(0, 0, at), (0x1000, 0, 0)], bytes(0x1000), b"") for at in (0x1000, 0)
    ]
    wrong = b"".join(swapped)
    one = device(wrong)
    with pytest.raises(FormatError, match="another CRC-16"):
        one.boot()
    assert one.application[:0x1000] == OLD[0x1000:0x2000]  # overwritten before it was found


def test_limits_are_the_partitions():
    with pytest.raises(FormatError, match=f"the device has room for {OTA_SIZE - 0x3000}"):
        device(PATCH + bytes(OTA_SIZE - 0x3000 - len(PATCH) + 1))
    with pytest.raises(FormatError, match="more than the 28672 bytes of the application's partition"):
        InPlaceDevice(OLD[:0x6000], PATCH, application_size=0x7000, ota_size=OTA_SIZE, limits=LIMITS)
    big = make_section(OLD[:0x3000], [(0x3000, 0, 0)], bytes(0x3000), b"")
    with pytest.raises(FormatError, match="makes 12288 bytes; the device's buffer takes") as caught:
        InPlaceDevice(OLD, big, application_size=0x9000, ota_size=OTA_SIZE, limits=Limits(section_size=0x2000))
    assert caught.value.remedy


@pytest.mark.parametrize(
    "act, message",
    [
        (lambda flash: flash.erase(0x10), "no sector starts at 16"),
        (lambda flash: flash.erase(-0x1000), "no sector starts at -4096"),
        (lambda flash: flash.erase(0x2000), "no sector starts at 8192"),
        (lambda flash: flash.write(0, b"b"), "the flash at 0 is written without being erased"),
        (lambda flash: flash.write(0x1FFF, b"ab"), "2 bytes at 8191 do not lie within one sector"),
        (lambda flash: flash.write(0xFFF, b"ab"), "2 bytes at 4095 do not lie within one sector"),
        (lambda flash: flash.write(5, b""), "0 bytes at 5 do not lie"),
    ],
)
def test_what_flash_does_not_do(act, message):
    flash = Flash(b"a", 0x2000, Power())
    with pytest.raises(FormatError, match=message):
        act(flash)
    assert flash.data == b"a" + b"\xff" * 0x1FFF


@pytest.mark.parametrize(
    "lasts, zeros, erased, written",
    [(0, 0x800, 0x800, 0), (1, 0, 0x800, 0x800), (2, 0, 0x800, 0x800), (3, 0, 0x1000, 0)],
)
def test_a_cut_leaves_an_operation_half_done(lasts, zeros, erased, written):
    power = Power()
    power.lasts = lasts
    flash = Flash(bytes(0x1000), 0x1000, power)
    acts = [lambda: flash.erase(0), lambda: flash.write(0, b"a" * 0x1000), lambda: flash.erase(0)]
    done = 0
    try:
        for act in acts:
            act()
            done += 1
    except Exception as cut:
        assert type(cut).__name__ == "_PowerCut"
    assert done == lasts
    assert [flash.data.count(value) for value in (b"\0", b"\xff", b"a")] == [zeros, erased, written]


def test_flash_is_written_after_erasing():
    flash = Flash(bytes(0x2000), 0x2000, Power())
    flash.erase(0x1000)
    flash.write(0x1000, b"new")
    assert flash.data == bytes(0x1000) + b"new" + b"\xff" * 0xFFD
    for content, size in ((bytes(0x1001), 0x1000), (b"", 0x1800)):
        with pytest.raises(FormatError, match="do not fit a partition"):
            Flash(content, size, Power())
