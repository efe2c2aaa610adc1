"""Shared ways of printing."""

from __future__ import annotations

import codecs
import json
import os
import sys
from typing import Mapping, Optional, Sequence

import click

from aos_ota_plugin.cli.options import STDOUT
from aos_ota_plugin.errors import OtaError, OutputError
from aos_ota_plugin.printable import shown, shown_json


def echo_json(value: Mapping[str, object]) -> None:
    """Print one JSON object on standard output, for scripts."""
    echo_json_text(json.dumps(value, indent=2, ensure_ascii=False))


def echo_json_text(text: str) -> None:
    """Print JSON, with JSON's escapes for what standard output lacks and what a terminal would act on."""
    ascii_only = codecs.lookup(sys.stdout.encoding or "utf-8").name != "utf-8"
    click.echo(shown_json(text.rstrip("\n"), ascii_only=ascii_only))


def echo_note(line: str) -> None:
    """Print a line on what a command is doing on standard error."""
    click.echo(line, err=True)


def echo_error(error: OtaError) -> None:
    """Print an error on standard error: its place, what is wrong, and the remedy."""
    click.echo(f"aos-ota: error: {error}", err=True)


def echo_warning(line: str) -> None:
    """Print a warning on standard error."""
    click.echo(f"aos-ota: warning: {line}", err=True)


def write_output(output: str, data: bytes, line: str) -> None:
    """Write a command's one file, or to standard output where it is ``-``; then print a line on it.

    Raises:
        OutputError: it cannot be written.
    """
    if output == STDOUT:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
        echo_note(line)
        return
    from aos_ota_plugin.files.transaction import write_file

    write_file(output, data)
    click.echo(line)


def refuse_overwriting(output: str, *inputs: Optional[str]) -> None:
    """Raise OutputError when an output is one of the inputs."""
    for path in inputs:
        if path and os.path.realpath(path) == os.path.realpath(output):
            raise OutputError(f"{path} would be overwritten by the output", remedy="choose another name with -o")


def echo_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table as wide as the terminal, on a pipe as wide as its content.

    What cannot be printed is escaped.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    rows = [[shown(cell) for cell in row] for row in rows]
    console = Console()
    if not console.is_terminal:
        console = Console(width=sum(_width(column) + 2 for column in zip(headings, *rows)))
    table = Table(*headings, show_edge=False, pad_edge=False, box=None, header_style="bold")
    for row in rows:
        table.add_row(*map(Text, row))
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        click.echo(line.rstrip())


def _width(cells: Sequence[str]) -> int:
    # A Chinese character takes two columns.
    return max(sum(2 if ord(character) > 0x2E7F else 1 for character in cell) for cell in cells)
