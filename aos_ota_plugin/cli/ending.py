"""How a command ends that has started processes: whatever ends it, what it began is unwound first."""

from __future__ import annotations

import contextlib
import signal
from types import FrameType
from typing import Callable, Iterator, Optional

from aos_ota_plugin.children import ending_signals

Handler = Callable[[int, Optional[FrameType]], None]


@contextlib.contextmanager
def on_ending_signals(handler: Handler) -> Iterator[None]:
    """Have `handler` answer them in here; afterwards they do what they did before."""
    old = [(number, signal.signal(number, handler)) for number in ending_signals()]
    try:
        yield
    finally:
        for number, before in old:
            signal.signal(number, before)


@contextlib.contextmanager
def unwound() -> Iterator[None]:
    """Each of them unwinds what was begun in here, as Ctrl-C does everywhere: the first one that comes, once."""

    def leave(number: int, _frame: Optional[FrameType]) -> None:
        for one in ending_signals():
            signal.signal(one, signal.SIG_IGN)  # what follows ends processes, and takes seconds
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + number)

    with on_ending_signals(leave):
        yield
