"""A model of a device that applies a diff in place: its flash, its steps, the effect of a power cut.

One boot processes the sections in turn. Each is rebuilt from the application's partition into the last section_size
bytes of the OTA partition, a record of that is stored, the rebuilt bytes are copied over the application, and a record
is stored again. After a power cut the next boot continues from the record. As in the device's code, the record of a
rebuilt section already points behind it: **a boot that has nothing left to rebuild reports success, though the last
section may be half copied**. That is why `images.diff.create` ends in a section whose content does not matter.

Records are stored whole or not at all: their sector is not part of this model.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Optional

from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.images.diff.apply import rebuild
from aos_ota_plugin.images.diff.container import DEVICE_3X, SECTOR_SIZE, Limits, parse, read_section
from aos_ota_plugin.images.info import BytesLike

_ERASED = 0xFF


@dataclass(frozen=True)
class Record:
    """The device's state after a reset (``ota_boot_param_t``): offsets and sizes in bytes."""

    patch_off: int = 0  # behind the sections that are rebuilt
    new_off: int = 0  # behind the sections that are copied
    new_size: int = 0  # of the rebuilt section
    patch_status: int = 0  # 1: a rebuilt section waits to be copied


class _PowerCut(Exception):  # noqa: N818 - never leaves this module, and is no error
    """A power failure in the middle of an operation."""


class Flash:
    """A partition of flash: erased by sectors, written only where it is erased.

    A power cut leaves an operation half done. Raises FormatError for what flash cannot do.
    """

    def __init__(self, content: BytesLike, size: int, power: Power) -> None:
        if len(content) > size or size % SECTOR_SIZE:
            raise FormatError(f"{len(content)} bytes do not fit a partition of {size} bytes in whole sectors")
        self.data = bytearray(content) + bytes([_ERASED]) * (size - len(content))
        self._power = power

    def erase(self, offset: int) -> None:
        """Erase the sector that starts at `offset`."""
        if offset % SECTOR_SIZE or not 0 <= offset < len(self.data):
            raise FormatError(f"no sector starts at {offset} in a partition of {len(self.data)} bytes")
        size = self._power.spend(SECTOR_SIZE)
        self.data[offset : offset + size] = bytes([_ERASED]) * size
        self._power.check()

    def write(self, offset: int, content: BytesLike) -> None:
        """Write bytes within one sector."""
        end = offset + len(content)
        if not 0 <= offset < end <= len(self.data) or offset // SECTOR_SIZE != (end - 1) // SECTOR_SIZE:
            raise FormatError(f"{len(content)} bytes at {offset} do not lie within one sector")
        if any(byte != _ERASED for byte in self.data[offset:end]):
            raise FormatError(f"the flash at {offset} is written without being erased")
        size = self._power.spend(len(content))
        self.data[offset : offset + size] = content[:size]
        self._power.check()


class Power:
    """A counter of operations, which fails in the middle of the one after `lasts` of them."""

    def __init__(self) -> None:
        self.operations = 0
        self.lasts: Optional[int] = None

    @property
    def failing(self) -> bool:
        """Return whether the current operation is the one that fails."""
        return self.lasts is not None and self.operations > self.lasts

    def spend(self, size: int) -> int:
        """Begin an operation on `size` bytes; return how many of them it reaches."""
        self.operations += 1
        return size // 2 if self.failing else size

    def check(self) -> None:
        """End an operation, with the power failure if it is the one that fails."""
        if self.failing:
            raise _PowerCut


class InPlaceDevice:
    """A device with `old` in its application's partition and `patch` at the start of its OTA partition.

    Partition sizes are in bytes; they replace file_size and flash_size of `limits`. Raises FormatError when `old` or
    `patch` does not fit them, or the patch breaks the limits.
    """

    def __init__(
        self, old: BytesLike, patch: BytesLike, *, application_size: int, ota_size: int, limits: Limits = DEVICE_3X
    ) -> None:
        self.power = Power()
        self.record = Record()
        self._section_size = limits.section_size
        self._application = Flash(old, application_size, self.power)
        self._ota = Flash(patch, ota_size, self.power)
        self._limits = replace(limits, file_size=ota_size - limits.section_size, flash_size=application_size)
        self._patch_size = len(patch)
        parse(patch, limits=self._limits)

    @property
    def application(self) -> bytes:
        """Return the current content of the application's partition."""
        return bytes(self._application.data)

    def boot(self, power_lasts: Optional[int] = None) -> bool:
        """Run the upgrade; return whether the device reports success. False: power failed.

        `power_lasts` is the number of operations (erasing or writing a sector, storing a record) that this boot
        completes; the next is left half done. None: power does not fail. Raises FormatError where the device would
        find the patch or its base damaged.
        """
        self.power.operations = 0
        self.power.lasts = power_lasts
        try:
            while self.record.patch_off < self._patch_size:
                if not self.record.patch_status:
                    self._rebuild_next()
                self._copy_rebuilt()
        except _PowerCut:
            return False
        return True

    def _rebuild_next(self) -> None:
        record = self.record
        patch = memoryview(self._ota.data)[: self._patch_size]
        section = read_section(patch, record.patch_off, record.new_off, limits=self._limits)
        rebuilt, _ = rebuild(section, self._application.data)
        start = len(self._ota.data) - self._section_size
        for at in range(0, len(rebuilt), SECTOR_SIZE):
            self._ota.erase(start + at)
            self._ota.write(start + at, rebuilt[at : at + SECTOR_SIZE])
        self._store(Record(section.offset + section.size, record.new_off, section.new_size, patch_status=1))

    def _copy_rebuilt(self) -> None:
        record = self.record
        start = len(self._ota.data) - self._section_size
        for at in range(0, record.new_size, SECTOR_SIZE):
            size = min(SECTOR_SIZE, record.new_size - at)
            self._application.erase(record.new_off + at)
            self._application.write(record.new_off + at, self._ota.data[start + at : start + at + size])
        self._store(Record(record.patch_off, record.new_off + record.new_size, record.new_size, patch_status=0))

    def _store(self, record: Record) -> None:
        self.power.spend(0)
        self.power.check()
        self.record = record
