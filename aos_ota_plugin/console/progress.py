"""Progress of long work: a bar on a terminal; elsewhere a line at the start and every 10 seconds.

>>> import sys
>>> with WorkProgress(sys.stdout, prefix="aos-ota: ") as progress:
...     progress("the diff image", 0, 20)
aos-ota: making the diff image
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable, Dict, Optional, TextIO, Type

if TYPE_CHECKING:
    from rich.progress import Progress

INTERVAL = 10
"""Seconds between two lines where there is no terminal."""


class WorkProgress:
    """A display of progress on `stream`; use it in a ``with``.

    Call it with the name of what is made, the number of steps done, and the number of all steps.
    """

    def __init__(self, stream: TextIO, *, prefix: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._prefix = prefix
        self._clock = clock
        self._bar: Optional[Progress] = None
        self._tasks: Dict[str, Any] = {}
        self._shown_at: Dict[str, float] = {}

    def __enter__(self) -> WorkProgress:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def __call__(self, name: str, done: int, steps: int) -> None:
        """Show that `done` of `steps` steps are done."""
        if self._stream.isatty():
            self._draw(name, done, steps)
        else:
            self._say(name, done, steps)

    def _draw(self, name: str, done: int, steps: int) -> None:
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

            self._bar = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TaskProgressColumn(),
                TimeElapsedColumn(),
                console=Console(file=self._stream),
                transient=True,
            )
            self._bar.start()
        if name not in self._tasks:
            self._tasks[name] = self._bar.add_task(f"{self._prefix}{name}", total=steps)
        self._bar.update(self._tasks[name], completed=done, total=steps)

    def _say(self, name: str, done: int, steps: int) -> None:
        now = self._clock()
        if name not in self._shown_at:
            self._line(f"making {name}", name, now)
        elif done < steps and now - self._shown_at[name] >= INTERVAL:
            self._line(f"{name}: {100 * done // steps} %", name, now)

    def _line(self, text: str, name: str, now: float) -> None:
        self._shown_at[name] = now
        self._stream.write(f"{self._prefix}{text}\n")
        self._stream.flush()
