"""Check and read the files that settings name, and derive values from settings."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Collection, Optional, Tuple

from aos_ota_plugin.errors import ProofError, SettingsError
from aos_ota_plugin.files.read import DOCUMENT_MAX, read_file
from aos_ota_plugin.pipeline.keyset import BuildKeys
from aos_ota_plugin.workspace.partitions import find_partition_size

# Each function imports the rooms it needs: a build with nothing to do needs few.
if TYPE_CHECKING:
    from aos_ota_plugin.release.manifest import Manifest
    from aos_ota_plugin.settings.resolve import OtaSettings


def check_files(settings: OtaSettings, keys: BuildKeys, *, overwritten: Collection[str] = ()) -> None:
    """Check every file that settings name, without the slow checks: every build does this.

    Raises:
        SigningKeyError, SecretError, SettingsError: a file is missing, or a private key is open to others.
        FormatError, ProofError: a diff is to be made, and the base release's payload is not kept.
        SettingsError, FormatError: the list of modules, or a file or folder in it, is wrong.
    """
    keys.check()
    if settings.base_release:
        _read_base(settings)
    if settings.diff:
        base_payload(settings, load_base(settings), overwritten=overwritten)
    if settings.modules:
        from aos_ota_plugin.pipeline.module_sources import check_sources

        check_sources(settings)


def _read_base(settings: OtaSettings) -> bytes:
    return read_file(
        str(settings.base_release),
        "the base release",
        "set OTA_BASE_RELEASE to the ota_rtos_ota.json kept from the release in the field",
        limit=DOCUMENT_MAX,
        place=settings.origins["OTA_BASE_RELEASE"].place,
    )


def refuse_own_manifest(settings: OtaSettings, manifest: str) -> None:
    """Raise SettingsError if OTA_BASE_RELEASE is the manifest that this build writes."""
    if settings.base_release and os.path.realpath(settings.base_release) == os.path.realpath(manifest):
        raise SettingsError(
            "OTA_BASE_RELEASE is the manifest that this build overwrites, so it would compare the release with itself",
            place=settings.origins["OTA_BASE_RELEASE"].place,
            remedy="keep each release you ship with `aos-ota release`, and name its version, or `latest`",
        )


def load_base(settings: OtaSettings) -> Optional[Manifest]:
    """Return the manifest of the base release, None if none is set.

    Raises:
        SettingsError: it cannot be read.
        FormatError: it is no manifest.
    """
    if not settings.base_release:
        return None
    from aos_ota_plugin.release.manifest import parse_manifest

    return parse_manifest(_read_base(settings), file=settings.base_release)


def base_payload(
    settings: OtaSettings, base: Optional[Manifest], *, overwritten: Collection[str] = ()
) -> Optional[bytes]:
    """Return the payload that a diff starts from, None without OTA_DIFF.

    ``overwritten`` are the paths of files that this build writes.

    Raises:
        ProofError: it is not kept beside the manifest of the base release.
    """
    if not settings.diff or not settings.base_release or base is None:
        return None
    from aos_ota_plugin.pipeline.payloads import payload_of_release

    return payload_of_release(base, settings.base_release, overwritten=overwritten)


def partition_size(settings: OtaSettings, board_folder: Optional[str], chip_folder: Optional[str]) -> int:
    """Return the size of the OTA partition in bytes.

    It comes from the setting, else the board's partition table, else the flasher's file list.

    Raises:
        ProofError: neither the setting nor a file has the size.
        WorkspaceError: the table or the list cannot be read.
    """
    if settings.partition_size:
        return settings.partition_size
    partition = find_partition_size(board_folder, chip_folder)
    if partition is None:
        raise ProofError(
            "the size of the OTA partition is not known, so it cannot be proven that the image fits: neither "
            f"config/partition_conf*.c in {board_folder or 'a board'} nor a flasher's list in "
            f"{chip_folder or 'a chip'} has it",
            remedy="set OTA_PARTITION_SIZE to the length of the partition that a download is written to, in bytes",
        )
    return partition.size


def identity_bytes(settings: OtaSettings) -> Tuple[bytes, ...]:
    """Return the texts that a firmware with an embedded identity must hold."""
    names = (settings.product_key, settings.device_name)
    return tuple(name.encode("ascii") for name in names if name) + secret_bytes(settings)


def secret_bytes(settings: OtaSettings) -> Tuple[bytes, ...]:
    """Return the device's secrets, as a firmware would hold them."""
    secrets = (settings.secrets.product_secret, settings.secrets.device_secret)
    return tuple(secret.reveal() for secret in secrets if secret)


def scrub(text: str, settings: OtaSettings) -> str:
    """Return another program's output without the device's secrets."""
    for secret in secret_bytes(settings):
        text = text.replace(secret.decode("ascii"), "<secret>")
    return text
