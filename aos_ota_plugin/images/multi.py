"""Several images for one device: kernel, application, file system, a second chip.

The vendor's device code (component ``ota`` of 3.x, ``ota_verify_hash.c``, ``ota_service.c``, ``2ndboot.c``) has **no
container of several images**: a file holds one payload and ends in one ``ota_image_info_t``; ``image_num`` is never
read; the magic is only checked to be one of the five, and a file with the MCU magic is handed on to the second chip.
So several images are several OTA files, and parts that lie in the application partition are joined, with ``ff`` in
the gaps, to one payload of magic ALL, because a device replaces that partition as a whole.

Addresses and sizes are bytes; addresses count from the start of the flash.

>>> table = [Partition("RTOS", 0x2A000, 0x578000)]
>>> parts = [Part(ImageMagic.KERNEL, b"kernel", "RTOS"), Part(ImageMagic.APP, b"app", 0x30000)]
>>> [(part.magic.name, hex(part.address)) for part in place(parts, table)]
[('KERNEL', '0x2a000'), ('APP', '0x30000')]
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import List, Sequence, Tuple, Union

from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.images.info import ImageMagic

ERASED = b"\xff"
SECTOR_SIZE = 0x1000
"""Flash is erased in sectors, so two parts never share one."""
APPLICATION = ("HAL_PARTITION_APPLICATION", "HAL_PARTITION_RTOSA", "RTOS")
"""Names of the partition that a device boots from, in partition tables and in the flasher's file list."""
FILE_SYSTEM = ("HAL_PARTITION_LITTLEFS", "HAL_PARTITION_SPIFFS", "LITTLEFS")


@dataclass(frozen=True)
class Partition:
    """A piece of flash: address and length in bytes."""

    name: str
    start: int
    length: int

    @property
    def end(self) -> int:
        """Return the first address behind it."""
        return self.start + self.length


@dataclass(frozen=True)
class Part:
    """A payload and its place.

    `where` is an address, a partition's name, or None for the usual place of its magic.
    """

    magic: ImageMagic
    data: bytes = field(repr=False)
    where: Union[int, str, None] = None


@dataclass(frozen=True)
class PlacedPart:
    """A part at its address, inside a partition."""

    magic: ImageMagic
    address: int
    partition: Partition
    data: bytes = field(repr=False)

    @property
    def end(self) -> int:
        """Return the first address behind it."""
        return self.address + len(self.data)


def place(parts: Sequence[Part], partitions: Sequence[Partition]) -> Tuple[PlacedPart, ...]:
    """Return the parts with their addresses, in the order of the flash.

    Raises:
        FormatError: a part is empty, its place is unknown or not at the start of a sector, it does not fit its
            partition or reaches into another one, two share a sector, ALL is given beside APP or KERNEL, the kernel is
            behind the application in one partition, or nothing is at the start of an application partition that holds
            parts.
    """
    magics = [part.magic for part in parts]
    for magic in magics:
        if magics.count(magic) > 1:
            raise FormatError(f"{magic.name} is given twice", remedy="give each part once")
    if ImageMagic.ALL in magics and {ImageMagic.APP, ImageMagic.KERNEL} & set(magics):
        raise FormatError(
            "ALL is the whole firmware, so APP and KERNEL cannot be given with it",
            remedy="give either the whole or its parts",
        )
    placed = sorted((_place(part, partitions) for part in parts), key=lambda part: part.address)
    for part, following in zip(placed, placed[1:]):
        if _sector_end(part.end) > following.address:
            raise FormatError(
                f"{part.magic.name} (0x{part.address:x} to 0x{part.end:x}) and {following.magic.name} (from "
                f"0x{following.address:x}) overlap; flash is erased in sectors of 0x{SECTOR_SIZE:x}",
                remedy="move one of them, or make the first one smaller",
            )
    _check_order(placed)
    return tuple(placed)


def runs(placed: Sequence[PlacedPart]) -> Tuple[Tuple[PlacedPart, ...], ...]:
    """Return the parts in groups that one file for the flasher may hold.

    Gaps are filled with ``ff``, so a gap must hold nothing: parts share a file only inside one partition, or where the
    next one's partition begins right behind. Other contents of the flash (a boot stage, the KV partition) stay.
    """
    groups: List[List[PlacedPart]] = []
    for part in placed:
        partition = groups[-1][-1].partition if groups else None
        if partition is not None and (part.partition == partition or part.partition.start == partition.end):
            groups[-1].append(part)
        else:
            groups.append([part])
    return tuple(tuple(group) for group in groups)


def join(placed: Sequence[PlacedPart]) -> bytes:
    """Return the bytes from the first part's address to the last part's end, ``ff`` between the parts."""
    run = bytearray()
    for part in placed:
        gap = part.address - placed[0].address - len(run)
        run += ERASED * gap + part.data
    return bytes(run)


def firmware(placed: Sequence[PlacedPart]) -> Tuple[PlacedPart, ...]:
    """Return the parts in the application partition, which a device replaces as a whole."""
    return tuple(part for part in placed if part.partition.name in APPLICATION)


def _find_place(part: Part, partitions: Sequence[Partition]) -> Tuple[int, Partition]:
    """Return where a part begins, and the smallest partition around that address. Raises FormatError."""
    name = part.magic.name
    if isinstance(part.where, int):
        address = part.where
        candidates = sorted(
            (partition for partition in partitions if partition.start <= address < partition.end),
            key=lambda partition: partition.length,
        )
        if not candidates:
            raise FormatError(
                f"{name} at 0x{address:x} lies in no partition: {_listed(partitions)}",
                remedy="choose an address inside one, or the partition's name",
            )
    else:
        wanted = (str(part.where),) if part.where else _usual(part.magic)
        candidates = [partition for partition in partitions if partition.name in wanted]
        if not candidates:
            missing = f"there is no partition {wanted[0]}" if wanted else f"{name} has no usual place"
            raise FormatError(
                f"{missing}; there are: {_listed(partitions)}",
                remedy="say where it belongs: FILE@PARTITION or FILE@ADDRESS",
            )
        if len({(partition.start, partition.length) for partition in candidates}) > 1:
            raise FormatError(
                f"{name} has more than one place: {_listed(candidates)}",
                remedy="say which: FILE@PARTITION or FILE@ADDRESS",
            )
        address = candidates[0].start
    return address, candidates[0]


def _place(part: Part, partitions: Sequence[Partition]) -> PlacedPart:
    name = part.magic.name
    if not part.data:
        raise FormatError(f"{name} is empty", remedy="check the build step that makes it")
    address, around = _find_place(part, partitions)
    if address % SECTOR_SIZE:
        raise FormatError(
            f"{name} at 0x{address:x} does not start on a sector of 0x{SECTOR_SIZE:x} bytes",
            remedy=f"use 0x{address - address % SECTOR_SIZE:x} or 0x{_sector_end(address):x}",
        )
    room = around.end - address
    if len(part.data) > room:
        raise FormatError(
            f"{name} has {len(part.data)} bytes; from 0x{address:x} to the end of {around.name} "
            f"there is room for {room}",
            remedy="make it smaller, or give it another place",
        )
    end = _sector_end(address + len(part.data))
    other = next(
        (
            partition
            for partition in partitions
            if partition.start < end
            and address < partition.end
            and not (partition.start <= around.start and around.end <= partition.end)
        ),
        None,
    )
    if other is not None:
        raise FormatError(
            f"{name} (0x{address:x} to 0x{address + len(part.data):x}) reaches into {_listed([other])}, "
            f"which overlaps {around.name} in the table",
            remedy="correct the table, or choose another place",
        )
    return PlacedPart(part.magic, address, around, part.data)


def _check_order(placed: Sequence[PlacedPart]) -> None:
    inside = firmware(placed)
    kernel = next((part for part in inside if part.magic is ImageMagic.KERNEL), None)
    app = next((part for part in inside if part.magic is ImageMagic.APP), None)
    if kernel and app and kernel.address > app.address:
        raise FormatError(
            f"KERNEL (0x{kernel.address:x}) lies behind APP (0x{app.address:x})",
            remedy="put the kernel first: the boot stage starts the code at the partition's start",
        )
    if inside and inside[0].address != inside[0].partition.start:
        partition = inside[0].partition
        raise FormatError(
            f"there is no part at 0x{partition.start:x}, where {partition.name} starts and the boot stage jumps to",
            remedy="put the first part there",
        )


def _usual(magic: ImageMagic) -> Tuple[str, ...]:
    if magic in (ImageMagic.APP, ImageMagic.ALL):
        return APPLICATION
    return FILE_SYSTEM if magic is ImageMagic.FS else ()


def _sector_end(address: int) -> int:
    return -(-address // SECTOR_SIZE) * SECTOR_SIZE


def _listed(partitions: Sequence[Partition]) -> str:
    rows: List[str] = [f"{partition.name} 0x{partition.start:x} to 0x{partition.end:x}" for partition in partitions]
    return ", ".join(rows) or "none"
