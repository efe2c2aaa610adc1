"""The places where the new payload is cut into sections.

Behind a cut the old payload's bytes before it are lost: the new payload has overwritten them. Bytes that an update
inserts move all that follows, so a section's first bytes are just before the cut in the old payload: as many are lost
as were inserted up to there. A cut where few bytes are lost makes a smaller patch.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Iterable, List

from aos_ota_plugin.images.diff.container import SECTOR_SIZE
from aos_ota_plugin.images.diff.matches import Match

_SECTION_COST = 600  # lost bytes that weigh as much as another section: headers and untrained models


def choose_cuts(matches: Iterable[Match], size: int, section_size: int) -> List[int]:
    """Return the offsets where sections start, 0 first: whole sectors, none longer than `section_size`.

    `matches` say where the new payload's bytes are in the old one; `size` is the new payload's, in bytes.
    """
    lost = lost_at(matches, size)
    sectors = -(-size // SECTOR_SIZE)
    reach = section_size // SECTOR_SIZE
    cost = [0] * (sectors + 1)
    before = [0] * (sectors + 1)
    for end in range(1, sectors + 1):
        best = min(range(max(0, end - reach), end), key=cost.__getitem__)
        before[end] = best
        cost[end] = cost[best] + _SECTION_COST + (lost[end] if end < sectors else 0)
    cuts = []
    at = sectors
    while at:
        at = before[at]
        cuts.append(at * SECTOR_SIZE)
    return cuts[::-1]


def lost_at(matches: Iterable[Match], size: int) -> List[int]:
    """Return, for a cut at each sector, the number of bytes behind it that match old ones before it."""
    # A match [start, end) that is `moved` bytes earlier in the old payload loses at cut c the length of
    # [start, end) within [c, c + moved): as c moves on that rises, stays, falls. A change of slope by d at p adds
    # d * (c - p) to every cut c from p on, so sums of d and of d * p say it for all.
    sectors = -(-size // SECTOR_SIZE)
    slopes = [0] * (sectors + 1)
    offsets = [0] * (sectors + 1)
    for start, end, shift in matches:
        moved = -shift
        if moved <= 0:
            continue
        top = min(moved, end - start)
        for place, change in ((start - moved, 1), (start - moved + top, -1), (end - top, -1), (end, 1)):
            sector = -(-place // SECTOR_SIZE)
            slopes[sector] += change
            offsets[sector] += change * place
    return [
        index * SECTOR_SIZE * slope - offset
        for index, (slope, offset) in enumerate(zip(accumulate(slopes), accumulate(offsets)))
    ]
