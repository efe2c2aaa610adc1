"""``aos-ota make``."""

from __future__ import annotations

import os
import sys
from typing import Tuple

import click

from aos_ota_plugin.children import unwind_on_signals
from aos_ota_plugin.cli.options import solution_option, split_pairs
from aos_ota_plugin.errors import BuildError
from aos_ota_plugin.pipeline import aos_make
from aos_ota_plugin.workspace.find import find_build
from aos_ota_plugin.workspace.launcher import AOS_TOOLS, find_aos, find_git, find_launcher, path_with
from aos_ota_plugin.workspace.solution import load_solution


@click.command("make")
@click.argument("words", nargs=-1, metavar="[SOLUTION@BOARD] [KEY=VALUE]...")
@solution_option
@unwind_on_signals()
def command(words: Tuple[str, ...], directory: str) -> None:
    """Run the real `aos make`, pass every setting on as it is, and report its true exit status.

    SOLUTION is by default the solution in this folder, or the one that the workspace's .config names. No shell sees
    the settings: spaces, quotes, `$`, `;` and backslashes arrive unchanged. package.yaml is not rewritten.

    Exit status: 0 if the release is complete, else that of `aos make`; 1 if `aos make` ends with 0 for a build that
    failed, as it does on Windows and when interrupted.

    \b
    Example:
      aos-ota make ota_demo@haas100 OTA_APP_VERSION=app-1.0.1 'OTA_SIGNING_KEY=my keys/$current.pem'
    """
    named = words[0] if words and "=" not in words[0] else ""
    pairs = split_pairs(words[1:] if named else words)
    asked = dict(pairs).get("BOARD", "")
    if named and asked and named.partition("@")[2] != asked:
        raise click.UsageError(f"{named!a} and BOARD={asked} name two boards")
    settings, others = aos_make.split_arguments([pair for pair in pairs if pair[0] != "BOARD"])
    solution, board = find_build(os.path.abspath(directory), named, asked)
    aos = find_aos()
    if aos is None:
        raise BuildError(
            "there is no `aos` here, neither beside this Python nor on PATH",
            remedy=f'"{sys.executable}" -m pip install {AOS_TOOLS} "setuptools<82"',
        )
    ending = aos_make.run_aos_make(aos, solution, board, settings, others)
    if ending.report is None:
        find_launcher(path_with(os.path.dirname(aos)))  # what cannot start says why
        find_git(path_with(os.path.dirname(aos)))
        load_solution(solution, board or None)  # and so does a solution that aos-tools ends without: no board, no chip
    if ending.status:
        click.echo(f"aos-ota: `aos make` ended with status {ending.status}", err=True)
        sys.exit(ending.status)
    aos_make.check_built(ending, solution, dict(settings).get(aos_make.VERSION))
