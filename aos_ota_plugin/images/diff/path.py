"""Which match, or none, each byte of a section comes from: the cheapest way through, by estimated bits.

The three streams are compressed apart from one another, so what a byte costs is known only roughly: nothing much for
one that equals the base, some bits for a changed one, some more where a run of changes starts, some for a byte sent as
it is, and a triple's worth for every change of match. The estimates are taken from the streams of a first way.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import accumulate
from math import log2
from operator import itemgetter
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from aos_ota_plugin.images.diff.arithmetic import subtract
from aos_ota_plugin.images.diff.container import Triple
from aos_ota_plugin.images.diff.matches import Match

_CHANGED = re.compile(rb"[^\0]{1,4}")  # a long run is left and entered every four bytes
_START, _CHANGES, _CHANGES_ON, _END = range(4)  # in this order at one place
_cost_of = itemgetter(0)

_Way = Tuple[int, Optional[int], Any]  # where a run starts, its shift, the way before


@dataclass(frozen=True)
class Costs:
    """Estimates in bits. `changed` and `sent` are by the byte's value, the latter below 16."""

    changed: Sequence[float]
    sent: Sequence[float]
    equal: float = 0.03
    run: float = 9.0  # a run of changed bytes, beside those
    triple: float = 36.0
    leave: float = 4.0  # to go over to sent bytes within a triple


class Streams(NamedTuple):
    """A section's content, not compressed yet."""

    triples: List[Triple]
    diff: bytes
    extra: bytes


class Run(NamedTuple):
    """New bytes [start, end) come from the base `shift` bytes further on, or are sent when it is None."""

    start: int
    end: int
    shift: Optional[int]


class Problem:
    """A section, its base and the matches; solved for one set of costs after another."""

    def __init__(self, base: bytes, new: bytes, matches: Sequence[Match]) -> None:
        self.base = base
        self.new = new
        self.matches = matches
        self.events = sorted(_events(base, new, matches))

    def streams(self, runs: Iterable[Run]) -> Streams:
        """Return what the runs put into the three streams."""
        triples: List[Triple] = []
        diff: List[bytes] = []
        extra: List[bytes] = []
        add = copy = at = 0
        for start, end, shift in runs:
            if shift is None:
                copy += end - start
                extra.append(self.new[start:end])
                continue
            if add or copy or start + shift != at:
                triples.append(Triple(add, copy, start + shift - at))
            add, copy, at = end - start, 0, end + shift
            diff.append(subtract(self.new[start:end], self.base[start + shift : end + shift]))
        triples.append(Triple(add, copy, 0))
        return Streams(triples, b"".join(diff), b"".join(extra))

    def cheapest(self, costs: Costs) -> List[Run]:
        """Return the runs that cost least, from the section's start to its end.

        One state for each match and one for sending, each with its cost so far and the way that led there. Only where
        a match starts, ends or differs from the new bytes can it be worth to change states, so those places are all
        that is visited.
        """
        matches = self.matches
        equal, triple, leave, fresh = costs.equal, costs.triple, costs.leave, costs.run
        changed = _PieceCosts(costs)
        # A translated byte string adds up much faster than a list of floats does.
        sixteenths = bytes(min(255, round(16 * cost)) for cost in costs.sent)
        sent = [0, *accumulate(self.new.translate(sixteenths))]
        # Costs lack what sending everything up to here, or equal bytes up to here, costs: they only change where
        # something happens.
        sending = 0.0
        sending_way: Optional[_Way] = None
        active: Dict[int, Tuple[float, Optional[_Way]]] = {}
        place = -1
        enter = 0.0
        way: Optional[_Way] = None
        for at, kind, index, piece in self.events:
            if at != place:
                place = at
                passed = equal * at - sent[at] / 16
                enter, way = sending, sending_way
                if active:
                    states = active.values()
                    cost, match_way = min(states, key=_cost_of) if len(active) > 1 else next(iter(states))
                    cost += passed
                    if cost < enter:
                        enter, way = cost, match_way
                        if cost + leave < sending:
                            sending, sending_way = cost + leave, (at, None, match_way)
                enter += triple - passed
            if kind == _END:
                del active[index]
                continue
            state = active.get(index)
            if state is None or enter < state[0]:
                state = (enter, (at, matches[index].shift, way))
            if kind:
                more = changed[piece]
                state = (state[0] + (more + fresh if kind == _CHANGES else more), state[1])
            active[index] = state
        # Matches that reach the end have ended there, and those cheaper than sending have left for it.
        return _runs(sending_way, len(self.new))


def runs_of(matches: Iterable[Match], size: int) -> List[Run]:
    """Return matches that stand in order and do not overlap, and what is sent between them, as runs."""
    runs = []
    at = 0
    for start, end, shift in matches:
        if at < start:
            runs.append(Run(at, start, None))
        runs.append(Run(start, end, shift))
        at = end
    if at < size:
        runs.append(Run(at, size, None))
    return runs


def learned(streams: Streams) -> Costs:
    """Return costs by how often each value stands in the streams, drawn towards the first estimates."""
    changed = Counter(streams.diff.translate(None, b"\0"))
    total = sum(changed.values()) + 256
    sent = Counter(streams.extra)
    sent_total = sum(sent.values()) + 512
    return Costs(
        changed=[max(3.0, 2.1 - 0.7 * log2((changed[value] + 1) / total)) for value in range(256)],
        sent=[max(4.0, 2.4 - 0.6 * log2((sent[value] + 2) / sent_total)) for value in range(256)],
    )


def _events(base: bytes, new: bytes, matches: Sequence[Match]) -> Iterable[Tuple[int, int, int, bytes]]:
    """Yield (place, kind, match, changed bytes): where matches start, end, change, and are equal again."""
    for index, (start, end, shift) in enumerate(matches):
        yield start, _START, index, b""
        yield end, _END, index, b""
        before = -1
        for found in _CHANGED.finditer(subtract(new[start:end], base[start + shift : end + shift])):
            at = start + found.start()
            if before == at:
                yield at, _CHANGES_ON, index, found[0]
            else:
                if before >= 0:
                    yield before, _START, index, b""
                yield at, _CHANGES, index, found[0]
            before = start + found.end()
        if 0 <= before < end:
            yield before, _START, index, b""


class _PieceCosts(Dict[bytes, float]):
    """What a few changed bytes cost more than equal ones, remembered."""

    def __init__(self, costs: Costs) -> None:
        super().__init__()
        self._costs = costs

    def __missing__(self, piece: bytes) -> float:
        cost = sum(map(self._costs.changed.__getitem__, piece)) - self._costs.equal * len(piece)
        self[piece] = cost
        return cost


def _runs(way: Optional[_Way], size: int) -> List[Run]:
    runs: List[Run] = []
    while way:
        start, shift, way = way
        if start < size:
            runs.append(Run(start, size, shift))
            size = start
    if size:
        runs.append(Run(0, size, None))
    return runs[::-1]
