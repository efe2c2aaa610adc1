"""``aos-ota simulate``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import List, Mapping, Tuple

import click

from aos_ota_plugin.children import unwind_on_signals
from aos_ota_plugin.cli.options import FOLDER
from aos_ota_plugin.cli.output import echo_note, echo_table
from aos_ota_plugin.errors import ProofError
from aos_ota_plugin.files.folders import temporary_folder
from aos_ota_plugin.lab.demo.firmware import build_firmware
from aos_ota_plugin.lab.simulate.console import interact, transcript
from aos_ota_plugin.lab.simulate.device import prepare
from aos_ota_plugin.lab.simulate.firmware import Built
from aos_ota_plugin.lab.simulate.judging import Judge, Outcome
from aos_ota_plugin.lab.simulate.machine import find_qemu
from aos_ota_plugin.lab.simulate.scenarios import FLAWS, SCENARIOS

_VENDOR = "vendor"
"""Names all scenarios of `FLAWS`."""


@click.command("simulate")
@click.argument("directory", default="build/simulate", type=FOLDER)
@click.option(
    "--scenario",
    "names",
    multiple=True,
    type=click.Choice([*SCENARIOS, _VENDOR]),
    metavar="NAME",
    help="Only this one; may be given several times.  [default: all]",
)
@click.option("--list", "only_list", is_flag=True, help="List the scenarios, and exit.")
@click.option(
    "--console",
    "console",
    is_flag=True,
    help="Type on a device's console instead; the new version waits for it on the platform.",
)
@click.option("--quiet", is_flag=True, help="Show no device logs.")
@unwind_on_signals()
def command(directory: str, names: Tuple[str, ...], only_list: bool, console: bool, quiet: bool) -> None:
    """Take an emulated device through upgrades that must succeed or be refused.

    The demo's firmware is built in DIRECTORY (default build/simulate) with the real `aos make` and runs on an
    emulated Cortex-M33. Each upgrade ends with a line of what was expected and what was seen: the device's verdict,
    the verdict of `aos-ota verify`, and the version that runs in the end.

    \b
    Example:
      aos-ota simulate --scenario wrong-key
      aos-ota simulate --console
    """
    if console and (names or only_list):
        raise click.UsageError("--console goes without --scenario and --list")
    if only_list:
        rows = [
            *((scenario.name, scenario.about) for scenario in SCENARIOS.values()),
            (_VENDOR, "all that show a flaw of the vendor's, beside the same on the hardened device"),
        ]
        echo_table(("scenario", "what"), rows)
        return
    find_qemu()
    built = build_firmware(Path(directory).absolute(), quiet=quiet, say=echo_note)
    if console:
        _talk(built)
        return
    wanted = _wanted(names)
    judge = Judge(built, click.echo, quiet=quiet)
    outcomes = {name: judge.outcome_of(SCENARIOS[name]) for name in wanted}
    _compare(outcomes)
    failed = [name for name, outcome in outcomes.items() if not outcome.passed]
    if failed:
        raise ProofError(
            f"{len(failed)} of {len(wanted)} scenarios ended otherwise than expected: {', '.join(failed)}",
            remedy="their logs stand above; the last line of each says what was seen",
        )
    click.echo(f"{len(wanted)} of {len(wanted)} scenarios ended as expected")


def _wanted(names: Tuple[str, ...]) -> List[str]:
    flaws = [name for flaw in FLAWS for name in (flaw.ours, flaw.vendors)]
    chosen = [scenario for name in names for scenario in (flaws if name == _VENDOR else [name])]
    return list(dict.fromkeys(chosen)) or list(SCENARIOS)


def _compare(outcomes: Mapping[str, Outcome]) -> None:
    """Show what the vendor's build does otherwise, where both have been seen."""
    rows = [
        (flaw.what, outcomes[flaw.ours].seen, outcomes[flaw.vendors].seen)
        for flaw in FLAWS
        if flaw.ours in outcomes and flaw.vendors in outcomes
    ]
    if rows:
        echo_table(("the vendor's flaw", "hardened", "built with the flaw"), rows)


def _talk(built: Built) -> None:
    with temporary_folder("aos_ota_plugin-") as folder:
        prepare(Path(folder), built, SCENARIOS["console"].case(built))
        if not sys.stdin.isatty():
            click.echo(transcript(Path(folder), sys.stdin.read().splitlines()))
            return
        click.echo(
            "Enter shows the prompt, help the commands; netmgr -t wifi -c SSID PASSWORD connects, and the "
            "platform offers an upgrade. Ctrl-A X switches the device off.",
            err=True,
        )
        interact(Path(folder))
