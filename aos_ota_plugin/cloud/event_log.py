"""The cloud's log: for the page and the console, with a bound on what repeats."""

from __future__ import annotations

import contextlib
import datetime
import threading
import time
from collections import deque
from pathlib import Path
from typing import Callable, Deque, Dict, List, Set

from aos_ota_plugin.printable import shown

_LINES = 200
BURST = 10
"""Lines of one kind that are told in a minute; more of them are counted."""
_PERIOD = 60.0


class EventLog:
    """A log; `tell` gets each line. Its methods may be called from several threads, and raise nothing."""

    def __init__(self, tell: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._tell = tell
        self._clock = clock
        self._guard = threading.RLock()
        self._lines: Deque[str] = deque(maxlen=_LINES)
        self._lasting: Set[str] = set()
        self._counts: Dict[str, int] = {}
        self._start = clock()

    def lines(self) -> List[str]:
        """Return the last lines, each with its time."""
        with self._guard:
            return list(self._lines)

    def tell(self, line: str) -> None:
        """Add a line; what cannot be printed is escaped."""
        line = shown(line)
        with self._guard:
            self._lines.append(f"{datetime.datetime.now():%H:%M:%S} {line}")
            with contextlib.suppress(OSError, ValueError):  # a console that is closed, full, or lacks a character
                self._tell(line)

    def count(self, kind: str, line: str) -> None:
        """Add a line of what may happen often: the first of its kind in a minute are told, more are counted."""
        with self._guard:
            self.tell_counts()
            self._counts[kind] = self._counts.get(kind, 0) + 1
            if self._counts[kind] <= BURST:
                self.tell(line)

    def tell_counts(self) -> None:
        """Tell how many lines of each kind were only counted, when a minute is over."""
        with self._guard:
            if self._clock() - self._start < _PERIOD:
                return
            self._start = self._clock()
            counts, self._counts = self._counts, {}
            for kind, number in counts.items():
                if number > BURST:
                    self.tell(f"{number - BURST} more in the last minute: {kind}")

    def begin(self, kind: str, line: str) -> None:
        """Add a line when a state begins, and none while it lasts."""
        with self._guard:
            if kind not in self._lasting:
                self._lasting.add(kind)
                self.tell(line)

    def end(self, kind: str, line: str = "") -> None:
        """Add a line, if there is one, when a state ends."""
        with self._guard:
            if kind in self._lasting:
                self._lasting.remove(kind)
                if line:
                    self.tell(line)


def fault_line(error: BaseException) -> str:
    """Return a line about an exception that nobody foresaw: its kind and its place, without what it says."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f" at {Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno}" if place else ""
    return f"a fault of aos_ota_plugin was caught: {type(error).__name__}{where}"
