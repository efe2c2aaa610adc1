"""How many messages of a device are handled: a bucket of tokens for each."""

from __future__ import annotations

from typing import Callable, Dict, Tuple

BURST = 2000
"""Messages at once: a gateway that logs in all its sub-devices, after a night without power."""
PER_SECOND = 10.0
_DEVICES = 10_000


class MessageRate:
    """The messages that each device has left; `clock` returns seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._tokens: Dict[Tuple[str, str], Tuple[float, float]] = {}

    def takes(self, product_key: str, device_name: str) -> bool:
        """Return whether another message of the device is to be handled now, and count it."""
        now = self._clock()
        key = product_key, device_name
        if key not in self._tokens and len(self._tokens) >= _DEVICES:
            self._forget_idle(now)
        tokens = self._left(key, now)
        self._tokens[key] = max(tokens - 1, 0.0), now
        return tokens >= 1

    def _left(self, key: Tuple[str, str], now: float) -> float:
        tokens, then = self._tokens.get(key, (float(BURST), now))
        return min(tokens + (now - then) * PER_SECOND, float(BURST))

    def _forget_idle(self, now: float) -> None:
        """Forget the devices whose buckets are full again, which is what a device without an entry has."""
        self._tokens = {key: entry for key, entry in self._tokens.items() if self._left(key, now) < BURST}
