"""The demo's boot stage against the case table of tests/device/cases: how it ends what the agent has accepted."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from boot_device import ARENA_DIFF, ARENA_XZ, DIFF, XZ, Device, Layout

sys.path.insert(0, str(Path(__file__).parent.parent / "device"))
from case_table import Case, load

pytestmark = pytest.mark.native
JOURNAL_SIZE = 0x40000


def kind_of(case: Case) -> int:
    """Return what the boot stage is asked for; 0 for a full image and for a module's file."""
    if b'"module"' in case.text:
        return 0
    return DIFF if case.file.startswith(b"BSDIFF40") else XZ if case.file.startswith(b"\xfd7zXZ\0") else 0


def end_of(device: Device, case: Case, kind: int) -> int:
    """Return the code that the upgrade ends with, 0 where the new version starts."""
    layout = Layout(case.partition_size, min(case.partition_size, JOURNAL_SIZE))
    arena = ARENA_DIFF if kind == DIFF else ARENA_XZ
    device.flash(layout, [case.base or b"old firmware"], arena)
    assert device.request(kind, case.file).code == 0, case.place
    code = device.run().code
    return code if code < 0 else device.state().result


def test_it_ends_as_the_table_says(device):
    accepted = {case.name: case for case in load() if case.hardened is not None and case.hardened.code == 0}
    ends = {name: end_of(device, case, kind_of(case)) for name, case in accepted.items() if kind_of(case)}
    assert len(ends) >= 60
    assert any(end == 0 for end in ends.values())
    wrong = {name: end for name, end in ends.items() if not is_right(end, accepted[name].hardened.boot)}
    assert wrong == {}


def is_right(end: int, expected: object) -> bool:
    return end < 0 if expected == "fails" else end == expected
