"""Several images for one device: kernel, application, file system, a second chip.

The vendor's device code (component ``ota`` of 3.x, ``ota_verify_hash.c``, ``ota_service.c``, ``2ndboot.c``) knows **no
container of several images**: a file holds one payload and ends in one ``ota_image_info_t``; ``image_num`` is read
by nothing; of the five magics it only checks that it is one of them, and hands a file with the MCU magic on to the
second chip. So several images are several OTA files, and parts that lie in the application partition are joined, with
``ff`` in the gaps, to one payload of magic ALL, because a device replaces that partition as a whole.

Addresses and sizes are bytes; addresses count from the start of the flash.
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
"""What the partition that a device boots from is called, in partition tables and in the flasher's file list."""
FILE_SYSTEM = ("HAL_PARTITION_LITTLEFS", "HAL_PARTITION_SPIFFS", "LITTLEFS")


@dataclass(frozen=True)
class Partition:
    """A piece of flash."""

    name: str
    start: int
    length: int

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.start + self.length


@dataclass(frozen=True)
class Part:
    """A payload and where it belongs: an address, a partition's name, or None for where its magic usually lies."""

    magic: ImageMagic
    data: bytes = field(repr=False)
    where: Union[int, str, None] = None


@dataclass(frozen=True)
class Placed:
    """A part at its address, inside a partition."""

    magic: ImageMagic
    address: int
    partition: Partition
    data: bytes = field(repr=False)

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.address + len(self.data)


def place(parts: Sequence[Part], partitions: Sequence[Partition]) -> Tuple[Placed, ...]:
    """Give every part its address; return them in the order of the flash.

    Raises:
        FormatError: a part is empty, its place is unknown or no start of a sector, it does not fit its partition or
            reaches into another one, two share a sector, ALL stands beside APP or KERNEL, the kernel follows the
            application in one partition, or nothing stands at the start of the application partition that parts are
            put into.
    """
    magics = [part.magic for part in parts]
    for magic in magics:
        if magics.count(magic) > 1:
            raise FormatError(f"{magic.name} is given twice", remedy="give each part once")
    if ImageMagic.ALL in magics and {ImageMagic.APP, ImageMagic.KERNEL} & set(magics):
        raise FormatError(
            "ALL is the whole firmware, so APP and KERNEL cannot stand beside it",
            remedy="give either the whole or its parts",
        )
    placed = sorted((_place(part, partitions) for part in parts), key=lambda one: one.address)
    for one, following in zip(placed, placed[1:]):
        if _sector_end(one.end) > following.address:
            raise FormatError(
                f"{one.magic.name} (0x{one.address:x} to 0x{one.end:x}) and {following.magic.name} (from "
                f"0x{following.address:x}) overlap; flash is erased in sectors of 0x{SECTOR_SIZE:x}",
                remedy="move one of them, or make the first one smaller",
            )
    _check_order(placed)
    return tuple(placed)


def runs(placed: Sequence[Placed]) -> Tuple[Tuple[Placed, ...], ...]:
    """Return the parts in groups that one file for the flasher may hold.

    Gaps are filled with ``ff``, so a gap must hold nothing: parts share a file only inside one partition, or where the
    next one's partition begins right behind. What else lies in the flash (a boot stage, the KV partition) stays.
    """
    groups: List[List[Placed]] = []
    for one in placed:
        home = groups[-1][-1].partition if groups else None
        if home is not None and (one.partition == home or one.partition.start == home.end):
            groups[-1].append(one)
        else:
            groups.append([one])
    return tuple(tuple(group) for group in groups)


def join(placed: Sequence[Placed]) -> bytes:
    """Return one run of flash from the first part's address to the last part's end, ``ff`` between them."""
    run = bytearray()
    for one in placed:
        gap = one.address - placed[0].address - len(run)
        run += ERASED * gap + one.data
    return bytes(run)


def firmware(placed: Sequence[Placed]) -> Tuple[Placed, ...]:
    """Return the parts that lie in the application partition: what a device replaces as a whole."""
    return tuple(one for one in placed if one.partition.name in APPLICATION)


def _place(part: Part, partitions: Sequence[Partition]) -> Placed:
    name = part.magic.name
    if not part.data:
        raise FormatError(f"{name} is empty", remedy="check the build step that makes it")
    if isinstance(part.where, int):
        address = part.where
        home = sorted((one for one in partitions if one.start <= address < one.end), key=lambda one: one.length)
        if not home:
            raise FormatError(
                f"{name} at 0x{address:x} lies in no partition: {_listed(partitions)}",
                remedy="choose an address inside one, or the partition's name",
            )
    else:
        wanted = (str(part.where),) if part.where else _usual(part.magic)
        home = [one for one in partitions if one.name in wanted]
        if not home:
            missing = f"there is no partition {wanted[0]}" if wanted else f"{name} has no usual place"
            raise FormatError(
                f"{missing}; there are: {_listed(partitions)}",
                remedy="say where it belongs: FILE@PARTITION or FILE@ADDRESS",
            )
        if len({(one.start, one.length) for one in home}) > 1:
            raise FormatError(
                f"{name} has more than one place: {_listed(home)}", remedy="say which: FILE@PARTITION or FILE@ADDRESS"
            )
        address = home[0].start
    if address % SECTOR_SIZE:
        raise FormatError(
            f"{name} at 0x{address:x} does not start on a sector of 0x{SECTOR_SIZE:x} bytes",
            remedy=f"use 0x{address - address % SECTOR_SIZE:x} or 0x{_sector_end(address):x}",
        )
    room = home[0].end - address
    if len(part.data) > room:
        raise FormatError(
            f"{name} has {len(part.data)} bytes; from 0x{address:x} to the end of {home[0].name} "
            f"there is room for {room}",
            remedy="make it smaller, or give it another place",
        )
    end = _sector_end(address + len(part.data))
    other = next(
        (
            one
            for one in partitions
            if one.start < end and address < one.end and not (one.start <= home[0].start and home[0].end <= one.end)
        ),
        None,
    )
    if other is not None:
        raise FormatError(
            f"{name} (0x{address:x} to 0x{address + len(part.data):x}) reaches into {_listed([other])}, "
            f"which overlaps {home[0].name} in the table",
            remedy="correct the table, or choose another place",
        )
    return Placed(part.magic, address, home[0], part.data)


def _check_order(placed: Sequence[Placed]) -> None:
    inside = firmware(placed)
    kernel = next((one for one in inside if one.magic is ImageMagic.KERNEL), None)
    app = next((one for one in inside if one.magic is ImageMagic.APP), None)
    if kernel and app and kernel.address > app.address:
        raise FormatError(
            f"KERNEL (0x{kernel.address:x}) lies behind APP (0x{app.address:x})",
            remedy="put the kernel first: the boot stage starts what stands at the partition's start",
        )
    if inside and inside[0].address != inside[0].partition.start:
        home = inside[0].partition
        raise FormatError(
            f"nothing stands at 0x{home.start:x}, where {home.name} starts and the boot stage jumps to",
            remedy="put the first part there",
        )


def _usual(magic: ImageMagic) -> Tuple[str, ...]:
    if magic in (ImageMagic.APP, ImageMagic.ALL):
        return APPLICATION
    return FILE_SYSTEM if magic is ImageMagic.FS else ()


def _sector_end(address: int) -> int:
    return -(-address // SECTOR_SIZE) * SECTOR_SIZE


def _listed(partitions: Sequence[Partition]) -> str:
    rows: List[str] = [f"{one.name} 0x{one.start:x} to 0x{one.end:x}" for one in partitions]
    return ", ".join(rows) or "none"
