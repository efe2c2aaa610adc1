"""Matches between the new payload and the base, by bsdiff4's C core, then extended to both sides.

bsdiff takes the first good match, front to back, and keeps to it. The search over the reversed bytes gives other
matches, and near a match the neighbours' shifts often fit as well. `path` chooses from all of them together.
"""

from __future__ import annotations

import re
import struct
from typing import Dict, Iterable, Iterator, List, NamedTuple

from aos_ota_plugin.images.diff.arithmetic import subtract
from aos_ota_plugin.images.diff.container import Triple
from aos_ota_plugin.images.diff.periodic import Condensed, condense

_PROBE = 32  # bytes compared before a neighbour's shift is followed
_PROBE_EQUAL = 10  # of them; unrelated code has about 3 in common
_CHUNK = 1024
_STRETCHED_MAX = 4
"""Bytes of all stretched matches together, for each new byte; of firmware they are less than 3."""

_DIFFERENT = re.compile(rb"[^\0]+")


class Match(NamedTuple):
    """New bytes [start, end) that are `shift` bytes further on in the base, some of them changed."""

    start: int
    end: int
    shift: int


def matches_of(base: bytes, new: bytes) -> List[Match]:
    """Return the matches of bsdiff's greedy search, in order and without overlap."""
    from bsdiff4 import core  # type: ignore[import-untyped]

    if not base or not new:
        return []
    short_base, short_new = condense(base), condense(new)
    matches: List[Match] = []
    start = at = 0
    for triple in _triples(core.diff(short_base.data, short_new.data)[0]):
        if triple.add:
            matches += _in_full(Match(start, start + triple.add, at - start), short_base, short_new)
        start += triple.add + triple.copy
        at += triple.add + triple.seek
    return matches


def _in_full(match: Match, base: Condensed, new: Condensed) -> Iterator[Match]:
    """Yield the parts of a match of condensed data, each within one segment on both sides.

    Their places are those in the data itself.
    """
    at = match.start
    while at < match.end:
        new_index, base_index = new.index_at(at), base.index_at(at + match.shift)
        new_segment, base_segment = new.segments[new_index], base.segments[base_index]
        ends = [match.end, *new.starts[new_index + 1 : new_index + 2]]
        ends += [start - match.shift for start in base.starts[base_index + 1 : base_index + 2]]
        end = min(ends)
        start = at - new_segment.short + new_segment.full
        yield Match(start, start + end - at, at + match.shift - base_segment.short + base_segment.full - start)
        at = end


def reversed_matches_of(base: bytes, new: bytes) -> List[Match]:
    """Return the matches of the same search from back to front."""
    end, base_end = len(new), len(base)
    return [
        Match(end - match.end, end - match.start, base_end - end - match.shift)
        for match in matches_of(base[::-1], new[::-1])
    ]


def stretch(matches: Iterable[Match], base: bytes, new: bytes, *, patience: int, neighbours: int) -> List[Match]:
    """Return the matches, with fitting shifts of neighbours, extended as far as they resemble the base.

    A match is extended until it has lost `patience` bytes more than it won. The shifts of `neighbours` matches to each
    side are tried. The results overlap; `path` chooses the best for each byte. Matches of one shift are joined. Where
    all bytes resemble one another, as in data of two values, this ends at `_STRETCHED_MAX`: matches behind stay as they
    are.
    """
    ordered = sorted(set(matches))
    seeds = set(ordered)
    for index, match in enumerate(ordered):
        nearby = {neighbour.shift for neighbour in ordered[max(0, index - neighbours) : index + neighbours + 1]}
        for at in (match.start, match.end):
            seeds.update(Match(at, at, shift) for shift in nearby - {match.shift} if _fits(base, new, at, shift))
    by_shift: Dict[int, List[Match]] = {}
    room = _STRETCHED_MAX * len(new)
    for match in sorted(seeds):
        of_shift = by_shift.setdefault(match.shift, [])
        reached = of_shift[-1].end if of_shift else -1
        if match.end <= reached:
            continue
        if room <= 0:
            of_shift.append(match)
            continue
        start = reached if match.start < reached else _backward(base, new, match, patience)
        if start <= reached:
            start = of_shift.pop().start
        of_shift.append(Match(start, _forward(base, new, match, patience), match.shift))
        room -= of_shift[-1].end - start
    return sorted(match for of_shift in by_shift.values() for match in of_shift if match.start < match.end)


def _triples(control: object) -> Iterator[Triple]:
    """Yield the triples of bsdiff4's control: an encoded stream since 1.3, a list of tuples before."""
    if not isinstance(control, (bytes, bytearray)):
        yield from (Triple(*numbers) for numbers in control)  # type: ignore[attr-defined]
        return
    top = 1 << 63
    for numbers in struct.iter_unpack("<3Q", control):
        yield Triple(*(top - number if number & top else number for number in numbers))


def _fits(base: bytes, new: bytes, at: int, shift: int) -> bool:
    """Return whether the bytes around `at` resemble those of the base, behind it or before it."""
    for start, end in ((at, min(at + _PROBE, len(new))), (max(0, at - _PROBE), at)):
        if start + shift < 0 or end + shift > len(base) or end - start < _PROBE_EQUAL:
            continue
        if subtract(new[start:end], base[start + shift : end + shift]).count(0) >= _PROBE_EQUAL:
            return True
    return False


def _forward(base: bytes, new: bytes, match: Match, patience: int) -> int:
    """Return the end of `match` extended as far as it resembles the base."""
    limit = min(len(new), len(base) - match.shift)
    pieces = (
        subtract(new[at : min(at + _CHUNK, limit)], base[at + match.shift : min(at + _CHUNK, limit) + match.shift])
        for at in range(match.end, limit, _CHUNK)
    )
    return match.end + _follow(pieces, patience)


def _backward(base: bytes, new: bytes, match: Match, patience: int) -> int:
    """Return the start of `match` extended back as far as it resembles the base."""
    limit = max(0, -match.shift)
    spans = ((max(end - _CHUNK, limit), end) for end in range(match.start, limit, -_CHUNK))
    pieces = (subtract(new[start:end], base[start + match.shift : end + match.shift])[::-1] for start, end in spans)
    return match.start - _follow(pieces, patience)


def _follow(differences: Iterable[bytes], patience: int) -> int:
    """Return the number of bytes to extend: a 0 wins one, another byte loses one, down to `patience`."""
    score = best = followed = 0
    for piece in differences:
        at = 0
        for run in _DIFFERENT.finditer(piece):
            score += run.start() - at
            best = max(best, score)
            at = run.end()
            score -= at - run.start()
            if score < best - patience:
                return followed + at
        score += len(piece) - at
        best = max(best, score)
        followed += len(piece)
    return followed
