"""Load a release's firmware, base release and options, from a build's settings and files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Dict, Mapping

from aos_ota_plugin.files.read import ELF_MAX, PAYLOAD_MAX, read_file
from aos_ota_plugin.pipeline import setting_files
from aos_ota_plugin.pipeline.site import Site

# Each function imports the rooms it needs: a build with nothing to do needs few.
if TYPE_CHECKING:
    from aos_ota_plugin.pipeline.image_step import Payloads
    from aos_ota_plugin.release.request import Base, Firmware, Options, PayloadSource
    from aos_ota_plugin.settings.fields import OtaSettings


def load_firmware(site: Site, settings: OtaSettings, payloads: Payloads) -> Firmware:
    """Return the firmware with these payloads, with the ELF and the .bin that they were made of.

    Raises:
        OtaError: the ELF, the .bin or a prebuilt part cannot be read.
    """
    from aos_ota_plugin.release.request import Firmware, XzPayload
    from aos_ota_plugin.sources.names import INCLUDE_LINE

    prebuilt = _prebuilt(site)
    xz = site.chip.other_xz
    return Firmware(
        payloads.full,
        settings.app_version,
        settings.identity,
        payload_name=os.path.basename(site.payload),
        elf=read_file(site.elf, "the ELF", "build the firmware first", limit=ELF_MAX) if site.elf else None,
        elf_name=os.path.basename(site.elf or "the ELF"),
        version_place=settings.origins["OTA_APP_VERSION"].place,
        embedded=setting_files.identity_bytes(settings) if settings.identity == "embedded" else (),
        forbidden=setting_files.secret_bytes(settings) if settings.identity == "kv" else (),
        solution=site.solution,
        board=site.board,
        chip=site.chip.name or None,
        source=_payload_source(site, settings, prebuilt),
        mode=(site.mode.passed, site.mode.not_judged),
        version_from=INCLUDE_LINE if site.app_header else "",
        xz_payload=XzPayload(payloads.xz, os.path.basename(site.xz_payload or ""), xz.layout, prebuilt)
        if xz and payloads.xz is not None
        else None,
    )


def load_base(site: Site, settings: OtaSettings) -> Base:
    """Return the base release, with its payload where a diff is asked for; errors as in ``setting_files``."""
    from aos_ota_plugin.release.request import Base

    manifest = setting_files.load_base(settings)
    payload = setting_files.base_payload(settings, manifest, overwritten=site.overwritten)
    return Base(manifest, payload, place=settings.origins["OTA_BASE_RELEASE"].place)


def release_options(site: Site, settings: OtaSettings) -> Options:
    """Return what to make, and which rules are excused; errors as ``setting_files.partition_size``."""
    from aos_ota_plugin.release.request import Options

    return Options(
        setting_files.partition_size(settings, site.board_folder, site.chip_folder),
        site.names.full,
        image_magic=settings.image_magic,
        compress_xz=settings.compress_xz,
        allow_new_key=settings.allow_new_key,
        allow_other_base=settings.allow_other_base,
        allow_development_key=settings.allow_development_key,
        names=site.names,
    )


def _payload_source(site: Site, settings: OtaSettings, prebuilt: Mapping[str, bytes]) -> PayloadSource:
    from aos_ota_plugin.device.payload_layout import FLAT
    from aos_ota_plugin.release.request import PayloadSource

    # If an image step changes the .bin in place, the .bin is the payload, which is compared in any case. If a step
    # takes sections of the ELF, it does not use the .bin, which is large on chips with RAM far from flash.
    not_compared = bool(site.steps) and (site.binary == site.payload or bool(site.chip.full.layout.parts))
    return PayloadSource(
        objcopy=site.objcopy,
        binary=read_file(site.binary, "the .bin", "build the firmware first", limit=PAYLOAD_MAX)
        if site.binary and not not_compared
        else None,
        binary_name=os.path.basename(site.binary or ""),
        layout=site.chip.full.layout if site.steps else FLAT,
        prebuilt=prebuilt,
        allowed_by=f"the description of the chip {site.chip.name}",
        allow_any=settings.allow_changed_payload,
    )


def _prebuilt(site: Site) -> Dict[str, bytes]:
    return {
        name: read_file(
            path,
            "a prebuilt part of the payload",
            f"restore it, or correct its name in {site.chip.file}",
            limit=PAYLOAD_MAX,
        )
        for name, path in site.prebuilt().items()
    }
