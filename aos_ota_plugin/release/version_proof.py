"""The proof that a firmware holds the version that it is released as. No I/O."""

from __future__ import annotations

from typing import NamedTuple, Optional

from aos_ota_plugin.device.payload_content import FIRMWARE
from aos_ota_plugin.device.version_text import Standing, find_version, find_versions
from aos_ota_plugin.errors import ProofError
from aos_ota_plugin.images.info import ImageMagic
from aos_ota_plugin.keys.rsa import PublicKey

VERSION_RULE = "version in the firmware"
_REMEDY = "give the version that the firmware was built with, or the firmware that was built with it"


class VersionOutcome(NamedTuple):
    """What was seen of the version, or the reason why it was not judged: one of the two is set."""

    passed: str = ""
    not_judged: str = ""


def prove_version_in_elf(elf: bytes, version: str, *, name: str, remedy: str) -> VersionOutcome:
    """Prove that the loaded sections of an ELF hold a version. Raises ProofError, FormatError."""
    from aos_ota_plugin.device.elf import loaded_ranges  # the most costly part, where an ELF is given

    standing = find_version(elf, version, loaded_ranges(elf))
    if standing is Standing.NOWHERE:
        raise ProofError(
            f"{name} does not hold the version {version}: a device running it would report another version",
            remedy=remedy,
        )
    return _outcome(standing, version, name)


def prove_version_in_payload(
    payload: bytes, version: str, *, name: str, magic: ImageMagic = ImageMagic.ALL, key: Optional[PublicKey] = None
) -> VersionOutcome:
    """Prove that a payload holds a version, where it can be read.

    ``key`` is the public key that firmware of this release holds: where it stands, the version has to stand, too.

    Raises:
        ProofError: it holds another version, or the key and not the version.
    """
    if magic not in FIRMWARE:
        return VersionOutcome(not_judged=f"a payload for {magic.name} does not hold the version that devices report")
    standing, other = find_versions(payload, version)
    if standing is not Standing.NOWHERE:
        return _outcome(standing, version, name)
    if other:
        raise ProofError(
            f"{name} holds the version {other}, not {version}: a device running it would report another version",
            remedy=_REMEDY,
        )
    if key is not None and magic is not ImageMagic.KERNEL and key.n_bytes in payload:
        raise ProofError(
            f"{name} holds the public key, but not the version {version}: a device running it would report another "
            "version",
            remedy=_REMEDY,
        )
    return VersionOutcome(
        not_judged=f"no version stands in {name} as text; where it is encrypted or compressed, only its ELF tells"
    )


def _outcome(standing: Standing, version: str, name: str) -> VersionOutcome:
    if standing is Standing.ALONE:
        return VersionOutcome(passed=f"{version} stands in {name}")
    return VersionOutcome(not_judged=f"{version} stands in {name} only as the end of a longer version")
