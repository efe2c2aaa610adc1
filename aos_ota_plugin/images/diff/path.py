"""The cheapest choice, by estimated bits, of a match or none for each byte of a section.

The three streams are compressed apart from one another, so the cost of a byte is known only roughly: almost nothing
if it equals the base, some bits if it is changed, some more where a run of changes starts, some if it is sent as it
is, and the cost of a triple for every change of match. The estimates are taken from the streams of a first path.
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

_CHANGED = re.compile(rb"[^\0]{1,4}")  # at most four bytes at once: a path may leave a long run in between
_START, _CHANGES, _CHANGES_ON, _END = range(4)  # in this order at one place
_cost_of = itemgetter(0)

_Path = Tuple[int, Optional[int], Any]  # start of a run, its shift, the path before it


@dataclass(frozen=True)
class Costs:
    """Estimates in bits; `changed` and `sent` are indexed by the byte's value, the latter below 16."""

    changed: Sequence[float]
    sent: Sequence[float]
    equal: float = 0.03
    run: float = 9.0  # a run of changed bytes, beside those
    triple: float = 36.0
    leave: float = 4.0  # to change to sent bytes within a triple


class Streams(NamedTuple):
    """A section's three streams before compression."""

    triples: List[Triple]
    diff: bytes
    extra: bytes


class Run(NamedTuple):
    """New bytes [start, end) taken from the base `shift` bytes further on, or sent when `shift` is None."""

    start: int
    end: int
    shift: Optional[int]


class Problem:
    """A section, its base and its matches, to be solved for several sets of costs."""

    def __init__(self, base: bytes, new: bytes, matches: Sequence[Match]) -> None:
        self.base = base
        self.new = new
        self.matches = matches
        self.events = sorted(_events(base, new, matches))

    def streams(self, runs: Iterable[Run]) -> Streams:
        """Return the three streams of these runs."""
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

        There is one state for each match and one for sending, each with its cost so far and the path to it. Changing
        states can pay only where a match starts, ends or differs from the new bytes, so only these places are visited.
        """
        matches = self.matches
        equal, triple, leave, run_cost = costs.equal, costs.triple, costs.leave, costs.run
        changed = _PieceCosts(costs)
        # A translated byte string adds up much faster than a list of floats.
        sixteenths = bytes(min(255, round(16 * cost)) for cost in costs.sent)
        sent = [0, *accumulate(self.new.translate(sixteenths))]
        # Costs are relative to sending, or matching, all bytes up to here: so they change only at events.
        sending = 0.0
        sending_path: Optional[_Path] = None
        active: Dict[int, Tuple[float, Optional[_Path]]] = {}
        place = -1
        enter = 0.0
        path: Optional[_Path] = None
        for at, kind, index, piece in self.events:
            if at != place:
                place = at
                passed = equal * at - sent[at] / 16
                enter, path = sending, sending_path
                if active:
                    states = active.values()
                    cost, match_path = min(states, key=_cost_of) if len(active) > 1 else next(iter(states))
                    cost += passed
                    if cost < enter:
                        enter, path = cost, match_path
                        if cost + leave < sending:
                            sending, sending_path = cost + leave, (at, None, match_path)
                enter += triple - passed
            if kind == _END:
                del active[index]
                continue
            state = active.get(index)
            if state is None or enter < state[0]:
                state = (enter, (at, matches[index].shift, path))
            if kind:
                more = changed[piece]
                state = (state[0] + (more + run_cost if kind == _CHANGES else more), state[1])
            active[index] = state
        # Matches that reach the end have ended there; the cheapest path has changed to sending.
        return _runs(sending_path, len(self.new))


def runs_of(matches: Iterable[Match], size: int) -> List[Run]:
    """Return matches, in order and without overlap, and the bytes sent between them as runs."""
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


def estimate_costs(streams: Streams) -> Costs:
    """Return costs by the frequency of each value in the streams, blended with the first estimates."""
    changed = Counter(streams.diff.translate(None, b"\0"))
    total = sum(changed.values()) + 256
    sent = Counter(streams.extra)
    sent_total = sum(sent.values()) + 512
    return Costs(
        changed=[max(3.0, 2.1 - 0.7 * log2((changed[value] + 1) / total)) for value in range(256)],
        sent=[max(4.0, 2.4 - 0.6 * log2((sent[value] + 2) / sent_total)) for value in range(256)],
    )


def _events(base: bytes, new: bytes, matches: Sequence[Match]) -> Iterable[Tuple[int, int, int, bytes]]:
    """Yield (place, kind, match, changed bytes): where matches start, end, change, are equal again."""
    for index, (start, end, shift) in enumerate(matches):
        yield start, _START, index, b""
        yield end, _END, index, b""
        before = -1
        for change in _CHANGED.finditer(subtract(new[start:end], base[start + shift : end + shift])):
            at = start + change.start()
            if before == at:
                yield at, _CHANGES_ON, index, change[0]
            else:
                if before >= 0:
                    yield before, _START, index, b""
                yield at, _CHANGES, index, change[0]
            before = start + change.end()
        if 0 <= before < end:
            yield before, _START, index, b""


class _PieceCosts(Dict[bytes, float]):
    """The extra cost of a few changed bytes over equal ones, cached."""

    def __init__(self, costs: Costs) -> None:
        super().__init__()
        self._costs = costs

    def __missing__(self, piece: bytes) -> float:
        cost = sum(map(self._costs.changed.__getitem__, piece)) - self._costs.equal * len(piece)
        self[piece] = cost
        return cost


def _runs(path: Optional[_Path], size: int) -> List[Run]:
    runs: List[Run] = []
    while path:
        start, shift, path = path
        if start < size:
            runs.append(Run(start, size, shift))
            size = start
    if size:
        runs.append(Run(0, size, None))
    return runs[::-1]
