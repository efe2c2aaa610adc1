"""Faults of the image server's answers; equal seed and request number give equal faults."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Dict, NamedTuple, Optional

from aos_ota_plugin.errors import SettingsError
from aos_ota_plugin.release.transfer import CHANNELS


@dataclass(frozen=True)
class Faults:
    """The faults of the image server's answers.

    `rate` is in bytes per second and connection (0: no limit), `delay` in seconds before each answer. `loss`, `error`
    and `corrupt` are the share of answers, 0 to 1, that are cut off, are an error 503, or have one bit flipped. With
    `ignore_range` every answer is the whole file.
    """

    rate: int = 0
    delay: float = 0.0
    loss: float = 0.0
    error: float = 0.0
    corrupt: float = 0.0
    ignore_range: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if (
            self.rate < 0
            or not 0 <= self.delay <= 60
            or not all(0 <= share <= 1 for share in (self.loss, self.error, self.corrupt))
        ):
            raise SettingsError("a rate is 0 or more bytes a second, a delay 0 to 60 seconds, a share 0 to 1")


_RATES = {channel.name: channel.rate for channel in CHANNELS}
LINKS: Dict[str, Faults] = {
    "none": Faults(),
    "ble": Faults(rate=_RATES["BLE"], delay=0.05, loss=0.1),
    "nb-iot": Faults(rate=_RATES["NB-IoT"], delay=1.5, loss=0.2),
    "4g": Faults(rate=_RATES["4G"], delay=0.05, loss=0.02),
}
"""Links as a device sees them: the rates that `aos-ota report` states, a round trip, and cut answers."""


class Fate(NamedTuple):
    """The faults of one answer.

    It is an error 503, is cut after `cut_after` bytes of the body, or has the bit `flip_bit` flipped.
    """

    is_error: bool = False
    cut_after: Optional[int] = None
    flip_bit: Optional[int] = None


def fate_of(faults: Faults, request: int, size: int) -> Fate:
    """Return the fate of the answer with `size` bytes to a request, counted from 0."""
    chance = random.Random(f"{faults.seed}:{request}")  # noqa: S311 - no secret
    is_error, is_cut, is_flipped = (chance.random() < share for share in (faults.error, faults.loss, faults.corrupt))
    place = chance.random()
    return Fate(
        is_error, int(place * size) if is_cut and size else None, int(place * size * 8) if is_flipped and size else None
    )
