"""Judge a scenario: compare the expected, observed and modeled behavior of the device."""

from __future__ import annotations

from enum import IntEnum
from pathlib import Path
from typing import Callable, NamedTuple

from aos_ota_plugin.files.folders import temporary_folder
from aos_ota_plugin.lab.simulate.device import Case, Observation, judge_case, play
from aos_ota_plugin.lab.simulate.firmware import Built
from aos_ota_plugin.lab.simulate.power import FlashFault, cuts, operations, spread
from aos_ota_plugin.lab.simulate.scenarios import Scenario

Say = Callable[[str], None]


class Outcome(NamedTuple):
    """The outcome of a scenario: whether it ended as expected, and the observation in words."""

    passed: bool
    seen: str


class Judge:
    """A runner of scenarios; `say` gets lines of output, with `quiet` without the devices' logs."""

    def __init__(self, built: Built, say: Say, *, quiet: bool) -> None:
        self._built = built
        self._say = say
        self._quiet = quiet

    def outcome_of(self, scenario: Scenario) -> Outcome:
        """Run a scenario on a new device, and judge its end."""
        self._say(f"== {scenario.name}: {scenario.about}")
        case = scenario.case(self._built)
        with temporary_folder("aos_ota_plugin-") as folder:
            if scenario.cuts:
                return self._run_faults(scenario, case, Path(folder))
            seen = play(Path(folder), self._built, case)
        if not self._quiet:
            for line in seen.log.splitlines():
                self._say(f"   {line}")
        model = judge_case(case).verdict
        expected = (scenario.verdict, scenario.version, 0)
        passed = (
            (seen.verdict, seen.version, seen.status) == expected
            and model == scenario.model
            and seen.unanswered is None
            and seen.mcu in (None, case.installs)
        )
        self._say(
            f"{'ok' if passed else 'FAILED'}: expected {_verdict(scenario.verdict)} and then {scenario.version}; "
            f"seen {_describe(seen)}; the model says {_verdict(model)}"
        )
        return Outcome(passed, _describe(seen))

    def _run_faults(self, scenario: Scenario, case: Case, folder: Path) -> Outcome:
        """Run the scenario with a fault in one flash operation after another, each on a new device."""
        what, many = ("cut", "cuts") if scenario.fault is FlashFault.CUT else ("error", "errors")
        total = operations(folder, self._built, case)
        results = []
        for result in cuts(self._built, case, spread(total, scenario.cuts), scenario.fault):
            results.append(result)
            if not self._quiet:
                after, end = (version or "no whole version" for version in (result.after, result.end))
                self._say(
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
        times = f"{len(results) - ends} times" if scenario.breaks else f"{ends} times"
        self._say(
            f"{'ok' if passed else 'FAILED'}: expected {expected}; seen {times} "
            f"({old} times the old version ran at first)"
        )
        return Outcome(passed, f"whole after {ends} of {len(results)} {many}")


def _describe(seen: Observation) -> str:
    verdict = "no verdict" if seen.verdict is None else _verdict(seen.verdict)
    parts = [f"{verdict} and then {seen.version or 'no version'}"]
    if seen.unanswered is not None:
        parts.append(f"no right answer to {seen.unanswered!r}")
    if seen.mcu is not None:
        parts.append(f"{len(seen.mcu)} bytes in the MCU")
    if seen.status:
        parts.append(f"exit status {seen.status}")
    return ", ".join(parts)


def _verdict(verdict: IntEnum) -> str:
    return f"{verdict.name} ({int(verdict)})"
