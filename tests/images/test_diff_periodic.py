"""Long runs of a short period, which the search for matches leaves out."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aos_ota_plugin.images.diff import apply
from aos_ota_plugin.images.diff.create import create
from aos_ota_plugin.images.diff.matches import matches_of, reversed_matches_of, stretch
from aos_ota_plugin.images.diff.periodic import PERIOD_MAX, RUN_MIN, condense, long_runs

CHANCE = random.Random(5)
CODE = CHANCE.randbytes(20_000)
PIECES = st.one_of(
    st.builds(lambda at, size: CODE[at : at + size], st.integers(0, 15_000), st.integers(1, 3000)),
    st.builds(
        lambda unit, size: (unit * size)[:size], st.binary(min_size=1, max_size=PERIOD_MAX), st.integers(1, 4 * RUN_MIN)
    ),
)
DATA = st.lists(PIECES, min_size=1, max_size=6).map(b"".join)


@pytest.mark.parametrize("unit", [b"\0", b"\xff", b"ab", b"abcdefg", CODE[:64]])
def test_a_run_is_seen_whole(unit):
    run = (unit * 9000)[:9000]
    data = CODE[:3001] + run + CODE[4000:6000]
    [(start, end)] = long_runs(data)
    assert start <= 3001 < 12001 <= end
    assert end - start < 9000 + 2 * len(unit)
    condensed = condense(data)
    assert len(condensed.data) < len(data) - 8000
    assert condensed.segments[0].full == 0


@pytest.mark.parametrize("data", [b"", b"\0" * (RUN_MIN - 1), CODE, (CODE[:65] * 200)])
def test_what_is_searched_whole(data):
    assert long_runs(data) == []
    assert condense(data).data == data


@given(DATA)
def test_segments_are_the_data(data):
    condensed = condense(data)
    ends = [*(segment.short for segment in condensed.segments[1:]), len(condensed.data)]
    reached = 0
    for segment, end in zip(condensed.segments, ends):
        assert segment.full >= reached
        size = end - segment.short
        assert condensed.data[segment.short : end] == data[segment.full : segment.full + size]
        reached = segment.full + size
    assert reached == len(data)


@given(DATA, DATA, DATA)
def test_matches_lie_within_both_and_in_order(before, shared, after):
    base, new = before + shared + after, after + shared + before
    for find in (matches_of, reversed_matches_of):
        matches = find(base, new)
        places = sorted(matches)
        assert all(one.end <= other.start for one, other in zip(places, places[1:]))
        for start, end, shift in matches:
            assert 0 <= start < end <= len(new)
            assert 0 <= start + shift <= end + shift <= len(base)


@pytest.mark.parametrize("unit", [b"\xff", b"abcdefg", b"\x12\x34"], ids=repr)
def test_a_diff_of_a_solid_payload_is_small(unit):
    """Without leaving runs out, this takes minutes."""
    old = (unit * 1_500_000)[:1_500_000]
    new = bytearray(old[3:] + b"xyz")
    new[700_000] ^= 1
    patch = create(old, bytes(new))
    assert apply(old, patch) == new
    assert len(patch) < 8000


@pytest.mark.parametrize("values", [(0, 255), tuple(b"ACGT")])
def test_data_of_few_values_is_not_stretched_without_bound(values):
    """Half of the bytes are alike wherever a match is tried: matches grew to hundreds of times the payload."""
    chance = random.Random(3)
    base, new = (bytes(chance.choices(values, k=12_000)) for _ in range(2))
    found = stretch(matches_of(base, new), base, new, patience=64, neighbours=3)
    assert sum(match.end - match.start for match in found) < 8 * len(new)
    patch = create(base, new)
    assert apply(base, patch) == new
    assert len(patch) < len(new)
