"""Make a diff from the old and the new payload."""

from __future__ import annotations

import lzma
from dataclasses import dataclass
from typing import Callable, List, Optional, Sequence, Tuple

from aos_ota_plugin.errors import FormatError, ProofError
from aos_ota_plugin.images.crc16 import crc16
from aos_ota_plugin.images.diff.apply import apply
from aos_ota_plugin.images.diff.container import (
    DEVICE_3X,
    DUMMY,
    SECTOR_SIZE,
    Limits,
    Triple,
    control_bytes,
    section_bytes,
)
from aos_ota_plugin.images.diff.cuts import choose_cuts
from aos_ota_plugin.images.diff.matches import Match, matches_of, reversed_matches_of, stretch
from aos_ota_plugin.images.diff.path import Problem, Streams, estimate_costs, runs_of
from aos_ota_plugin.images.info import BytesLike
from aos_ota_plugin.images.xz import Coder, smallest

Progress = Callable[[int, int], None]

# Measured on firmware: triples are numbers of 8 bytes, the others bytes without alignment. The fastest first.
_CTRL_CODERS = (Coder(0, 2, 3, nice_len=32), Coder(0, 1, 2, nice_len=32), Coder(0, 0, 0))
_DIFF_CODERS = (Coder(1, 0, 0, nice_len=128), Coder(1, 0, 0), Coder(2, 0, 0), Coder(0, 0, 0))
_EXTRA_CODERS = (Coder(0, 0, 0, lzma.MF_BT2, 32), Coder(1, 0, 0, nice_len=32), Coder(0, 1, 1, lzma.MF_BT2, 32))


@dataclass(frozen=True)
class _Effort:
    """The effort of a search; `window`: bytes of the base to each side of a section that it covers."""

    window: int
    backwards: bool  # search the reversed bytes too
    patience: int
    neighbours: int
    passes: int  # paths computed, each with costs estimated from the one before
    coders: int  # settings tried for each stream


# Sorting takes most of the time, and grows with the window; Python's part grows with the candidates.
_THOROUGH = _Effort(window=0x100000, backwards=True, patience=64, neighbours=3, passes=3, coders=4)
_BRISK = _Effort(window=0x20000, backwards=False, patience=8, neighbours=0, passes=1, coders=1)
_THOROUGH_UP_TO = 0x100000  # bytes of the new payload
_MATCH_MIN = 32
"""New bytes for each match; of data with fewer, as of two values, bsdiff's own are taken: more costs minutes."""


def create(old: BytesLike, new: BytesLike, *, limits: Limits = DEVICE_3X, progress: Optional[Progress] = None) -> bytes:
    """Return the diff that makes `new` of `old` on a device with these limits, proven by applying it.

    The new payload is padded with ff to whole sectors, and a dummy section of 16 bytes ff follows in the next one:
    devices forget the last section when power fails while it is written, so its content must not matter. Its triple's
    seek, which no device uses, is the length of the padding. Nothing behind the old payload is read.

    `progress` gets (steps done, all steps). Same input, same bytes (for one liblzma). Raises FormatError when a
    payload is empty or does not fit the flash with the dummy's sector, or the diff (without a trailer) is larger than
    the limits allow; ProofError when applying it does not give `new`.
    """
    from concurrent.futures import ThreadPoolExecutor

    old, new = bytes(old), bytes(new)
    if not old or not new:
        raise FormatError(f"the {'new' if old else 'old'} payload is empty")
    padding = -len(new) % SECTOR_SIZE
    if len(new) + padding + SECTOR_SIZE > limits.flash_size or len(old) > limits.flash_size:
        raise FormatError(
            f"payloads of {len(old)} and {len(new)} bytes and one more sector do not fit the "
            f"{limits.flash_size} bytes of the application's partition"
        )
    effort = _THOROUGH if len(new) <= _THOROUGH_UP_TO else _BRISK
    payload_matches = matches_of(old, new)
    padded = new + b"\xff" * padding
    cuts = choose_cuts(payload_matches, len(new), limits.section_size)
    jobs = [_SectionJob(old, padded, start, end, effort) for start, end in zip(cuts, [*cuts[1:], len(padded)])]
    steps = 2 * len(jobs) + 2
    _tell(progress, 1, steps)
    with ThreadPoolExecutor(2) as pool:
        # Searching and packing are C, the rest is Python. Only packing runs beside Python code: the search needs the
        # interpreter so often that it would wait for it all the time.
        searches = []
        for matches in pool.map(_SectionJob.search, jobs):
            searches.append(matches)
            _tell(progress, len(searches) + 1, steps)
        packing = []
        for job, matches in zip(jobs, searches):
            streams = job.solve(matches, payload_matches)
            packing.append(pool.submit(_packed, streams, job.section, limits.dict_size, effort))
            _tell(progress, len(searches) + len(packing) + 1, steps)
        patch = [future.result() for future in packing]
    dummy = Streams([Triple(0, len(DUMMY), padding)], b"", DUMMY)
    patch.append(_packed(dummy, DUMMY, limits.dict_size, _THOROUGH))
    result = b"".join(patch)
    if apply(old, result, limits=limits) != new:
        raise ProofError("the diff does not make the new payload of the old one; this is a fault of aos-ota")
    _tell(progress, steps, steps)
    return result


class _SectionJob:
    """The section new[start:end], made from the flash's content when the device reaches it."""

    def __init__(self, old: bytes, new: bytes, start: int, end: int, effort: _Effort) -> None:
        self._old = old
        self._new = new
        self._start = start
        self._end = end
        self._effort = effort
        self.section = new[start:end]

    def search(self) -> Tuple[List[Match], List[Match]]:
        """Return bsdiff's matches near the section, front to back, and back to front where that pays."""
        low = max(0, self._start - self._effort.window)
        window = self._base()[low : self._end + self._effort.window]
        forwards = _moved(matches_of(window, self.section), low)
        if not self._effort.backwards:
            return forwards, []
        return forwards, _moved(reversed_matches_of(window, self.section), low)

    def solve(self, search: Tuple[List[Match], List[Match]], payload_matches: Sequence[Match]) -> Streams:
        """Return the section's streams by the cheapest path through the matches."""
        base = self._base()
        forwards, backwards = search
        matches = [*forwards, *backwards, *_unwritten_matches(payload_matches, self._start, self._end)]
        effort = self._effort
        if len(matches) * _MATCH_MIN > len(self.section):
            return Problem(base, self.section, []).streams(runs_of(forwards, len(self.section)))
        matches = stretch(matches, base, self.section, patience=effort.patience, neighbours=effort.neighbours)
        problem = Problem(base, self.section, matches)
        streams = problem.streams(runs_of(forwards, len(self.section)))
        for _ in range(effort.passes):
            streams = problem.streams(problem.cheapest(estimate_costs(streams)))
        return streams

    def _base(self) -> bytes:
        return self._new[: self._start] + self._old[self._start :]


def _moved(matches: Sequence[Match], by: int) -> List[Match]:
    return [Match(start, end, shift + by) for start, end, shift in matches]


def _unwritten_matches(payload_matches: Sequence[Match], start: int, end: int) -> List[Match]:
    """Return the payload's matches in a section whose old bytes are not overwritten yet."""
    unwritten = []
    for match in payload_matches:
        first = max(match.start, start, start - match.shift)
        last = min(match.end, end)
        if first < last:
            unwritten.append(Match(first - start, last - start, match.shift + start))
    return unwritten


def _packed(streams: Streams, section: bytes, dict_size: int, effort: _Effort) -> bytes:
    ctrl, diff, extra = (
        smallest(data, coders[: effort.coders], dict_size)
        for data, coders in (
            (control_bytes(streams.triples), _CTRL_CODERS),
            (streams.diff, _DIFF_CODERS),
            (streams.extra, _EXTRA_CODERS),
        )
    )
    return section_bytes(len(section), crc16(section), ctrl, diff, extra)


def _tell(progress: Optional[Progress], done: int, steps: int) -> None:
    if progress:
        progress(done, steps)
