"""Waiting for a state: how long it takes is the machine's affair, and is never what a test looks at."""

from __future__ import annotations

import time
from typing import Callable, Iterator, Union

HANGS = 300.0
"""Seconds after which what is waited for has hung: many times what a busy machine needs."""


def until(condition: Callable[[], object], why: Union[str, Callable[[], str]] = "waited in vain") -> None:
    """Wait until the condition holds; AssertionError with `why` when it never does."""
    end = time.monotonic() + HANGS
    while not condition():
        assert time.monotonic() < end, why if isinstance(why, str) else why()
        time.sleep(0.02)


def growing(seconds: float) -> Iterator[float]:
    """Yield longer and longer time limits, for a test in which something has to begin before its limit is over."""
    while seconds < HANGS:
        yield seconds
        seconds *= 4
