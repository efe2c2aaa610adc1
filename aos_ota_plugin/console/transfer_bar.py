"""Progress of a transfer: a bar on a terminal, a plain line every tenth elsewhere."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Callable, Iterator, Optional, TextIO


@contextmanager
def transfer_bar(stream: TextIO, name: str, total: Optional[int]) -> Iterator[Callable[[int], None]]:
    """Yield a function that takes the number of bytes done; `total` of None is an unknown number of them."""
    if not stream.isatty():
        yield _plain(stream, name, total)
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(file=stream)) as progress:
        task = progress.add_task(name, total=total)
        yield lambda done: progress.update(task, completed=done)


def _plain(stream: TextIO, name: str, total: Optional[int]) -> Callable[[int], None]:
    shown = [-1]

    def show(done: int) -> None:
        tenth = done * 10 // total if total else done // (256 * 1024)
        if tenth == shown[0]:
            return
        shown[0] = tenth
        stream.write(f"{name}: {tenth * 10} %\n" if total else f"{name}: {done} bytes\n")
        stream.flush()

    return show
