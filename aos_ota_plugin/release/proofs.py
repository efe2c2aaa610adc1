"""The rules of a release: each function raises ProofError or adds outcomes to the proofs.

`release.make` lists the rules in their order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, List, Optional

from aos_ota_plugin.device.acceptance import Device, DeviceVerdict, judge
from aos_ota_plugin.device.limits import short_file
from aos_ota_plugin.device.version import check_version, explain_order, suggest_version
from aos_ota_plugin.errors import ProofError, SigningKeyError, placed

# Each function imports the rooms it needs: a build with nothing to do proves nothing.
if TYPE_CHECKING:
    from aos_ota_plugin.device.acceptance import Device, Hashed
    from aos_ota_plugin.release.manifest import Manifest
    from aos_ota_plugin.release.request import Base, Firmware, KeySet, Options

NEW_KEY = "key differs from the base release"
"""The rule that OTA_ALLOW_NEW_KEY excuses."""
MODE_RULE = "security mode of the sources"


class Proofs:
    """The outcomes of the rules in order: by the rule's name, what was seen or why it was not judged."""

    def __init__(self) -> None:
        self.passed: Dict[str, str] = {}
        self.excused: Dict[str, str] = {}  # by a setting, or by the description of the chip
        self.not_judged: Dict[str, str] = {}

    def add(self, stage: str, other: Proofs) -> None:
        """Add the outcomes of a stage, with the stage's name before each rule's."""
        for ours, theirs in (
            (self.passed, other.passed),
            (self.excused, other.excused),
            (self.not_judged, other.not_judged),
        ):
            ours.update({f"{stage}: {rule}": detail for rule, detail in theirs.items()})


def prove_key(firmware: Firmware, keys: KeySet, proofs: Proofs) -> None:
    """Prove that the firmware holds the key that it has to embed; in a transition release the next key.

    Raises:
        SigningKeyError: a key is missing.
        ProofError: the firmware holds another key, or the public key is not the signer's.
    """
    if keys.security == "none":
        proofs.not_judged["public key in the firmware"] = "nobody signs, and devices check no signature"
        return
    _require_keys(keys)
    if firmware.elf is None:
        if keys.next_key is not None:
            raise ProofError(
                "without the linked firmware it cannot be proven that it brings the next key, and devices "
                "that install another key take no update of ours again",
                remedy="give the ELF with --elf",
            )
        proofs.not_judged["public key in the firmware"] = _NO_ELF
        return
    from aos_ota_plugin.device.elf import read_public_key

    with placed(firmware.elf_name):
        elf_key = read_public_key(firmware.elf)
    if keys.embedded is not None and elf_key != keys.embedded:
        raise ProofError(
            f"{firmware.elf_name} holds the public key {elf_key.short_fingerprint}, not "
            f"{keys.embedded.short_fingerprint}: devices running it would refuse every image signed with this key "
            "(OTA_VERIFY_RSA_FAIL)",
            remedy="`aos make clean`, then build again; if it stays, another source defines ota_pubn_buf",
        )
    proofs.passed["public key in the firmware"] = f"read back from the ELF: {elf_key.short_fingerprint}" + (
        ", the next key" if keys.next_key else ""
    )


def _require_keys(keys: KeySet) -> None:
    if keys.trusted is None:
        raise SigningKeyError(
            "there is no key to make or check this release with",
            remedy="set OTA_SIGNING_KEY (local mode) or OTA_PUBLIC_KEY (cloud mode)",
        )
    if keys.security != "local":
        return
    if keys.signer is None:
        raise SigningKeyError("there is no private key to sign this release with", remedy="set OTA_SIGNING_KEY")
    if keys.signer.public_key != keys.trusted:
        raise ProofError(
            f"OTA_PUBLIC_KEY (fingerprint {keys.trusted.short_fingerprint}) is not the public half of OTA_SIGNING_KEY "
            f"(fingerprint {keys.signer.public_key.short_fingerprint}): every signature would be refused",
            remedy="drop OTA_PUBLIC_KEY to use the signing key's own public half, or give the one belonging to it",
        )


def prove_mode(firmware: Firmware, proofs: Proofs) -> None:
    """Add what is known of the security mode that the firmware's sources were compiled for."""
    passed, not_judged = firmware.mode
    if passed:
        proofs.passed[MODE_RULE] = passed
    else:
        proofs.not_judged[MODE_RULE] = not_judged


def prove_firmware(firmware: Firmware, keys: KeySet, options: Options, proofs: Proofs) -> None:
    """Prove that the firmware holds the version, the embedded identity if any, and no secret.

    Raises ProofError.
    """
    _prove_version_inside(firmware, keys, options, proofs)
    if firmware.elf is None:
        proofs.not_judged[_FREE_OF_SECRETS] = _NO_ELF
        return
    from aos_ota_plugin.device.elf import elf_contains

    if not all(elf_contains(firmware.elf, needle) for needle in firmware.embedded):
        raise ProofError(
            f"{firmware.elf_name} does not hold the whole identity that OTA_IDENTITY_EMBEDDED asks for",
            remedy="check that the application uses product_key, device_name and device_secret; then `aos make clean`",
        )
    if firmware.embedded:
        proofs.passed["identity in the firmware"] = "embedded, as OTA_IDENTITY_EMBEDDED asks"
    if any(elf_contains(firmware.elf, needle) for needle in firmware.forbidden):
        raise ProofError(
            f"{firmware.elf_name} holds a device secret although the identity comes from the KV partition",
            remedy="remove the secret from the sources, or set OTA_IDENTITY_EMBEDDED=y if one device is what you want",
        )
    if firmware.forbidden:
        proofs.passed[_FREE_OF_SECRETS] = "none of those that this build knows"
    elif not firmware.embedded:
        proofs.not_judged[_FREE_OF_SECRETS] = "no secret is given to look for"


def _prove_version_inside(firmware: Firmware, keys: KeySet, options: Options, proofs: Proofs) -> None:
    from aos_ota_plugin.images.info import ImageMagic
    from aos_ota_plugin.release.version_proof import VERSION_RULE, prove_version_in_elf, prove_version_in_payload

    check_version(firmware.version, place=firmware.version_place)
    if firmware.elf is None:
        name, magic = firmware.payload_name, ImageMagic[options.image_magic]
        found = prove_version_in_payload(firmware.payload, firmware.version, name=name, magic=magic, key=keys.embedded)
    else:
        line = firmware.version_from
        remedy = (f"add the line  {line}  to the source that reports the version, and " if line else "") + (
            "report MY_APP_VER as the version; if the sources do, `aos make clean` and build again"
        )
        found = prove_version_in_elf(firmware.elf, firmware.version, name=firmware.elf_name, remedy=remedy)
    if found.passed:
        proofs.passed[VERSION_RULE] = found.passed
    else:
        proofs.not_judged[VERSION_RULE] = found.not_judged


def prove_version(firmware: Firmware, base: Base, proofs: Proofs) -> None:
    """Prove that device and platform take the version, and devices of the base release as newer.

    Raises SettingsError for a version of the wrong form, else ProofError.
    """
    version = firmware.version
    check_version(version, place=firmware.version_place)
    proofs.passed["version"] = f"{version}: characters and length fit device and platform"
    if base.manifest is None:
        proofs.not_judged["version order"] = NO_BASE
        return
    before = base.manifest.version
    reason = explain_order(version, before)
    if reason is not None:
        raise ProofError(
            reason,
            place=firmware.version_place,
            remedy=f"use {suggest_version(before, version)}, which those devices take",
        )
    proofs.passed["version order"] = f"{version} is newer than {before} by the device's strncmp"


def prove_continuity(keys: KeySet, base: Base, proofs: Proofs, *, allow_new_key: bool) -> None:
    """Prove that the devices of the base release trust the key of this release. Raises ProofError."""
    if base.manifest is None:
        proofs.not_judged["same key as the base release"] = NO_BASE
        return
    ours = keys.trusted.fingerprint if keys.trusted else None
    theirs = base.manifest.key_fingerprint
    if base.manifest.security == keys.security and ours == theirs:
        proofs.passed["same key as the base release"] = (ours or "no key")[:16]
        if base.manifest.is_transition:
            proofs.passed["key rotation"] = skipped_transition(base.manifest)
        return
    if allow_new_key and keys.next_key is None:
        proofs.excused[NEW_KEY] = "allowed by OTA_ALLOW_NEW_KEY"
        return
    raise ProofError(
        f"the devices in the field ({base.manifest.version}) are in {base.manifest.security} mode and trust key "
        f"{(theirs or 'none')[:16]}; this release is in {keys.security} mode with key {(ours or 'none')[:16]}: they "
        "would refuse it (OTA_VERIFY_RSA_FAIL)",
        remedy="use the key and mode of the base release; to change the key, release first with that one and "
        "OTA_EMBED_NEXT_KEY=y, and take that release as the base; or set OTA_ALLOW_NEW_KEY=y if they get this "
        "release another way",
    )


def prove_target(firmware: Firmware, base: Base, proofs: Proofs, *, allow_other_base: bool) -> None:
    """Prove that the base release is one of the same solution, board and chip. Raises ProofError."""
    for name in ("solution", "board", "chip"):
        rule = f"same {name} as the base release"
        if base.manifest is None:
            proofs.not_judged[rule] = NO_BASE
            continue
        ours, theirs = getattr(firmware, name), getattr(base.manifest, name)
        if ours is None:
            proofs.not_judged[rule] = "this release names none"
        elif theirs is None:
            proofs.excused[rule] = f"the manifest of {base.manifest.version} names no {name}, as those of 0.1.0"
        elif ours == theirs:
            proofs.passed[rule] = ours
        elif allow_other_base:
            proofs.excused[rule] = f"{ours} after {theirs}, allowed by OTA_ALLOW_OTHER_BASE"
        else:
            raise ProofError(
                f"the base release {base.manifest.version} is one for the {name} {theirs}, and this one is for {ours}: "
                "nothing is proven for the devices that run the base release",
                place=base.place,
                remedy=f"give a base release for {ours}; if those devices are meant to change over, set "
                "OTA_ALLOW_OTHER_BASE=y (--allow other-base)",
            )


def skipped_transition(transition: Manifest) -> str:
    """Return a text about devices that skip a transition release."""
    return (
        f"{transition.version} brought the key {(transition.key_fingerprint or '')[:16]}; devices that skipped it "
        f"trust {(transition.signer or '')[:16]} and refuse this release (OTA_VERIFY_RSA_FAIL): they need "
        f"{transition.version} first"
    )


def key_lines(manifest: Manifest) -> List[str]:
    """Return lines for people about a change of keys and a second signer."""
    lines = [proof.detail for proof in manifest.proofs if proof.rule == "key rotation"]
    if manifest.is_transition:
        lines.append(
            f"transition release: devices that install it trust key {(manifest.key_fingerprint or '')[:16]} "
            f"from then on, and take nothing that {(manifest.signer or '')[:16]} signs"
        )
    if manifest.approval:
        lines.append(f"approved by the second signer, key {manifest.approval.key_fingerprint[:16]}")
    return lines


def excuse_lines(manifest: Manifest) -> List[str]:
    """Return a warning for each excused rule, by a setting or a chip, and for each short file of a module."""
    short = [(f"module {module.name}", short_file(module.image.size)) for module in manifest.modules]
    excused = [(proof.rule, proof.detail) for proof in manifest.excused]
    return [f"warning: {what}: {detail}" for what, detail in (*excused, *short) if detail]


def unjudged_lines(manifest: Manifest) -> List[str]:
    """Return lines for people on the rules that were not judged, by reason."""
    rules: Dict[str, List[str]] = {}
    for proof in manifest.not_judged:
        rules.setdefault(proof.detail, []).append(proof.rule)
    return [f"not judged, as {reason}: {', '.join(names)}" for reason, names in rules.items()]


def prove_magic(image_magic: str, base: Base, proofs: Proofs) -> None:
    """Prove that the image replaces the same part of the device as the base release.

    Devices do not compare magics. Raises ProofError.
    """
    if base.manifest is None:
        proofs.not_judged["same image_magic as the base release"] = NO_BASE
        return
    before = base.manifest.image_magic
    if image_magic == before:
        proofs.passed["same image_magic as the base release"] = image_magic
        return
    if not {image_magic, before} <= _FIRMWARE:
        raise ProofError(
            f"this image has the magic {image_magic}, and the base release {base.manifest.version} is {before}: its "
            "version and key are not those of what this image replaces",
            remedy=f"set OTA_IMAGE_{before}=y (--magic {before.lower()}), or take the last release with "
            f"{image_magic} as the base release",
        )
    proofs.passed["image_magic differs from the base release"] = (
        f"{image_magic} after {before}: both replace the firmware"
    )


def device_of(keys: KeySet, base: Base, options: Options) -> Device:
    """Return the device that the images are for; it runs the base release, if there is one."""
    return Device(
        public_key=keys.trusted,
        local_rsa=keys.security == "local",
        version=base.manifest.version if base.manifest else None,
        partition_size=options.partition_size,
    )


def prove_acceptance(device: Device, version: str, image: bytes, *, hashed: Optional[Hashed] = None) -> Proofs:
    """Check an image of ``version`` by the device's own rules; return their outcomes. Raises ProofError."""
    judgement = judge(device, image, version=version, hashed=hashed)
    for finding in judgement.findings:
        if not finding.ok:
            raise ProofError(
                f"a device would refuse this image with {finding.verdict.name}: {finding.detail}",
                remedy=_REMEDIES.get(
                    finding.rule,
                    "this is a fault of the build: `aos make clean` and build again, and report it if it stays",
                ),
            )
    if judgement.verdict is not DeviceVerdict.OTA_SUCCESS or (device.local_rsa and not judgement.signature_checked):
        raise ProofError(
            f"the signature of this image was not checked ({judgement.verdict.name})",
            remedy="this is a fault of aos_ota_plugin: please report it",
        )
    proofs = Proofs()
    for finding in judgement.findings:
        if finding.judged:
            proofs.passed[finding.rule] = finding.detail
        else:
            proofs.not_judged[finding.rule] = finding.detail.partition("not judged: ")[2] or finding.detail
    return proofs


_NO_ELF = "no ELF is given"
_FREE_OF_SECRETS = "no device secret in the firmware"
NO_BASE = "no base release is given"
_FIRMWARE = {"ALL", "APP", "KERNEL"}
_REMEDIES = {
    "header": "check the step that makes the payload: it is shorter than any firmware",
    "partition": "make the firmware smaller, or check OTA_PARTITION_SIZE and the board's flash file list",
}
