"""Making diff images, and proving them by the model of the device. No I/O."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Callable, NamedTuple, Optional

from aos_ota_plugin.device.acceptance import Device, judge
from aos_ota_plugin.device.inplace import InPlaceDevice
from aos_ota_plugin.device.version import explain_order
from aos_ota_plugin.errors import FormatError, ProofError
from aos_ota_plugin.images import xz
from aos_ota_plugin.images.diff import create, parse
from aos_ota_plugin.images.diff.container import SECTOR_SIZE, TRAILER_SIZE, Limits
from aos_ota_plugin.images.full import PADDING
from aos_ota_plugin.images.info import IMAGE_INFO_SIZE

if TYPE_CHECKING:
    from aos_ota_plugin.keys.rsa import PublicKey
    from aos_ota_plugin.release.manifest import Manifest
    from aos_ota_plugin.release.request import Base, KeySet

_INSTEAD = "send the whole or the compressed image instead (in a build OTA_DIFF=n), or check the partition's size"


class DiffImage(NamedTuple):
    """A proven diff image: the patch with its trailer.

    ``proof`` says how it was applied, ``limits`` what it needs of devices; both are texts for the manifest.
    """

    image: bytes
    proof: str
    limits: str


def device_limits(partition_size: int) -> Limits:
    """Return the limits of devices with OTA and application partitions of ``partition_size`` bytes.

    Raises:
        ProofError: rebuilding a section needs more space.
    """
    whole = partition_size // SECTOR_SIZE * SECTOR_SIZE
    limits = Limits(flash_size=whole, file_size=whole - Limits.section_size)
    if whole <= limits.section_size:
        raise ProofError(
            f"an OTA partition of {partition_size} bytes has no room for a diff: devices rebuild sections in its last "
            f"{limits.section_size} bytes",
            remedy=_INSTEAD,
        )
    return limits


def refuse_other_base(keys: KeySet, base: Base) -> None:
    """Raise ProofError unless devices of the base release take a diff made with these keys.

    They refuse it when they check with another key or in another mode, or run another payload.
    """
    manifest = base.manifest
    if manifest is None or base.payload is None:
        return
    if (manifest.security, manifest.key_fingerprint) != (
        keys.security,
        keys.trusted.fingerprint if keys.trusted else None,
    ):
        # Devices of the base release check the diff with the key that they trust. A transition release is signed with
        # that key, so that they take a diff to it.
        raise ProofError(
            f"only devices on {manifest.version} can apply this diff, and they are in {manifest.security} mode "
            f"with key {(manifest.key_fingerprint or 'none')[:16]}: they would refuse it",
            remedy="make no diff (OTA_DIFF=n) for the release that changes key or mode; send the whole image another "
            "way, as OTA_ALLOW_NEW_KEY says",
        )
    if hashlib.sha256(base.payload).hexdigest() != manifest.payload.sha256:
        raise ProofError(
            f"the payload to make the diff from is not that of {manifest.version}: its SHA-256 differs",
            remedy="keep the ota_rtos_ota.bin of that release beside its manifest",
        )


def make_patch(
    old: bytes, new: bytes, *, partition_size: int, progress: Optional[Callable[[int, int], None]] = None
) -> bytes:
    """Return the patch that changes `old` into `new` in place.

    It takes seconds; `progress` is called with the steps done and the number of steps.

    Raises:
        ProofError: the payloads do not fit the partition.
        FormatError: a payload is empty.
    """
    flash_size = device_limits(partition_size).flash_size
    if len(new) + -len(new) % SECTOR_SIZE + SECTOR_SIZE > flash_size or len(old) > flash_size:
        raise ProofError(
            f"payloads of {len(old)} and {len(new)} bytes, and the sector that ends a diff, do not fit an application "
            f"partition of {partition_size} bytes",
            remedy=_INSTEAD,
        )
    return create(old, new, limits=Limits(flash_size=flash_size), progress=progress)


def prove_diff(old: bytes, new: bytes, image: bytes, *, partition_size: int) -> DiffImage:
    """Prove that devices take a diff image, and return it with its proof.

    Raises:
        ProofError: it does not fit the partition, or the model of the device does not change `old` into `new` with it.
    """
    limits = device_limits(partition_size)
    try:
        sections = parse(image, limits=limits)
        _apply_in_place(old, new, image, limits)
    except FormatError as error:
        raise ProofError(f"devices would refuse the diff image: {error.problem}", remedy=_INSTEAD) from None
    largest = max(section.new_size for section in sections)
    dictionary = max(section.dict_size for section in sections)
    return DiffImage(
        image,
        f"the model of the device makes the {len(new)} bytes of the new payload, section by section: {len(sections)}",
        f"sections of at most {largest} bytes (device: {limits.section_size}), dictionary {dictionary} "
        f"({limits.dict_size}), file {len(image)} ({limits.file_size})",
    )


def compressed_size(payload: bytes, *, signed: bool, other: int) -> int:
    """Return the size of the compressed image of `payload`, as exact as a comparison with `other` needs.

    Both are in bytes. A first pass gives an upper bound; the compressor's other settings, which save some percent,
    are tried only where they can decide: not for `other` above the bound or below half of it.
    """
    trailer = TRAILER_SIZE if signed else len(PADDING) + IMAGE_INFO_SIZE
    bound = len(xz.encode(payload, xz.PRESET_9E, xz.IMAGE_DICT_SIZE)) + trailer
    if bound // 2 <= other < bound:
        return len(xz.compress(payload)) + trailer
    return bound


def _apply_in_place(old: bytes, new: bytes, image: bytes, limits: Limits) -> None:

    device = InPlaceDevice(old, image, application_size=limits.flash_size, ota_size=limits.flash_size, limits=limits)
    if not device.boot() or device.application[: len(new)] != new:
        raise ProofError(
            "applied in place, the diff does not make the new payload",
            remedy="this is a fault of aos_ota_plugin: please report it",
        )


def check_releases(old: Optional[Manifest], new: Optional[Manifest], public_key: Optional[PublicKey]) -> None:
    """Check by their manifests that devices of the release `old` take a diff to `new`.

    A manifest is None where there is none, and is not checked then. `public_key` is the signer's; None: the diff is not
    signed.

    Raises:
        ProofError: the devices are in another mode, trust another key, or do not take the version as newer.
    """
    if old is None:
        return

    if (old.security == "local") != (public_key is not None):
        raise ProofError(
            f"the devices of {old.version} are in {old.security} mode: they take diffs "
            f"{'without' if public_key else 'with'} a signature of ours",
            remedy="leave --key out" if public_key else "sign with --key, the key of that release",
        )
    if public_key is not None and old.key_fingerprint != public_key.fingerprint:
        raise ProofError(
            f"the devices of {old.version} trust key {(old.key_fingerprint or 'none')[:16]}, not "
            f"{public_key.short_fingerprint}: they would refuse this diff (OTA_VERIFY_RSA_FAIL)",
            remedy="sign with the key of that release",
        )
    reason = explain_order(new.version, old.version) if new else None
    if reason:
        raise ProofError(reason, remedy="give the releases in their order, the older one first")


def prove_accepted(image: bytes, *, public_key: Optional[PublicKey], partition_size: int) -> None:
    """Check a diff image by the device's own rules.

    Raises:
        ProofError: a device with this key and partition would refuse it.
    """
    device = Device(public_key, local_rsa=public_key is not None, partition_size=partition_size)
    refused = [finding for finding in judge(device, image).findings if not finding.ok]
    if refused:
        raise ProofError(
            f"a device would refuse this diff with {refused[0].verdict.name}: {refused[0].detail}", remedy=_INSTEAD
        )
