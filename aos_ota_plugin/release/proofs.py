"""What a release has to pass before it gets its name: one function a rule, each a ProofError or a line of the manifest.

`release.make` says in which order, and why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, List, Optional

from aos_ota_plugin.errors import ProofError, SigningKeyError, placed

# Each function imports the rooms it needs: a build with nothing to do proves nothing.
if TYPE_CHECKING:
    from aos_ota_plugin.device.acceptance import Hashed
    from aos_ota_plugin.keys.rsa import PublicKey
    from aos_ota_plugin.release.manifest import Manifest
    from aos_ota_plugin.release.request import ReleaseInput

NEW_KEY = "key differs from the base release"
"""The rule that stands for OTA_ALLOW_NEW_KEY."""


class Proofs:
    """Collects the outcome of every rule, in order: by the rule's name, what was seen or why it was not judged."""

    def __init__(self) -> None:
        self.passed: Dict[str, str] = {}
        self.excused: Dict[str, str] = {}  # by a setting, or by the description of the chip
        self.not_judged: Dict[str, str] = {}

    def add(self, stage: str, other: Proofs) -> None:
        """Take over the outcomes of a stage, each rule with the stage's name before its own."""
        for ours, theirs in (
            (self.passed, other.passed),
            (self.excused, other.excused),
            (self.not_judged, other.not_judged),
        ):
            ours.update({f"{stage}: {rule}": detail for rule, detail in theirs.items()})


def prove_key(given: ReleaseInput, proofs: Proofs) -> Optional[PublicKey]:
    """The key that devices check this image with, and the next one, too, unless the firmware brings a next key."""
    if given.security == "none":
        proofs.not_judged["public key in the firmware"] = "nobody signs, and devices check no signature"
        return None
    wanted = given.public_key or (given.signer.public_key if given.signer else None)
    if wanted is None:
        raise SigningKeyError(
            "there is no key to make or check this release with",
            remedy="set OTA_SIGNING_KEY (local mode) or OTA_PUBLIC_KEY (cloud mode)",
        )
    if given.security == "local":
        if given.signer is None:
            raise SigningKeyError("there is no private key to sign this release with", remedy="set OTA_SIGNING_KEY")
        if given.signer.public_key != wanted:
            raise ProofError(
                f"OTA_PUBLIC_KEY (fingerprint {wanted.fingerprint[:16]}) is not the public half of OTA_SIGNING_KEY "
                f"(fingerprint {given.signer.public_key.fingerprint[:16]}): every signature would be refused",
                remedy="drop OTA_PUBLIC_KEY to use the signing key's own public half, or give the one belonging to it",
            )
    if given.elf is None:
        if given.next_key is not None:
            raise ProofError(
                "without the linked firmware it cannot be proven that it brings the next key, and devices "
                "that install another one take no update of ours again",
                remedy="give the ELF with --elf",
            )
        proofs.not_judged["public key in the firmware"] = _NO_ELF
        return wanted
    from aos_ota_plugin.device.elf import read_public_key

    with placed(given.elf_name):
        held = read_public_key(given.elf)
    embedded = given.next_key or wanted
    if held != embedded:
        raise ProofError(
            f"{given.elf_name} holds the public key {held.fingerprint[:16]}, not {embedded.fingerprint[:16]}: devices "
            "running it would refuse every image signed with this key (OTA_VERIFY_RSA_FAIL)",
            remedy="`aos make clean`, then build again; if it stays, another source defines ota_pubn_buf",
        )
    proofs.passed["public key in the firmware"] = f"read back from the ELF: {held.fingerprint[:16]}" + (
        ", the next key" if given.next_key else ""
    )
    return wanted


def prove_firmware(given: ReleaseInput, proofs: Proofs) -> None:
    """The firmware holds the version, and of the identity what it should."""
    if given.elf is None:
        proofs.not_judged["version in the firmware"] = proofs.not_judged[_FREE_OF_SECRETS] = _NO_ELF
        return
    from aos_ota_plugin.device.elf import elf_contains

    if not elf_contains(given.elf, given.version.encode("ascii", "replace") + b"\0"):
        raise ProofError(
            f"{given.elf_name} does not hold the version {given.version}: a device running it would report another one",
            remedy="use MY_APP_VER where the version is reported; if you do, `aos make clean` and build again",
        )
    proofs.passed["version in the firmware"] = f"{given.version} stands in the ELF"
    if not all(elf_contains(given.elf, needle) for needle in given.embedded):
        raise ProofError(
            f"{given.elf_name} does not hold the whole identity that OTA_IDENTITY_EMBEDDED asks for",
            remedy="check that otaappdemo.c uses product_key, device_name and device_secret; then `aos make clean`",
        )
    if given.embedded:
        proofs.passed["identity in the firmware"] = "embedded, as OTA_IDENTITY_EMBEDDED asks"
    if any(elf_contains(given.elf, needle) for needle in given.forbidden):
        raise ProofError(
            f"{given.elf_name} holds a device secret although the identity comes from the KV partition",
            remedy="remove the secret from the sources, or set OTA_IDENTITY_EMBEDDED=y if one device is what you want",
        )
    if given.forbidden:
        proofs.passed[_FREE_OF_SECRETS] = "none of those that this build knows"
    elif not given.embedded:
        proofs.not_judged[_FREE_OF_SECRETS] = "no secret is given to look for"


def prove_version(given: ReleaseInput, proofs: Proofs) -> None:
    """Device and platform take the version, and devices of the base release find it newer."""
    from aos_ota_plugin.device.version import check_version, explain_order, suggest_version

    check_version(given.version, place=given.version_place)
    proofs.passed["version"] = f"{given.version}: characters and length fit device and platform"
    if given.base is None:
        proofs.not_judged["version order"] = NO_BASE
        return
    reason = explain_order(given.version, given.base.version)
    if reason is not None:
        raise ProofError(
            reason,
            place=given.version_place,
            remedy=f"use {suggest_version(given.base.version, given.version)}, which those devices take",
        )
    proofs.passed["version order"] = f"{given.version} is newer than {given.base.version} by the device's strncmp"


def prove_continuity(given: ReleaseInput, trusted: Optional[PublicKey], proofs: Proofs) -> None:
    """The devices of the base release trust the key that this one is signed with."""
    if given.base is None:
        proofs.not_judged["same key as the base release"] = NO_BASE
        return
    ours = trusted.fingerprint if trusted else None
    theirs = given.base.key_fingerprint
    if given.base.security == given.security and ours == theirs:
        proofs.passed["same key as the base release"] = (ours or "no key")[:16]
        if given.base.is_transition:
            proofs.passed["key rotation"] = skipped(given.base)
        return
    if given.allow_new_key and given.next_key is None:
        proofs.excused[NEW_KEY] = "allowed by OTA_ALLOW_NEW_KEY"
        return
    raise ProofError(
        f"the devices in the field ({given.base.version}) are in {given.base.security} mode and trust key "
        f"{(theirs or 'none')[:16]}; this release is in {given.security} mode with key {(ours or 'none')[:16]}: they "
        "would refuse it (OTA_VERIFY_RSA_FAIL)",
        remedy="use the key and mode of the base release; to change the key, release first with that one and "
        "OTA_EMBED_NEXT_KEY=y, and take that release as the base; or set OTA_ALLOW_NEW_KEY=y if they get this "
        "one another way",
    )


def skipped(transition: Manifest) -> str:
    """What a release that follows a transition means for devices that did not take that."""
    return (
        f"{transition.version} brought the key {(transition.key_fingerprint or '')[:16]}; devices that skipped it "
        f"trust {(transition.signer or '')[:16]} and refuse this release (OTA_VERIFY_RSA_FAIL): they need "
        f"{transition.version} first"
    )


def key_lines(manifest: Manifest) -> List[str]:
    """What a change of keys, and a second signer, mean for a release; for people."""
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
    """List what a setting or a chip's description excused; shown on every build."""
    return [f"warning: {proof.rule}: {proof.detail}" for proof in manifest.excused]


def unjudged_lines(manifest: Manifest) -> List[str]:
    """List the rules that were not judged, by reason; for people."""
    rules: Dict[str, List[str]] = {}
    for proof in manifest.not_judged:
        rules.setdefault(proof.detail, []).append(proof.rule)
    return [f"not judged, as {reason}: {', '.join(names)}" for reason, names in rules.items()]


def prove_magic(given: ReleaseInput, proofs: Proofs) -> None:
    """A device never compares magics, so only we can see an image meant for another part of it, or another chip."""
    if given.base is None:
        proofs.not_judged["same image_magic as the base release"] = NO_BASE
        return
    if given.image_magic == given.base.image_magic:
        proofs.passed["same image_magic as the base release"] = given.image_magic
        return
    magics = given.image_magic, given.base.image_magic
    if not set(magics) <= _FIRMWARE:
        raise ProofError(
            f"this image has the magic {magics[0]}, and the base release {given.base.version} is {magics[1]}: its "
            "version and key are not those of what this image replaces",
            remedy=f"set OTA_IMAGE_{magics[1]}=y (--magic {magics[1].lower()}), or take the last release with "
            f"{magics[0]} as the base release",
        )
    proofs.passed["image_magic differs from the base release"] = (
        f"{magics[0]} after {magics[1]}: both replace the firmware"
    )


def prove_acceptance(
    given: ReleaseInput, trusted: Optional[PublicKey], image: bytes, *, hashed: Optional[Hashed] = None
) -> Proofs:
    """Take an image through the device's own rules; return the outcome of each."""
    from aos_ota_plugin.device.acceptance import Device, DeviceVerdict, judge

    device = Device(
        public_key=trusted,
        local_rsa=given.security == "local",
        version=given.base.version if given.base else None,
        partition_size=given.partition_size,
    )
    judgement = judge(device, image, version=given.version, hashed=hashed)
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
