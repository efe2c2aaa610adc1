"""The rules of the second boot stage for an accepted image: it decodes xz, and applies diffs in place.

==========  =====================================================================  ===========================
rule        goes well when                                                         else
==========  =====================================================================  ===========================
xz          LZMA2 alone, CRC32 or no check, dictionary ≤ 32 KiB, undamaged         OTA_XZ_UNCOMP_FAIL
xz result   what it decodes to fits the application's partition                    OTA_XZ_UNCOMP_FAIL
diff        the file is no larger than the partition less 0x40000                  OTA_NB_READ_EXTRA_FAIL
            every section and its three streams can be read, and fit the buffers   OTA_NB_…, by what fails
in place    every section is rebuilt from what the flash holds by then             OTA_NB_…, by what fails
==========  =====================================================================  ===========================

The OTA_NB code of each fault is that of the open 3.x applier. Of the xz codes only the names are public: every stream
that cannot be used gets OTA_XZ_UNCOMP_FAIL. A section over 0x40000 bytes, with which devices erase past the OTA
partition, and a triple with a negative length, with which they crash, are DEVICE_FAULT. What devices may take though it
is not as it should be is refused here, and says so.

>>> from aos_ota_plugin.images import xz
>>> image = xz.build(b"firmware" * 100, sign=None)
>>> [(finding.rule, finding.ok) for finding in judge_update(image, partition_size=0x1000)]
[('xz', True), ('xz result', True)]
"""

from __future__ import annotations

import struct
from dataclasses import replace
from enum import IntEnum
from typing import Iterator, Optional, Tuple

from aos_ota_plugin.device import limits
from aos_ota_plugin.device.acceptance import DeviceVerdict, Finding
from aos_ota_plugin.device.inplace import InPlaceDevice
from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.images import xz
from aos_ota_plugin.images.diff import container
from aos_ota_plugin.images.full import kind_of
from aos_ota_plugin.images.info import ImageMagic

UNPACKED_MAX = 16 << 20
"""Bytes that are decoded at most when the partition's size is unknown: the whole flash of the largest board."""


class UpdaterVerdict(IntEnum):
    """``OTA_UPDATER_E`` of the boot stage's ``ota_updater.h``, as far as an image can cause it."""

    OTA_UPDATER_OK = 0
    OTA_NB_HEADER_FAIL = -2
    OTA_NB_READ_CTRL_FAIL = -4
    OTA_NB_READ_DIFF_FAIL = -5
    OTA_NB_READ_OLD_FAIL = -6
    OTA_NB_READ_EXTRA_FAIL = -7
    OTA_NB_WRITE_DATA_FAIL = -8
    OTA_NB_CRC_COMP_FAIL = -9
    OTA_XZ_UNCOMP_FAIL = -12


_VERDICTS = {
    container.CtrlError: UpdaterVerdict.OTA_NB_READ_CTRL_FAIL,
    container.DiffStreamError: UpdaterVerdict.OTA_NB_READ_DIFF_FAIL,
    container.OldDataError: UpdaterVerdict.OTA_NB_READ_OLD_FAIL,
    container.ExtraError: UpdaterVerdict.OTA_NB_READ_EXTRA_FAIL,
    container.CrcError: UpdaterVerdict.OTA_NB_CRC_COMP_FAIL,
    container.RoomError: UpdaterVerdict.OTA_NB_WRITE_DATA_FAIL,
    container.TripleError: UpdaterVerdict.OTA_NB_READ_CTRL_FAIL,
    container.SectionRoomError: UpdaterVerdict.OTA_NB_WRITE_DATA_FAIL,
}


def judge_update(
    image: bytes, *, partition_size: Optional[int] = None, base: Optional[bytes] = None, hardened: bool = False
) -> Tuple[Finding, ...]:
    """Judge an image, with its trailer, by the boot stage's rules up to the first that fails.

    `partition_size`: bytes of the OTA partition and of the application's, which are alike; `base`: the payload that the
    device runs. A rule that lacks its input passes and says "not judged". A full image has no rules; one for a second
    chip is reported as not judged. A hardened device refuses what crashes the vendor's. Never raises.
    """
    kind = kind_of(image)
    if kind == "full":
        return _second_chip(image)
    findings = []
    for finding in _xz(image, partition_size) if kind == "xz" else _diff(image, partition_size, base, hardened):
        findings.append(finding)
        if not finding.ok:
            break
    return tuple(findings)


def _second_chip(image: bytes) -> Tuple[Finding, ...]:
    if image[-limits.IMAGE_INFO_SIZE :][:4] != struct.pack("<I", ImageMagic.MCU):
        return ()
    return (_unjudged("second chip", "not judged: the device hands the image on to a chip with rules of its own"),)


def _xz(image: bytes, room: Optional[int]) -> Iterator[Finding]:
    fail = UpdaterVerdict.OTA_XZ_UNCOMP_FAIL
    try:
        info = xz.parse(image, more=True)
    except FormatError as error:
        yield Finding("xz", False, fail, error.problem)
        return
    size = info.uncompressed_size
    most = UNPACKED_MAX if room is None else room
    if size > most:
        yield Finding("xz result", False, fail, f"it decodes to {size} bytes; there is room for {most}")
        return
    try:
        xz.decode(image, info, most)
    except FormatError as error:
        yield Finding("xz", False, fail, error.problem)
        return
    yield _pass("xz", f"decodes: LZMA2, dictionary {info.dict_size} bytes, check {info.check}")
    if room is None:
        yield _unjudged("xz result", f"{size} bytes; not judged: the application partition's size is not known")
    else:
        yield _pass("xz result", f"{size} bytes; {room - size} of {room} stay free")


def _diff(image: bytes, room: Optional[int], base: Optional[bytes], hardened: bool) -> Iterator[Finding]:
    allowed = container.DEVICE_3X
    if room is not None:
        if len(image) > room - limits.DIFF_BLOCK_SIZE:
            yield Finding("diff", False, UpdaterVerdict.OTA_NB_READ_EXTRA_FAIL, _too_large(len(image), room))
            return
        allowed = replace(allowed, file_size=room - limits.DIFF_BLOCK_SIZE, flash_size=room)
    try:
        sections = container.parse(image, limits=allowed)
    except FormatError as error:
        yield _failed("diff", error, hardened=hardened)
        return
    makes = sum(section.new_size for section in sections)
    yield _pass("diff", f"{len(sections)} sections make {makes} bytes; every buffer is large enough")
    if base is None:
        yield _unjudged("in place", "not judged: the payload that the device runs is not known")
        return
    whole = (room or limits.HAAS100_RTOS_SIZE) // container.SECTOR_SIZE * container.SECTOR_SIZE
    if len(base) > whole:
        yield Finding(
            "in place",
            False,
            UpdaterVerdict.OTA_NB_READ_OLD_FAIL,
            f"the base has {len(base)} bytes; the application's partition holds {whole}",
        )
        return
    try:
        InPlaceDevice(base, image, application_size=whole, ota_size=whole).boot()
    except FormatError as error:
        yield _failed("in place", error, hardened=hardened)
        return
    yield _pass(
        "in place",
        f"{len(sections)} sections applied, every CRC-16 matches"
        + ("" if room else f" (with a HaaS100's partitions of {whole} bytes)"),
    )


def cut_diff(missing: int) -> Finding:
    """Return the answer to a diff whose end the agent did not write: it waits for ``missing`` bytes more."""
    return Finding(
        "in place",
        False,
        UpdaterVerdict.OTA_NB_READ_EXTRA_FAIL,
        f"the agent waits for {missing} bytes more, and never writes the last ones to flash: what is there of the diff "
        "destroys the application, and the device is bricked",
    )


def _too_large(size: int, room: int) -> str:
    return (
        f"{size} bytes; the boot stage rebuilds sections in the last 0x{limits.DIFF_BLOCK_SIZE:x} bytes of the OTA "
        f"partition, so that a diff may have {room - limits.DIFF_BLOCK_SIZE}: it overwrites the end of this one while "
        "it applies it, the application is destroyed, and the device is bricked"
    )


def _failed(rule: str, error: FormatError, *, hardened: bool) -> Finding:
    if not hardened and isinstance(error, (container.TripleError, container.SectionRoomError)):
        fault = "crashes" if isinstance(error, container.TripleError) else "erases past the OTA partition"
        detail = f"{error.problem}: the device does not notice, and {fault}"
        return Finding(rule, False, DeviceVerdict.DEVICE_FAULT, detail)
    lenient = "; a device may take this" if isinstance(error, container.StrictError) else ""
    verdict = _VERDICTS.get(type(error), UpdaterVerdict.OTA_NB_HEADER_FAIL)
    return Finding(rule, False, verdict, error.problem + lenient)


def _pass(rule: str, detail: str) -> Finding:
    return Finding(rule, True, UpdaterVerdict.OTA_UPDATER_OK, detail)


def _unjudged(rule: str, detail: str) -> Finding:
    return Finding(rule, True, UpdaterVerdict.OTA_UPDATER_OK, detail, judged=False)
