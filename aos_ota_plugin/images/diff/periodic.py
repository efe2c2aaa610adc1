"""Leave long runs of a short period, such as erased flash, out of the search for matches.

bsdiff sorts all suffixes and compares them: in a run of a short period that takes time by the square of its length
(4 MB of a 7-byte period: more than nine minutes). Matches around a run are extended through it afterwards.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import List, NamedTuple, Tuple

PERIOD_MAX = 64
"""Bytes; the search is fast with longer periods."""
RUN_MIN = 1024
"""Bytes of a run that is left out."""
_MARGIN = 64
"""Bytes of a run that stay at each of its ends."""
_BLOCK = 512


class Segment(NamedTuple):
    """Bytes that stay together: their place in what is searched, and in the data."""

    short: int
    full: int


class Condensed(NamedTuple):
    """Data without the middle of its long runs, the segments that are left, in order.

    ``starts`` are the places where they begin in it.
    """

    data: bytes
    segments: Tuple[Segment, ...]
    starts: Tuple[int, ...]

    def index_at(self, at: int) -> int:
        """Return the index of the segment that holds a place of the data."""
        return bisect_right(self.starts, at) - 1


def condense(data: bytes) -> Condensed:
    """Leave out the middle of each run of a period of at most PERIOD_MAX bytes."""
    pieces: List[bytes] = []
    segments: List[Segment] = []
    short = at = 0
    for start, end in long_runs(data):
        first = start + _MARGIN
        pieces.append(data[at:first])
        segments.append(Segment(short, at))
        short += first - at
        at = end - _MARGIN
    if not pieces:
        return Condensed(data, (Segment(0, 0),), (0,))
    pieces.append(data[at:])
    segments.append(Segment(short, at))
    return Condensed(b"".join(pieces), tuple(segments), tuple(segment.short for segment in segments))


def long_runs(data: bytes) -> List[Tuple[int, int]]:
    """Return first and last place + 1 of each run of at least RUN_MIN bytes, without overlap."""
    runs: List[Tuple[int, int]] = []
    at = 0
    while at + _BLOCK <= len(data):
        period = _period(data[at : at + _BLOCK])
        if not period:
            at += _BLOCK
            continue
        reached = runs[-1][1] if runs else 0
        start, end = _extended(data, max(at, reached), at + _BLOCK, period, reached)
        if end - start >= RUN_MIN:
            runs.append((start, end))
        at = max(end - end % _BLOCK, at + _BLOCK)
    return runs


def _period(block: bytes) -> int:
    """Return the shortest period of a block, 0 when it is longer than PERIOD_MAX."""
    period = block.find(block[:PERIOD_MAX], 1, 2 * PERIOD_MAX)
    return period if 0 < period <= PERIOD_MAX and block[period:] == block[:-period] else 0


def _extended(data: bytes, start: int, end: int, period: int, low: int) -> Tuple[int, int]:
    """Return the run of a period around data[start:end], which begins at `low` or later."""
    unit = data[end - period : end] * (_BLOCK // period)
    while data[end : end + len(unit)] == unit:
        end += len(unit)
    while end < len(data) and data[end] == data[end - period]:
        end += 1
    while start > low and data[start - 1] == data[start - 1 + period]:
        start -= 1
    return start, end
