"""Describe how a payload was made that is signed outside a build, by its chip's description."""

from __future__ import annotations

import os
from typing import Optional, Tuple

from aos_ota_plugin.errors import SettingsError
from aos_ota_plugin.files.read import PAYLOAD_MAX, read_file
from aos_ota_plugin.release.request import PayloadSource


def payload_source(
    payload: str, chip_name: Optional[str], also: Tuple[str, ...], *, compared: bool, allow_any: bool
) -> PayloadSource:
    """Return how the chip's image step made the file ``payload``.

    ``chip_name`` is the chip's name, or the file of its description. If the payload is ``compared`` with an ELF,
    prebuilt parts are read from the component in which the payload lies. ``also`` are the further images to make.

    Raises:
        SettingsError: a further image is not made of this payload, or a prebuilt part cannot be read.
        WorkspaceError: the description cannot be read.
    """
    if chip_name is None:
        return PayloadSource(allow_any=allow_any)
    from aos_ota_plugin.device.payload_layout import prebuilt_files
    from aos_ota_plugin.workspace.chip import Folders, load_named_chip

    chip = load_named_chip(chip_name)
    if chip.diff is None and "diff" in also:
        raise SettingsError(f"devices with {chip.name} take no diff", remedy="leave `--also diff` out")
    if chip.other_xz and "xz" in also:
        raise SettingsError(
            f"on {chip.name} the xz image is not made of this payload",
            remedy="leave `--also xz` out: `aos make` with OTA_COMPRESS_XZ=y makes the xz image",
        )
    folders, layout = Folders(_component_of(payload)), chip.full.layout
    names = prebuilt_files(layout) if compared and not allow_any else ()
    return PayloadSource(
        layout=layout,
        prebuilt={
            name: read_file(folders.resolve(name, chip), "a prebuilt part", "restore it", limit=PAYLOAD_MAX)
            for name in names
        },
        allowed_by=f"the description of the chip {chip.name}",
        allow_any=allow_any,
    )


def _component_of(path: str) -> Optional[str]:
    """Return the folder of the component that a file lies in, None for one in none."""
    folder = os.path.dirname(os.path.abspath(path))
    while not os.path.isfile(os.path.join(folder, "package.yaml")):
        folder, before = os.path.dirname(folder), folder
        if folder == before:
            return None
    return folder
