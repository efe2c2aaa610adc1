"""Power that fails in the middle of an upgrade: at any write or erase of the flash, from the download to the new start.

The operation that power fails in is half done. When power is back, the device has to run the old version or the new
one, whole; the platform, told of an old one, offers the upgrade again, and the device has to end on the new version.
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
    Seen,
    files_after,
    files_of,
    prepare,
    send,
    switch_on,
)
from aos_ota_plugin.lab.simulate.firmware import Built
from aos_ota_plugin.lab.simulate.machine import StillOnError

_OPERATIONS = re.compile(r"^off: (\d+) flash operations$", re.MULTILINE)
_VENDORS_LONGEST = 15  # seconds; a start takes less than one
_BANK = re.compile(r"^boot: bank ([AB])$", re.MULTILINE)


class Trouble(Enum):
    """What happens to a flash operation: power fails in the middle of it, or it fails and power stays on."""

    CUT = "cut"
    ERROR = "fail"


class Cut(NamedTuple):
    """What came of one operation's trouble: the operation, the version that ran at the next start, that in the end.

    A version is None where none ran, or where the bank that ran is not that version's payload.
    """

    operation: int
    after: Optional[str]
    end: Optional[str]
    log: str


def operations(folder: Path, built: Built, case: Case) -> int:
    """Return how many flash operations the undisturbed upgrade takes.

    Raises BuildError when it does not get through.
    """
    prepare(folder, built, case)
    seen = switch_on(folder, module=case.offer.module)
    counted = _OPERATIONS.findall(seen.log)
    if not counted or seen.version != case.offer.version:
        raise BuildError(f"the upgrade does not get through undisturbed; the device showed:\n{seen.log[-2000:]}")
    return int(counted[-1])


def spread(total: int, cuts: int) -> List[int]:
    """Return at most `cuts` operations out of 1 to `total`, evenly spread, the first and the last among them."""
    if cuts >= total:
        return list(range(1, total + 1))
    return sorted({1 + round(number * (total - 1) / max(cuts - 1, 1)) for number in range(cuts)})


def cuts(built: Built, case: Case, places: Sequence[int], trouble: Trouble = Trouble.CUT) -> Iterator[Cut]:
    """Yield what came of trouble in each of these operations, in their order, on several devices at once."""
    import os
    import tempfile
    from concurrent.futures import ThreadPoolExecutor

    def one(operation: int) -> Cut:
        with tempfile.TemporaryDirectory(prefix="aos_ota_plugin-") as folder:
            return cut(Path(folder), built, case, operation, trouble)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(one, places)


def cut(folder: Path, built: Built, case: Case, operation: int, trouble: Trouble = Trouble.CUT) -> Cut:
    """Take a new device through the upgrade, with trouble in this operation.

    Raises BuildError when power did not fail though it should have.
    """
    prepare(folder, built, case)
    try:
        return _cut(folder, built, case, operation, trouble)
    except StillOnError as error:
        if not case.vendor_boot:
            raise
        # What the vendor's boot stage starts may be half a version: it may do anything, and never end.
        return Cut(operation, None, None, error.problem)


def _cut(folder: Path, built: Built, case: Case, operation: int, trouble: Trouble) -> Cut:
    seconds = _VENDORS_LONGEST if case.vendor_boot else 60
    first = switch_on(folder, [f"{trouble.value}={operation}"], seconds=seconds)
    if trouble is Trouble.CUT and first.status != machine.POWER_CUT:
        raise BuildError(f"flash operation {operation} was never reached; the device showed:\n{first.log[-2000:]}")
    send(folder, [])
    second = switch_on(folder, module=case.offer.module, seconds=seconds)
    after = whole(folder, built, case, second)
    send(folder, [case.offer])
    third = switch_on(folder, module=case.offer.module, seconds=seconds)
    end = whole(folder, built, case, third)
    return Cut(operation, after, end, first.log + second.log + third.log)


def whole(folder: Path, built: Built, case: Case, seen: Seen) -> Optional[str]:
    """Return the version that reports itself, if the bank that was started last holds its payload; of a module, if the
    files are its own; else None.
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
