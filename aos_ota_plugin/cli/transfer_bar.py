"""Progress of a transfer: a bar on a terminal, a plain line every tenth elsewhere."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import Callable, Iterator, Optional

import click


@contextmanager
def transfer_bar(name: str, total: Optional[int]) -> Iterator[Callable[[int], None]]:
    """Yield a function that takes the number of bytes done. All of it goes to standard error."""
    if not sys.stderr.isatty():
        yield _plain(name, total)
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
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(name, total=total)
        yield lambda done: progress.update(task, completed=done)


def _plain(name: str, total: Optional[int]) -> Callable[[int], None]:
    shown = [-1]

    def show(done: int) -> None:
        tenth = done * 10 // total if total else done // (256 * 1024)
        if tenth == shown[0]:
            return
        shown[0] = tenth
        click.echo(f"{name}: {tenth * 10} %" if total else f"{name}: {done} bytes", err=True)

    return show
