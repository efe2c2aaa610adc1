"""Versions, upgrades and a small flash that the tests of the boot stage share."""

from __future__ import annotations

from typing import List, NamedTuple

from boot_device import DIFF, FULL, XZ, Device, Layout
from nbdiff_reference import firmware, updated

from aos_ota_plugin.images import full, xz
from aos_ota_plugin.images.diff import Limits, build, create, parse

LAYOUT = Layout(bank_size=0xC000, journal_size=0x3000)
LIMITS = Limits(section_size=LAYOUT.journal_size, file_size=LAYOUT.bank_size - LAYOUT.journal_size,
                flash_size=LAYOUT.bank_size)  # fmt: skip
OLD = firmware(0x6800)
NEW = updated(OLD, edits=6)[:0x6400]


def padded(new: bytes) -> bytes:
    """What a diff leaves: whole sectors, and the dummy section behind."""
    return new + b"\xff" * (-len(new) % 0x1000)


def signed(digest: bytes) -> bytes:
    return digest * 8


class Upgrade(NamedTuple):
    kind: int
    file: bytes
    off: int  # in the OTA partition
    target: int  # the bank that holds the new version in the end
    made: bytes  # what it begins with


STREAM = xz.build(NEW, sign=signed)
PATCH = create(OLD, NEW, limits=LIMITS)
WITHOUT_DUMMY = PATCH[: parse(PATCH)[-1].offset]
UPGRADES = {
    "full": Upgrade(FULL, full.build(NEW, sign=signed), 0, 1, NEW),
    "xz": Upgrade(XZ, STREAM, 0, 0, NEW),
    "xz behind": Upgrade(XZ, STREAM, 0x7000, 1, NEW),
    "diff": Upgrade(DIFF, build(PATCH, sign=signed), 0, 0, padded(NEW)),
    "diff without dummy": Upgrade(DIFF, WITHOUT_DUMMY, 0, 0, padded(NEW)),
}
NAMES = list(UPGRADES)


def prepare(device: Device, upgrade: Upgrade, old: bytes = OLD, layout: Layout = LAYOUT) -> None:
    """The old version in bank A, the upgrade in the OTA partition and asked for; saved for `device.load`."""
    device.flash(layout, [old])
    assert device.request(upgrade.kind, upgrade.file, off=upgrade.off).code == 0
    device.save()


def starts_new(device: Device, upgrade: Upgrade, bank: int) -> bool:
    return bank == upgrade.target and device.bank(bank)[: len(upgrade.made)] == upgrade.made


def starts_old(device: Device, bank: int, old: bytes = OLD) -> bool:
    return bank == 0 and device.bank(0) == old + b"\xff" * (device.layout.bank_size - len(old))


def restart(device: Device, times: int = 5) -> List[int]:
    """Start until the device says which bank: the answers up to that."""
    codes = []
    for _ in range(times):
        codes.append(device.run().code)
        if codes[-1] >= 0:
            break
    return codes
