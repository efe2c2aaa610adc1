"""``aos-ota simulate``."""

from __future__ import annotations

import sys
from enum import IntEnum
from pathlib import Path
from typing import List, Mapping, NamedTuple, Tuple

import click

from aos_ota_plugin.cli.ending import unwound
from aos_ota_plugin.cli.output import echo_note, echo_table
from aos_ota_plugin.errors import ProofError
from aos_ota_plugin.files.folders import temporary_folder
from aos_ota_plugin.lab.demo.firmware import built_firmware
from aos_ota_plugin.lab.simulate.console import interact, transcript
from aos_ota_plugin.lab.simulate.device import Case, Seen, judged, play, prepare
from aos_ota_plugin.lab.simulate.firmware import Built
from aos_ota_plugin.lab.simulate.machine import find_qemu
from aos_ota_plugin.lab.simulate.power import Trouble, cuts, operations, spread
from aos_ota_plugin.lab.simulate.scenarios import FLAWS, SCENARIOS, Scenario

_VENDOR = "vendor"
"""Names all scenarios of `FLAWS`."""


class _Outcome(NamedTuple):
    passed: bool
    seen: str


@click.command("simulate", short_help="take an emulated device through upgrades that must succeed or be refused")
@click.argument("directory", default="build/simulate", type=click.Path(file_okay=False))
@click.option(
    "--scenario",
    "names",
    multiple=True,
    type=click.Choice([*SCENARIOS, _VENDOR]),
    metavar="NAME",
    help="Only this one; may be given several times.  [default: all]",
)
@click.option("--list", "only_list", is_flag=True, help="Show the scenarios there are, and end.")
@click.option(
    "--console",
    "console",
    is_flag=True,
    help="Type on a device's console instead; the new version waits for it on the platform.",
)
@click.option("--quiet", is_flag=True, help="No device logs.")
@unwound()
def command(directory: str, names: Tuple[str, ...], only_list: bool, console: bool, quiet: bool) -> None:
    """Build the demo's firmware in DIRECTORY (default build/simulate) with the real `aos make`, and take an emulated
    Cortex-M33 that runs it through upgrades. Each ends with a line of what was expected and what was seen: the device's
    verdict, that of the model which `aos-ota verify` answers with, and the version that runs in the end.

    \b
    Example:
      aos-ota simulate --scenario wrong-key
      aos-ota simulate --console
    """
    if console and (names or only_list):
        raise click.UsageError("--console goes without --scenario and --list")
    if only_list:
        rows = [
            *((one.name, one.about) for one in SCENARIOS.values()),
            (_VENDOR, "all that show a flaw of the vendor's, beside the same on the hardened device"),
        ]
        echo_table(("scenario", "what"), rows)
        return
    find_qemu()
    built = built_firmware(Path(directory).absolute(), quiet=quiet, say=echo_note)
    if console:
        _talk(built)
        return
    wanted = _wanted(names)
    outcomes = {name: _outcome(SCENARIOS[name], built, quiet=quiet) for name in wanted}
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
    chosen = [one for name in names for one in (flaws if name == _VENDOR else [name])]
    return list(dict.fromkeys(chosen)) or list(SCENARIOS)


def _compare(outcomes: Mapping[str, _Outcome]) -> None:
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


def _outcome(scenario: Scenario, built: Built, *, quiet: bool) -> _Outcome:
    click.echo(f"== {scenario.name}: {scenario.about}")
    case = scenario.case(built)
    with temporary_folder("aos_ota_plugin-") as folder:
        if scenario.cuts:
            return _survives(scenario, built, case, Path(folder), quiet=quiet)
        seen = play(Path(folder), built, case)
    if not quiet:
        for line in seen.log.splitlines():
            click.echo(f"   {line}")
    model = judged(case).verdict
    expected = (scenario.verdict, scenario.version, 0)
    passed = (
        (seen.verdict, seen.version, seen.status) == expected
        and model == scenario.model
        and seen.unanswered is None
        and seen.mcu in (None, case.installs)
    )
    click.echo(
        f"{'ok' if passed else 'FAILED'}: expected {_verdict(scenario.verdict)} and then {scenario.version}; "
        f"seen {_seen(seen)}; the model says {_verdict(model)}"
    )
    return _Outcome(passed, _seen(seen))


def _survives(scenario: Scenario, built: Built, case: Case, folder: Path, *, quiet: bool) -> _Outcome:
    """Make trouble in the scenario's operations, one after another, each time on a new device."""
    what, many = ("cut", "cuts") if scenario.trouble is Trouble.CUT else ("error", "errors")
    total = operations(folder, built, case)
    results = []
    for result in cuts(built, case, spread(total, scenario.cuts), scenario.trouble):
        results.append(result)
        if not quiet:
            after, end = (version or "no whole version" for version in (result.after, result.end))
            click.echo(
                f"   {what} in flash operation {result.operation} of {total}: {after} ran then, {end} in the end"
            )
    ends = sum(result.after is not None and result.end == scenario.version for result in results)
    old = sum(result.after == case.before for result in results)
    passed = (ends < len(results)) is scenario.breaks
    expected = (
        f"a device without a whole version after some of {len(results)} {many}"
        if scenario.breaks
        else f"a whole version after each of {len(results)} {many}, and {scenario.version} in the end"
    )
    found = f"{len(results) - ends} times" if scenario.breaks else f"{ends} times"
    click.echo(
        f"{'ok' if passed else 'FAILED'}: expected {expected}; seen {found} ({old} times the old version ran at first)"
    )
    return _Outcome(passed, f"whole after {ends} of {len(results)} {many}")


def _seen(seen: Seen) -> str:
    verdict = "no verdict" if seen.verdict is None else _verdict(seen.verdict)
    found = [f"{verdict} and then {seen.version or 'no version'}"]
    if seen.unanswered is not None:
        found.append(f"no right answer to {seen.unanswered!r}")
    if seen.mcu is not None:
        found.append(f"{len(seen.mcu)} bytes in the MCU")
    if seen.status:
        found.append(f"exit status {seen.status}")
    return ", ".join(found)


def _verdict(verdict: IntEnum) -> str:
    return f"{verdict.name} ({int(verdict)})"
