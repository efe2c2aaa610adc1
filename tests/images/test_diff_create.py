"""Diffs that we make: applied by the reference, in place, within the limits, and smaller than the plain way."""

import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbdiff_reference import firmware, reference_apply, updated, xz_c

from aos_ota_plugin.errors import FormatError, ProofError
from aos_ota_plugin.images.diff import Limits, apply, create, parse
from aos_ota_plugin.images.diff import create as create_function
from aos_ota_plugin.images.diff.arithmetic import add, subtract
from aos_ota_plugin.images.diff.container import control_bytes
from aos_ota_plugin.images.diff.create import _unwritten_matches
from aos_ota_plugin.images.diff.cuts import choose_cuts, lost_at
from aos_ota_plugin.images.diff.matches import Match, _triples, matches_of, reversed_matches_of
from aos_ota_plugin.images.diff.path import Problem, estimate_costs, runs_of

pytestmark = pytest.mark.skipif(not shutil.which("xz"), reason="no xz")

SMALL = Limits(section_size=0x4000)
OLD = firmware(50_000)
NEW = updated(OLD)
PATCH = create(OLD, NEW, limits=SMALL)


def flash_of(new):
    return new + b"\xff" * (-len(new) % 0x1000) + b"\xff" * 16


def test_reference_applies_it():
    made, sizes = reference_apply(OLD, PATCH)
    assert made == flash_of(NEW)
    assert apply(OLD, PATCH, limits=SMALL) == NEW
    assert sizes[-1] == 16
    assert len(sizes) > 3
    assert all(size <= 0x4000 and size % 0x1000 == 0 for size in sizes[:-1])


def test_sections_are_made_against_the_flash_as_it_is_by_then():
    """Whoever makes them against the old payload bricks devices; so does who applies them so."""
    assert OLD[:0x5000] != NEW[:0x5000]
    with pytest.raises(AssertionError):
        reference_apply(OLD, PATCH, in_place=False)
    with pytest.raises(FormatError, match="section at byte 0: .*another CRC-16") as caught:
        apply(NEW, PATCH)
    assert "exactly the payload" in caught.value.remedy
    changed = bytearray(OLD)
    changed[0x9000:0x9400] = bytes(0x400)  # a device that runs almost this release
    with pytest.raises(FormatError, match="another CRC-16"):
        apply(changed, PATCH)


def test_a_diff_made_against_the_old_payload_alone_fails_in_its_second_section():
    import bsdiff4.core
    from nbdiff_reference import make_section

    wrong = b""
    new = b"inserted" * 40 + OLD[:0x7000]
    for at in range(0, len(new), 0x4000):
        part = new[at : at + 0x4000]
        control, diff, extra = bsdiff4.core.diff(OLD, part)
        wrong += make_section(part, list(_triples(control)), diff, extra)
    second = parse(wrong)[1].offset
    with pytest.raises(FormatError, match=f"section at byte {second}: .*another CRC-16"):
        apply(OLD, wrong)


@pytest.mark.parametrize(
    "old, new",
    [
        (b"a", b"b"),
        (b"a", OLD[:5000]),
        (OLD, b"b"),
        (OLD, OLD),
        (OLD, OLD[:0x4000]),
        (OLD, OLD[:0x3FFF] + b"\xff" * 5),  # its own end looks like padding
        (OLD, b"\xff" * 16),
        (OLD[:0x4000], OLD),
        (OLD, OLD[0x6000:] + OLD[:0x6000]),  # the second half comes from what is gone
        (bytes(40_000), OLD[:20_000]),
        (OLD, bytes(40_000)),
    ],
    ids=range(11),
)
def test_odd_payloads(old, new):
    patch = create(old, new, limits=SMALL)
    assert reference_apply(old, patch)[0] == flash_of(new)
    assert apply(old, patch) == new


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 20_000), st.integers(0, 30))
def test_round_trip(seed, size, edits):
    old = firmware(size, seed)
    new = updated(old, seed + 1, edits) or b"x"
    patch = create(old, new, limits=SMALL)
    assert apply(old, patch) == new
    assert create(bytearray(old), memoryview(new), limits=SMALL) == patch


@settings(max_examples=12, deadline=None)
@given(st.binary(min_size=1, max_size=300), st.binary(min_size=1, max_size=9000))
def test_round_trip_of_anything(old, new):
    assert apply(old, create(old, new, limits=SMALL)) == new


def test_streams_are_what_devices_decode():
    for section in parse(PATCH, limits=Limits(section_size=0x4000)):
        assert section.dict_size <= 16384
    esp = Limits(section_size=0x4000, dict_size=4096)
    patch = create(OLD, NEW, limits=esp)
    assert {section.dict_size for section in parse(patch, limits=esp)} == {4096}
    assert reference_apply(OLD, patch)[0] == flash_of(NEW)


def test_smaller_than_the_plain_way():
    import bsdiff4.core

    old = firmware(300_000, 7)
    new = updated(old, 8, 150)
    plain = 0
    for at in range(0, len(new), 0x40000):
        control, diff, extra = bsdiff4.core.diff(new[:at] + old[at:], new[at : at + 0x40000])
        plain += 48 + sum(len(xz_c(data)) for data in (control_bytes(_triples(control)), diff, extra))
    assert len(create(old, new)) <= 0.98 * plain


def test_payloads_that_do_not_fit():
    for old, new, message in ((b"", b"a", "the old payload is empty"), (b"a", b"", "the new payload is empty")):
        with pytest.raises(FormatError, match=message):
            create(old, new)
    create(OLD, OLD[:0x2001], limits=Limits(flash_size=0xD000))
    with pytest.raises(FormatError, match="one more sector do not fit the 16384 bytes"):
        create(OLD[:100], OLD[:0x3001], limits=Limits(flash_size=0x4000))
    with pytest.raises(FormatError, match="the device has room for 100"):
        create(OLD, NEW, limits=Limits(file_size=100))


def test_a_diff_that_does_not_make_the_payload_is_not_returned(monkeypatch):
    import sys

    module = sys.modules[create_function.__module__]
    monkeypatch.setattr(module, "apply", lambda *args, **more: NEW[:-1])
    with pytest.raises(ProofError, match="does not make the new payload"):
        create(OLD, NEW)


def test_progress():
    told = []
    assert create(OLD, NEW, limits=SMALL, progress=lambda done, steps: told.append((done, steps))) == PATCH
    assert told == [(done, told[-1][1]) for done in range(1, told[-1][1] + 1)]
    told = []
    apply(OLD, PATCH, progress=lambda done, steps: told.append((done, steps)))
    assert told == [(done, told[-1][1]) for done in range(1, len(parse(PATCH)) + 1)]


@given(st.data(), st.integers(0, 200))
def test_arithmetic(data, size):
    left, right = (data.draw(st.binary(min_size=size, max_size=size)) for _ in "lr")
    assert add(left, right) == bytes((a + b) & 255 for a, b in zip(left, right))
    assert subtract(left, right) == bytes((a - b) & 255 for a, b in zip(left, right))


def test_both_shapes_of_bsdiff4s_control():
    from nbdiff_reference import integer

    rows = [(3, 4, -5), (0, 0, 2**62)]
    assert list(_triples(rows)) == list(_triples(b"".join(integer(one) for row in rows for one in row))) == rows


@pytest.mark.parametrize("search", [matches_of, reversed_matches_of])
def test_matches_are_where_they_say(search):
    found = search(OLD, NEW)
    assert sum(match.end - match.start for match in found) > 40_000
    for start, end, shift in found:
        assert subtract(NEW[start:end], OLD[start + shift : end + shift]).count(0) * 2 >= end - start


@given(st.lists(st.tuples(st.integers(0, 40_000), st.integers(1, 9000), st.integers(0, 50_000)), max_size=6))
def test_bytes_lost_at_a_cut(rows):
    matches = [Match(start, start + size, at - start) for start, size, at in rows]
    size = 50_000
    expected = [
        sum(max(0, min(end, cut - shift) - max(start, cut)) for start, end, shift in matches)
        for cut in range(0, size + 0x1000 - 1, 0x1000)
    ]
    assert lost_at(matches, size)[: len(expected)] == expected[: len(lost_at(matches, size))]


def test_old_matches_count_as_far_as_they_are_not_overwritten():
    whole = [Match(0, 0x1800, 0), Match(0x1800, 0x4000, -0x600)]
    # In the section [0x2000, 0x4000), old bytes from 0x2000 on are left: they make the new ones from 0x2600 on.
    assert _unwritten_matches(whole, 0x2000, 0x4000) == [Match(0x600, 0x2000, 0x1A00)]
    assert _unwritten_matches(whole, 0, 0x2000) == [Match(0, 0x1800, 0), Match(0x1800, 0x2000, -0x600)]


def test_cuts_avoid_what_an_insertion_costs():
    # 0x1800 bytes are inserted at 0x5000: cuts behind it lose as many, cuts before it none.
    matches = [Match(0, 0x5000, 0), Match(0x6800, 0x9000, -0x1800)]
    assert choose_cuts(matches, 0x9000, 0x8000) == [0, 0x1000]
    assert choose_cuts(matches, 0x9000, 0x9000) == [0]
    assert choose_cuts([], 0x9001, 0x4000) == [0, 0x2000, 0x6000]


def test_the_way_found_costs_no_more_than_the_greedy_one():
    greedy = matches_of(OLD, NEW)
    problem = Problem(OLD, NEW, sorted(greedy))
    streams = problem.streams(runs_of(greedy, len(NEW)))
    runs = problem.cheapest(estimate_costs(streams))
    assert [run.start for run in runs] == [0, *(run.end for run in runs[:-1])]
    assert runs[-1].end == len(NEW)
    found = problem.streams(runs)
    assert len(found.triples) <= len(streams.triples)
