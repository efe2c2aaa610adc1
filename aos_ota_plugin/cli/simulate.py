"""``aos-ota simulate``."""

from __future__ import annotations

import sys
import tempfile
from enum import IntEnum
from pathlib import Path
from typing import List, Tuple

import click

from aos_ota_plugin.cli.demo_firmware import built_firmware
from aos_ota_plugin.cli.output import echo_table
from aos_ota_plugin.errors import ProofError
from aos_ota_plugin.simulate.console import interact, transcript
from aos_ota_plugin.simulate.device import Case, Seen, judged, play, prepare
from aos_ota_plugin.simulate.firmware import Built
from aos_ota_plugin.simulate.machine import find_qemu
from aos_ota_plugin.simulate.power import cuts, operations, spread
from aos_ota_plugin.simulate.scenarios import SCENARIOS, Scenario


@click.command("simulate", short_help="take an emulated device through upgrades that must succeed or be refused")
@click.argument("directory", default="build/simulate", type=click.Path(file_okay=False))
@click.option("--scenario", "names", multiple=True, type=click.Choice(list(SCENARIOS)), metavar="NAME",
              help="Only this one; may be given several times.  [default: all]")
@click.option("--list", "only_list", is_flag=True, help="Show the scenarios there are, and end.")
@click.option("--console", "console", is_flag=True,
              help="Type on a device's console instead; the new version waits for it on the platform.")
@click.option("--quiet", is_flag=True, help="No device logs.")
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
        echo_table(("scenario", "what"), [(one.name, one.about) for one in SCENARIOS.values()])
        return
    find_qemu()
    built = built_firmware(Path(directory).absolute(), quiet=quiet)
    if console:
        _talk(built)
        return
    wanted = [SCENARIOS[name] for name in names] or list(SCENARIOS.values())
    failed = [scenario.name for scenario in wanted if not _passed(scenario, built, quiet=quiet)]
    if failed:
        raise ProofError(f"{len(failed)} of {len(wanted)} scenarios ended otherwise than expected: {', '.join(failed)}",
                         remedy="their logs stand above; the last line of each says what was seen")
    click.echo(f"{len(wanted)} of {len(wanted)} scenarios ended as expected")


def _talk(built: Built) -> None:
    with tempfile.TemporaryDirectory(prefix="aos_ota_plugin-") as folder:
        prepare(Path(folder), built, SCENARIOS["console"].case(built))
        if not sys.stdin.isatty():
            click.echo(transcript(Path(folder), sys.stdin.read().splitlines()))
            return
        click.echo("Enter shows the prompt, help the commands; netmgr -t wifi -c SSID PASSWORD connects, and the "
                   "platform offers an upgrade. Ctrl-A X switches the device off.", err=True)
        interact(Path(folder))


def _passed(scenario: Scenario, built: Built, *, quiet: bool) -> bool:
    click.echo(f"== {scenario.name}: {scenario.about}")
    case = scenario.case(built)
    with tempfile.TemporaryDirectory(prefix="aos_ota_plugin-") as folder:
        if scenario.cuts:
            return _survives(scenario, built, case, Path(folder), quiet=quiet)
        seen = play(Path(folder), built, case)
    if not quiet:
        for line in seen.log.splitlines():
            click.echo(f"   {line}")
    model = judged(case).verdict
    expected = (scenario.verdict, scenario.version, 0)
    passed = ((seen.verdict, seen.version, seen.status) == expected and model == scenario.verdict
              and seen.unanswered is None)
    click.echo(f"{'ok' if passed else 'FAILED'}: expected {_verdict(scenario.verdict)} and then {scenario.version}; "
               f"seen {', '.join(_seen(seen))}; the model says {_verdict(model)}")
    return passed


def _survives(scenario: Scenario, built: Built, case: Case, folder: Path, *, quiet: bool) -> bool:
    """Cut power in the scenario's operations, one after another, each time on a new device."""
    total = operations(folder, built, case)
    results = []
    for result in cuts(built, case, spread(total, scenario.cuts)):
        results.append(result)
        if not quiet:
            click.echo(f"   cut in flash operation {result.operation} of {total}: {result.after or 'no whole version'} "
                       f"ran then, {result.end or 'no whole version'} in the end")
    ends = sum(result.after is not None and result.end == scenario.version for result in results)
    old = sum(result.after == case.before for result in results)
    passed = ends == len(results)
    click.echo(f"{'ok' if passed else 'FAILED'}: expected a whole version after each of {len(results)} cuts, and "
               f"{scenario.version} in the end; seen {ends} times ({old} times the old version ran at first)")
    return passed


def _seen(seen: Seen) -> List[str]:
    verdict = "no verdict" if seen.verdict is None else _verdict(seen.verdict)
    found = [f"{verdict} and then {seen.version or 'no version'}"]
    if seen.unanswered is not None:
        found.append(f"no right answer to {seen.unanswered!r}")
    return [*found, f"exit status {seen.status}"] if seen.status else found


def _verdict(verdict: IntEnum) -> str:
    return f"{verdict.name} ({int(verdict)})"
