"""Power cuts and flash errors at any write or erase of an upgrade, from download to restart.

The interrupted operation is half done. After the cut the device has to run the old or the new version, undamaged; when
it reports the old one, the platform offers the upgrade again, and the device has to end on the new version.
"""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path
from typing import Iterator, List, NamedTuple, Optional, Sequence

from aos_ota_plugin.errors import BuildError
from aos_ota_plugin.lab.simulate import flash, machine
from aos_ota_plugin.lab.simulate.device import (
    FLASH_LIST_NAME,
    Case,
    Observation,
    files_after,
    files_of,
    prepare,
    send,
    switch_on,
)
from aos_ota_plugin.lab.simulate.firmware import Built
from aos_ota_plugin.lab.simulate.machine import StillOnError

_OPERATIONS = re.compile(r"^off: (\d+) flash operations$", re.MULTILINE)
_VENDOR_SECONDS = 15  # seconds; a start takes less than one
_BANK = re.compile(r"^boot: bank ([AB])$", re.MULTILINE)


class FlashFault(Enum):
    """A fault of a flash operation: power fails in the middle of it, or it returns an error."""

    CUT = "cut"
    ERROR = "fail"


class Cut(NamedTuple):
    """The outcome of a fault: the operation's number, the versions after the next start and at the end.

    A version is None when none ran, or when the bank's content is not that version's payload.
    """

    operation: int
    after: Optional[str]
    end: Optional[str]
    log: str


def operations(folder: Path, built: Built, case: Case) -> int:
    """Return the number of flash operations of the upgrade without faults.

    Raises BuildError when the upgrade fails.
    """
    prepare(folder, built, case)
    seen = switch_on(folder, module=case.offer.module)
    counted = _OPERATIONS.findall(seen.log)
    if not counted or seen.version != case.offer.version:
        raise BuildError(f"the upgrade does not get through undisturbed; the device showed:\n{seen.log[-2000:]}")
    return int(counted[-1])


def spread(total: int, cuts: int) -> List[int]:
    """Return at most `cuts` numbers from 1 to `total`, evenly spread, with the first and the last."""
    if cuts >= total:
        return list(range(1, total + 1))
    return sorted({1 + round(number * (total - 1) / max(cuts - 1, 1)) for number in range(cuts)})


def cuts(built: Built, case: Case, places: Sequence[int], fault: FlashFault = FlashFault.CUT) -> Iterator[Cut]:
    """Yield the outcome of a fault in each of these operations, in order; devices run in parallel."""
    import os
    import tempfile
    from concurrent.futures import ThreadPoolExecutor

    def run(operation: int) -> Cut:
        with tempfile.TemporaryDirectory(prefix="aos_ota_plugin-") as folder:
            return cut(Path(folder), built, case, operation, fault)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(run, places)


def cut(folder: Path, built: Built, case: Case, operation: int, fault: FlashFault = FlashFault.CUT) -> Cut:
    """Run the upgrade on a new device with a fault in this operation.

    Raises BuildError when the operation was not reached.
    """
    prepare(folder, built, case)
    try:
        return _cut(folder, built, case, operation, fault)
    except StillOnError as error:
        if not case.vendor_boot:
            raise
        # The vendor's boot stage may start half a version, which may run forever.
        return Cut(operation, None, None, error.problem)


def _cut(folder: Path, built: Built, case: Case, operation: int, fault: FlashFault) -> Cut:
    seconds = _VENDOR_SECONDS if case.vendor_boot else 60
    first = switch_on(folder, [f"{fault.value}={operation}"], seconds=seconds)
    if fault is FlashFault.CUT and first.status != machine.POWER_CUT:
        raise BuildError(f"flash operation {operation} was never reached; the device showed:\n{first.log[-2000:]}")
    send(folder, [])
    second = switch_on(folder, module=case.offer.module, seconds=seconds)
    after = intact_version(folder, built, case, second)
    send(folder, [case.offer])
    third = switch_on(folder, module=case.offer.module, seconds=seconds)
    end = intact_version(folder, built, case, third)
    return Cut(operation, after, end, first.log + second.log + third.log)


def intact_version(folder: Path, built: Built, case: Case, seen: Observation) -> Optional[str]:
    """Return the version that is reported and undamaged, else None.

    The bank that started last has to hold the version's payload; for a module, the files have to be the version's.
    """
    if case.offer.module is not None:
        expected = {case.module_version: case.files, case.offer.version: files_after(case)}.get(seen.version)
        return seen.version if files_of(folder, built) == expected else None
    payload = {case.version: case.firmware, case.offer.version: case.installs}.get(seen.version or "")
    banks: List[str] = _BANK.findall(seen.log)
    if not payload or not banks:
        return None
    rows = {row.name: row for row in flash.partitions(built.flash_list, FLASH_LIST_NAME)}
    start = rows[f"RTOS{banks[-1]}"].address
    return seen.version if (folder / machine.FLASH).read_bytes()[start : start + len(payload)] == payload else None
