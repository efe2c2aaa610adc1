"""The images of a device's parts, proven by the device's rules: `aos-ota pack images`. No I/O.

Each part and the joined firmware are OTA images; the flasher's files hold the parts without trailers.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Dict, NamedTuple, Optional, Sequence, Tuple

from aos_ota_plugin.device.acceptance import Device, judge
from aos_ota_plugin.device.payload_content import refuse_private_key
from aos_ota_plugin.errors import FormatError, ProofError, placed
from aos_ota_plugin.files.read import check_size
from aos_ota_plugin.images.full import build
from aos_ota_plugin.images.info import ImageMagic
from aos_ota_plugin.images.multi import PlacedPart, firmware, join, runs
from aos_ota_plugin.release.layout import LAYOUT_NAME, layout_document

if TYPE_CHECKING:
    from aos_ota_plugin.keys.signer import Signer

FLASH = "flash"
"""The beginning of the names of the flasher's files."""


class PackedImages(NamedTuple):
    """All files by name, with the layout's file, and the layout as text."""

    files: Dict[str, bytes]
    layout: str

    def __repr__(self) -> str:  # the files are megabytes
        return f"PackedImages({list(self.files)})"


def pack_images(
    parts: Sequence[PlacedPart], mcu: Optional[bytes], signer: Optional[Signer], *, ota_size: Optional[int]
) -> PackedImages:
    """Make and prove the images of the parts and of a second chip's firmware ``mcu``.

    Without ``signer`` they are not signed. `ota_size` is the size of the OTA partition in bytes; None: not checked.

    Raises:
        FormatError: an image is larger than the OTA partition.
        ProofError: a device would refuse an image.
    """
    images = _images(parts, mcu, signer)
    for name, data in images.items():
        if ota_size is not None and len(data) > ota_size:
            raise FormatError(
                f"{name} would have {len(data)} bytes, and the OTA partition holds {ota_size}",
                remedy="make the part smaller",
            )
    _prove(images, signer)
    flash = _flash(parts)
    files = {**images, **{name: join(run) for name, run in flash.items()}}
    layout = layout_document(parts, files, flash={name: run[0].address for name, run in flash.items()})
    for name, data in files.items():
        check_size(data, name)
    text = json.dumps(layout, indent=2, sort_keys=True) + "\n"
    return PackedImages({**files, LAYOUT_NAME: text.encode("utf-8")}, text)


def _images(parts: Sequence[PlacedPart], mcu: Optional[bytes], signer: Optional[Signer]) -> Dict[str, bytes]:
    sign = signer.sign_hash if signer else None
    images = {f"ota_{part.magic.name.lower()}.bin": build(part.data, sign=sign, magic=part.magic) for part in parts}
    firmware_parts = firmware(parts)
    if len(firmware_parts) > 1:
        images["ota_all.bin"] = build(join(firmware_parts), sign=sign, magic=ImageMagic.ALL)
    if mcu is not None:
        images["ota_mcu.bin"] = build(mcu, sign=sign, magic=ImageMagic.MCU)
    return images


def _prove(images: Dict[str, bytes], signer: Optional[Signer]) -> None:
    """Check every image by the device's rules."""
    device = Device(signer.public_key if signer else None, local_rsa=signer is not None)
    for name, data in images.items():
        with placed(name):
            refuse_private_key(data, device.public_key)
        for finding in judge(device, data).findings:
            if not finding.ok:
                raise ProofError(
                    f"a device would refuse {name} with {finding.verdict.name}: {finding.detail}",
                    remedy="check the file that it is made of",
                )


def _flash(parts: Sequence[PlacedPart]) -> Dict[str, Tuple[PlacedPart, ...]]:
    """Return the flasher's files: one for each run of parts, named after its address if there are several."""
    groups = runs(parts)
    if len(groups) == 1:
        return {f"{FLASH}.bin": groups[0]}
    return {f"{FLASH}_0x{group[0].address:08x}.bin": group for group in groups}
