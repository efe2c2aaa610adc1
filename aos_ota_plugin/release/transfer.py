"""The report on which file to send over which channel, with times estimated from the rates below.

Times leave out erasing, verifying and restarting, and retries. A megabyte of the platform's limits is taken as 10^6
bytes, the stricter reading.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence, Tuple

from aos_ota_plugin.protocol.limits import HTTPS_MAX, MQTT_MAX, SUFFIXES
from aos_ota_plugin.release.artifact import Artifact
from aos_ota_plugin.release.manifest import Manifest
from aos_ota_plugin.release.module import needs_digestsign

MB = 1_000_000


@dataclass(frozen=True)
class Channel:
    """A channel to a device: ``rate`` in net bytes a second, and the assumption behind it.

    ``size_max`` is the size of the largest file in bytes, None without a limit.
    """

    name: str
    rate: int
    assumption: str
    size_max: Optional[int] = None

    def seconds(self, size: int) -> int:
        """Return the seconds that ``size`` bytes take, rounded up."""
        return math.ceil(size / self.rate)


CHANNELS: Tuple[Channel, ...] = (
    Channel("http", 250_000, "Wi-Fi, 2 Mbit/s net: 2048 bytes at a time, written to flash before the next", HTTPS_MAX),
    Channel("https", 125_000, "Wi-Fi, 1 Mbit/s net: the same with TLS on the device's processor", HTTPS_MAX),
    Channel("mqtt", 50_000, "Wi-Fi, 0.4 Mbit/s net: the file in pieces that are asked for one by one", MQTT_MAX),
    Channel("4G", 250_000, "LTE Cat 1 in the field, 2 Mbit/s net", HTTPS_MAX),
    Channel("3G", 62_500, "HSPA in the field, 0.5 Mbit/s net", HTTPS_MAX),
    Channel("NB-IoT", 2_500, "Cat NB1 in the field, 20 kbit/s net", HTTPS_MAX),
    Channel("BLE", 8_000, "4.2 with long packets, 64 kbit/s net at the application"),
    Channel("serial", 11_000, "Ymodem at 115200 bit/s: 1024 of 1029 bytes, and a pause for each answer"),
)


@dataclass(frozen=True)
class FileTimes:
    """A file's times: `seconds` has an entry for each channel, None where the file is over its limit."""

    file: str
    kind: str
    size: int
    seconds: Tuple[Optional[int], ...]


@dataclass(frozen=True)
class TransferReport:
    """A table of files and channels, the file to send, and notes."""

    channels: Tuple[Channel, ...]
    rows: Tuple[FileTimes, ...]
    recommended: Optional[str]
    notes: Tuple[str, ...]

    def to_document(self) -> Dict[str, Any]:
        """Return the report for JSON; a file's seconds stand under the names of the channels."""
        return {
            "channels": [vars(channel) for channel in self.channels],
            "files": [
                {
                    "file": row.file,
                    "kind": row.kind,
                    "size": row.size,
                    "seconds": {channel.name: time for channel, time in zip(self.channels, row.seconds)},
                }
                for row in self.rows
            ],
            "recommended": self.recommended,
            "notes": list(self.notes),
        }


def transfer_report(manifest: Manifest, channels: Sequence[Channel] = CHANNELS) -> TransferReport:
    """Return the report on a release's files; the payload is listed for the serial port only.

    Recommended is the firmware's smallest image; a diff only when it is the smallest, as only devices of its base take
    it.
    """
    rows = [_row(artifact, channels) for artifact in manifest.images]
    rows += [_row(module.image, channels) for module in manifest.modules]
    rows.append(_row(manifest.payload, channels, only="serial"))
    sizes = [image for image in manifest.images if image.size > 0]
    best = min(sizes, key=lambda image: image.size, default=None)
    return TransferReport(
        tuple(channels), tuple(rows), best.file if best else None, tuple(_notes(manifest, best, channels))
    )


def advice(manifest: Manifest, compressed_size: Optional[int]) -> List[str]:
    """Return for each image but the full one what it saves, or what to send instead.

    `compressed_size` is the size in bytes that the compressed image has, or would have; None where it is not needed.
    """
    if not manifest.images:
        return []
    whole, *others = manifest.images
    packed = next((image.file for image in others if image.kind == "xz"), "the compressed image (OTA_COMPRESS_XZ=y)")
    return [
        _advice_on_diff(image, manifest, packed, compressed_size)
        if image.kind == "diff"
        else _saved(image, whole)
        or f"{image.file} is no smaller than {whole.file}: compressing does not pay here, send the latter"
        for image in others
    ]


def _advice_on_diff(diff: Artifact, manifest: Manifest, packed: str, compressed_size: Optional[int]) -> str:
    whole = manifest.images[0]
    rival, size = (
        (packed, compressed_size) if compressed_size and compressed_size < whole.size else (whole.file, whole.size)
    )
    if diff.size >= size:
        return f"{diff.file} has {diff.size} bytes and is no smaller than {rival} with {size}: send that instead"
    only = f", only for devices that run {manifest.base.version}" if manifest.base else ""
    return f"{_saved(diff, whole)}{only}"


def _saved(image: Artifact, whole: Artifact) -> str:
    saved = whole.size - image.size
    return f"{image.file} is {saved} bytes smaller ({100 * saved / whole.size:.0f} %)" if saved > 0 else ""


def format_duration(seconds: int) -> str:
    """Return a time as text in its two largest units: ``45 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds < 60:
        return f"{seconds} s"
    minutes, rest = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def _row(artifact: Artifact, channels: Sequence[Channel], only: str = "") -> FileTimes:
    seconds = tuple(
        channel.seconds(artifact.size)
        if (channel.name == only or (not only and channel.name != "serial"))
        and (channel.size_max is None or artifact.size <= channel.size_max)
        else None
        for channel in channels
    )
    return FileTimes(artifact.file, artifact.kind, artifact.size, seconds)


def _notes(manifest: Manifest, best: Optional[Artifact], channels: Sequence[Channel]) -> List[str]:
    notes: List[str] = []
    for image in (*manifest.images, *(module.image for module in manifest.modules)):
        if not image.file.lower().endswith(tuple("." + suffix for suffix in SUFFIXES)):
            notes.append(
                f"{image.file}: the platform does not list this suffix; upload the same bytes under a name "
                "that ends in .bin, as devices go by the first bytes"
            )
        over = [channel.name for channel in channels if channel.size_max is not None and image.size > channel.size_max]
        if over:
            notes.append(f"{image.file}: over the platform's limit for {', '.join(over)}")
        if image.kind == "diff" and manifest.base:
            notes.append(f"{image.file}: only for devices that run {manifest.base.version}")
    for module in manifest.modules:
        note = f"{module.image.file}: module {module.name} {module.version}, an update of its own"
        if needs_digestsign(module, manifest.security):
            note += "; it has no signature, so its push message needs one (aos-ota push-message --key)"
        notes.append(note)
    if best is not None and best.kind == "diff":
        others = [image for image in manifest.images if image.kind != "diff"]
        if others:
            notes.append(f"devices on another version need {min(others, key=lambda image: image.size).file}")
    return notes
