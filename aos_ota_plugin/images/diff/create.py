"""Making a diff."""

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
from aos_ota_plugin.images.diff.path import Problem, Streams, learned, runs_of
from aos_ota_plugin.images.info import BytesLike
from aos_ota_plugin.images.xz import Coder, smallest

Progress = Callable[[int, int], None]

# Found on firmware: triples are numbers of 8 bytes, the others bytes without alignment. The quickest first.
_CTRL_CODERS = (Coder(0, 2, 3, nice_len=32), Coder(0, 1, 2, nice_len=32), Coder(0, 0, 0))
_DIFF_CODERS = (Coder(1, 0, 0, nice_len=128), Coder(1, 0, 0), Coder(2, 0, 0), Coder(0, 0, 0))
_EXTRA_CODERS = (Coder(0, 0, 0, lzma.MF_BT2, 32), Coder(1, 0, 0, nice_len=32), Coder(0, 1, 1, lzma.MF_BT2, 32))


@dataclass(frozen=True)
class _Effort:
    """How hard to look. `window`: bytes of the base, to each side of a section, that its own search covers."""

    window: int
    backwards: bool  # search the reversed bytes too
    patience: int
    neighbours: int
    passes: int  # ways looked for, each with costs learned from the last
    coders: int  # settings tried for each stream


# Sorting takes most of the time, and grows with the window; Python's part grows with the candidates.
_THOROUGH = _Effort(window=0x100000, backwards=True, patience=64, neighbours=3, passes=3, coders=4)
_BRISK = _Effort(window=0x20000, backwards=False, patience=8, neighbours=0, passes=1, coders=1)
_THOROUGH_UP_TO = 0x100000  # bytes of the new payload


def create(old: BytesLike, new: BytesLike, *, limits: Limits = DEVICE_3X, progress: Optional[Progress] = None) -> bytes:
    """Return the diff that makes `new` of `old` on a device with these limits, proven by applying it.

    The new payload is padded with ff to whole sectors, and a dummy section of 16 bytes ff follows in the next one:
    devices forget the last section when power fails while it is written, so that one must not matter. Its triple's
    seek, which no device uses, says how long the padding is. Nothing behind the old payload is read.

    `progress` is told (steps done, steps in all). Same input, same bytes (for one liblzma). Raises FormatError when a
    payload is empty or does not fit the flash with the dummy's sector, or the diff (without a trailer) is larger than
    the limits allow; ProofError when the proof fails.
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
    whole = matches_of(old, new)
    padded = new + b"\xff" * padding
    cuts = choose_cuts(whole, len(new), limits.section_size)
    works = [_Work(old, padded, start, end, effort) for start, end in zip(cuts, [*cuts[1:], len(padded)])]
    steps = 2 * len(works) + 2
    _tell(progress, 1, steps)
    with ThreadPoolExecutor(2) as pool:
        # C does the searching and the packing, Python the rest. They are kept apart, but for the packing that goes on
        # beside it: the search asks for the interpreter so often that it would wait all the time.
        found = []
        for matches in pool.map(_Work.search, works):
            found.append(matches)
            _tell(progress, len(found) + 1, steps)
        packing = []
        for work, matches in zip(works, found):
            streams = work.solve(matches, whole)
            packing.append(pool.submit(_packed, streams, work.section, limits.dict_size, effort))
            _tell(progress, len(found) + len(packing) + 1, steps)
        patch = [one.result() for one in packing]
    dummy = Streams([Triple(0, len(DUMMY), padding)], b"", DUMMY)
    patch.append(_packed(dummy, DUMMY, limits.dict_size, _THOROUGH))
    result = b"".join(patch)
    if apply(old, result, limits=limits) != new:
        raise ProofError("the diff does not make the new payload of the old one; this is a fault of aos-ota")
    _tell(progress, steps, steps)
    return result


class _Work:
    """The section new[start:end], against the flash as it is when the device comes to it."""

    def __init__(self, old: bytes, new: bytes, start: int, end: int, effort: _Effort) -> None:
        self._old = old
        self._new = new
        self._start = start
        self._end = end
        self._effort = effort
        self.section = new[start:end]

    def search(self) -> Tuple[List[Match], List[Match]]:
        """Return what bsdiff finds near the section, front to back and (when that is worth it) back to front."""
        low = max(0, self._start - self._effort.window)
        window = self._base()[low : self._end + self._effort.window]
        forwards = _moved(matches_of(window, self.section), low)
        if not self._effort.backwards:
            return forwards, []
        return forwards, _moved(reversed_matches_of(window, self.section), low)

    def solve(self, found: Tuple[List[Match], List[Match]], whole: Sequence[Match]) -> Streams:
        """Return the section's content by the cheapest way through what was found."""
        base = self._base()
        forwards, backwards = found
        matches = [*forwards, *backwards, *_still_there(whole, self._start, self._end)]
        effort = self._effort
        matches = stretch(matches, base, self.section, patience=effort.patience, neighbours=effort.neighbours)
        problem = Problem(base, self.section, matches)
        streams = problem.streams(runs_of(forwards, len(self.section)))
        for _ in range(effort.passes):
            streams = problem.streams(problem.cheapest(learned(streams)))
        return streams

    def _base(self) -> bytes:
        return self._new[: self._start] + self._old[self._start :]


def _moved(matches: Sequence[Match], by: int) -> List[Match]:
    return [Match(start, end, shift + by) for start, end, shift in matches]


def _still_there(whole: Sequence[Match], start: int, end: int) -> List[Match]:
    """Return the whole payload's matches within a section, as far as the old bytes are not yet overwritten."""
    still = []
    for match in whole:
        first = max(match.start, start, start - match.shift)
        last = min(match.end, end)
        if first < last:
            still.append(Match(first - start, last - start, match.shift + start))
    return still


def _packed(streams: Streams, made: bytes, dict_size: int, effort: _Effort) -> bytes:
    ctrl, diff, extra = (
        smallest(data, coders[: effort.coders], dict_size)
        for data, coders in (
            (control_bytes(streams.triples), _CTRL_CODERS),
            (streams.diff, _DIFF_CODERS),
            (streams.extra, _EXTRA_CODERS),
        )
    )
    return section_bytes(len(made), crc16(made), ctrl, diff, extra)


def _tell(progress: Optional[Progress], done: int, steps: int) -> None:
    if progress:
        progress(done, steps)
