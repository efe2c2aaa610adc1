"""Making one release: payload and settings in, image and manifest out, with every proof passed. No I/O.

The rules, in the order they are checked; the first that fails ends the release:

 1. the firmware holds the public key that the signature will be made with (local), or the one that the platform
    gave (cloud), read back from the linked ELF;
 2. the firmware holds the version that the settings name, and an embedded identity where one was asked for;
 3. the version is one that platform and device take, and newer than the base release by the device's own comparison;
 4. the devices of the base release trust the same key, unless told otherwise, and the image replaces what the base
    release is;
 5. the finished image passes the device's own checks with the key of the firmware;
 6. a compressed image passes them too, and decodes to the payload within the boot stage's dictionary;
 7. a diff image passes them too, and a model of the device makes the payload of the base release's with it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Callable, Dict, Optional, Tuple

from aos_ota_plugin.errors import Place, ProofError, SigningKeyError, placed
from aos_ota_plugin.release.names import IMAGE_NAME, XZ_SUFFIX, diff_name

# Each function imports the rooms it needs: a build with nothing to do makes no release.
if TYPE_CHECKING:
    from aos_ota_plugin.images.full import Digesting
    from aos_ota_plugin.keys.rsa import PublicKey
    from aos_ota_plugin.keys.signer import Signer
    from aos_ota_plugin.release.manifest import Manifest

Proofs = Dict[str, str]
"""What was proven, in order: the rule, and what was seen."""
Progress = Callable[[str, int, int], None]
"""Is told of long work: the file that is being made, steps done, steps in all."""


@dataclass(frozen=True)
class ReleaseInput:
    """All that decides a release.

    ``payload`` is what devices run (``ota_rtos.bin``); ``elf`` is the linked firmware it was made from, or None where
    only a payload exists (``aos-ota sign`` without ``--elf``). ``public_key`` is the key that devices are to trust:
    the signer's own in local mode, the platform's in cloud mode. ``embedded`` are byte strings that the firmware must
    hold (an embedded identity), ``forbidden`` those it must not; neither is ever shown. With ``base_payload``, the
    payload that ``base`` describes, a diff is made. ``known_stream`` and ``known_patch`` are the xz stream and the
    patch where an earlier release made them of the same payloads: they are proven anew like new ones.
    ``digesting`` is the payload's, where it was begun before the rest was known.
    """

    payload: bytes = field(repr=False)
    version: str
    security: str
    identity: str
    partition_size: int
    elf: Optional[bytes] = field(default=None, repr=False)
    elf_name: str = "the ELF"
    payload_name: str = "ota_rtos.bin"
    image_name: str = IMAGE_NAME
    signer: Optional[Signer] = None
    public_key: Optional[PublicKey] = None
    base: Optional[Manifest] = None
    allow_new_key: bool = False
    image_magic: str = "ALL"
    compress_xz: bool = False
    base_payload: Optional[bytes] = field(default=None, repr=False)
    known_stream: Optional[bytes] = field(default=None, repr=False)
    known_patch: Optional[bytes] = field(default=None, repr=False)
    embedded: Tuple[bytes, ...] = field(default=(), repr=False)
    forbidden: Tuple[bytes, ...] = field(default=(), repr=False)
    solution: Optional[str] = None
    board: Optional[str] = None
    version_place: Optional[Place] = None
    digesting: Optional[Digesting] = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Release:
    """A release that passed every proof. The image is ``payload`` followed by ``trailer``; ``compressed`` is the
    same firmware as an xz image, ``diff`` what devices of the base release make it of, where they were asked for.
    ``compressed_size`` is what an xz image has, or would have where a diff is to be compared with it; in bytes.
    """

    payload: bytes = field(repr=False)
    image: bytes = field(repr=False)
    manifest: Manifest
    compressed: Optional[bytes] = field(default=None, repr=False)
    diff: Optional[bytes] = field(default=None, repr=False)
    compressed_size: Optional[int] = None

    @property
    def trailer(self) -> bytes:
        """What the image has beyond the payload."""
        return self.image[len(self.payload):]

    @property
    def images(self) -> Dict[str, bytes]:
        """All images by the names that the manifest gives them."""
        made = [data for data in (self.image, self.compressed, self.diff) if data is not None]
        return {artifact.file: data for artifact, data in zip(self.manifest.images, made)}


def make_release(given: ReleaseInput, *, progress: Optional[Progress] = None) -> Release:
    """Build the image and prove it.

    Raises:
        ProofError: a device would refuse it, or it is not what the settings say.
        SigningKeyError, FormatError: a key or the ELF cannot be used.
    """
    from aos_ota_plugin.images.full import seal
    from aos_ota_plugin.images.info import ImageMagic
    from aos_ota_plugin.release.manifest import Artifact, BaseRelease, Manifest, Proof

    proofs: Proofs = {}
    trusted = _prove_key(given, proofs)
    _prove_firmware(given, proofs)
    _prove_version(given, proofs)
    _prove_continuity(given, trusted, proofs)
    _prove_magic(given, proofs)

    sign = given.signer.sign_hash if given.security == "local" and given.signer else None
    sealed = seal(given.payload, sign=sign, magic=ImageMagic[given.image_magic], digesting=given.digesting)
    image = given.payload + sealed.trailer
    _prove_acceptance(given, trusted, image, proofs)
    compressed = _compressed(given, trusted, proofs, progress) if given.compress_xz else None
    diff = _diff(given, trusted, proofs, progress)

    payload = Artifact(given.payload_name, "payload", len(given.payload), sealed.payload.md5, sealed.payload.sha256)
    images = [Artifact(given.image_name, "full", len(image), sealed.image.md5, sealed.image.sha256)]
    for name, kind, data in ((given.image_name + XZ_SUFFIX, "xz", compressed),
                             (diff_name(given.image_name), "diff", diff)):
        if data is not None:
            images.append(Artifact(name, kind, len(data), hashlib.md5(data, usedforsecurity=False).hexdigest(),
                                   hashlib.sha256(data).hexdigest()))
    manifest = Manifest(
        version=given.version,
        security=given.security,
        identity=given.identity,
        key_fingerprint=trusted.fingerprint if trusted else None,
        payload=payload,
        images=tuple(images),
        proofs=tuple(Proof(rule, detail) for rule, detail in proofs.items()),
        solution=given.solution,
        board=given.board,
        base=BaseRelease(given.base.version, given.base.payload.sha256) if given.base else None,
        image_magic=given.image_magic,
    )
    return Release(given.payload, image, manifest, compressed, diff, _compressed_size(given, compressed, diff))


def _compressed(
    given: ReleaseInput, trusted: Optional[PublicKey], proofs: Proofs, progress: Optional[Progress],
) -> bytes:
    """The xz image, taken apart again as the second boot stage would."""
    from aos_ota_plugin.images import full, info, xz

    sign = given.signer.sign_hash if given.security == "local" and given.signer else None
    stream = given.known_stream or xz.compress(
        given.payload, progress=_steps(progress, given.image_name + XZ_SUFFIX))
    image = full.build(stream, sign=sign, magic=info.ImageMagic[given.image_magic])
    if xz.decompress(stream, len(given.payload)) != given.payload:
        raise ProofError("the compressed image does not decode to the payload",
                         remedy="this is a fault of aos_ota_plugin: please report it")
    header = xz.parse(stream)
    proofs["xz: decodes to the payload"] = f"LZMA2, dictionary {header.dict_size} bytes, check {header.check}"
    _prove_acceptance(given, trusted, image, proofs, prefix="xz, device")
    return image


def _diff(
    given: ReleaseInput, trusted: Optional[PublicKey], proofs: Proofs, progress: Optional[Progress],
) -> Optional[bytes]:
    """The diff image, applied as devices of the base release will."""
    if given.base_payload is None or given.base is None:
        return None
    from aos_ota_plugin.images.diff import build
    from aos_ota_plugin.images.info import ImageMagic
    from aos_ota_plugin.release.diffs import make_patch, prove_diff

    if hashlib.sha256(given.base_payload).hexdigest() != given.base.payload.sha256:
        raise ProofError(f"the diff would not be made from the payload of {given.base.version}: its SHA-256 differs",
                         remedy="keep the ota_rtos_ota.bin of that release beside its manifest")
    patch = given.known_patch or make_patch(
        given.base_payload, given.payload, partition_size=given.partition_size,
        progress=_steps(progress, diff_name(given.image_name)))
    sign = given.signer.sign_hash if given.security == "local" and given.signer else None
    image = build(patch, sign=sign, magic=ImageMagic[given.image_magic])
    made = prove_diff(given.base_payload, given.payload, image, partition_size=given.partition_size)
    proofs["diff: base"] = f"the payload of {given.base.version}, SHA-256 {given.base.payload.sha256}"
    proofs["diff: applied in place"] = made.applied
    proofs["diff: device limits"] = made.within
    _prove_acceptance(given, trusted, made.image, proofs, prefix="diff, device")
    return made.image


def _compressed_size(given: ReleaseInput, compressed: Optional[bytes], diff: Optional[bytes]) -> Optional[int]:
    if compressed is not None or diff is None:
        return None if compressed is None else len(compressed)
    from aos_ota_plugin.release.diffs import compressed_size

    return compressed_size(given.payload, signed=given.security == "local", other=len(diff))


def _steps(progress: Optional[Progress], name: str) -> Optional[Callable[[int, int], None]]:
    if progress is None:
        return None
    progress(name, 0, 1)
    return lambda done, steps: progress(name, done, steps)


def _prove_key(given: ReleaseInput, proofs: Proofs) -> Optional[PublicKey]:
    """The key that devices running this firmware will check the next image with."""
    if given.security == "none":
        return None
    wanted = given.public_key or (given.signer.public_key if given.signer else None)
    if wanted is None:
        raise SigningKeyError("there is no key to make or check this release with",
                              remedy="set OTA_SIGNING_KEY (local mode) or OTA_PUBLIC_KEY (cloud mode)")
    if given.security == "local":
        if given.signer is None:
            raise SigningKeyError("there is no private key to sign this release with", remedy="set OTA_SIGNING_KEY")
        if given.signer.public_key != wanted:
            raise ProofError(
                f"OTA_PUBLIC_KEY (fingerprint {wanted.fingerprint[:16]}) is not the public half of OTA_SIGNING_KEY "
                f"(fingerprint {given.signer.public_key.fingerprint[:16]}): every signature would be refused",
                remedy="drop OTA_PUBLIC_KEY to use the signing key's own public half, or give the one belonging to it")
    if given.elf is None:
        return wanted
    from aos_ota_plugin.device.elf import read_public_key

    with placed(given.elf_name):
        held = read_public_key(given.elf)
    if held != wanted:
        raise ProofError(
            f"{given.elf_name} holds the public key {held.fingerprint[:16]}, not {wanted.fingerprint[:16]}: devices "
            "running it would refuse every image signed with this key (OTA_VERIFY_RSA_FAIL)",
            remedy="`aos make clean`, then build again; if it stays, another source defines ota_pubn_buf")
    proofs["public key in the firmware"] = f"read back from the ELF: {held.fingerprint[:16]}"
    return held


def _prove_firmware(given: ReleaseInput, proofs: Proofs) -> None:
    if given.elf is None:
        return
    from aos_ota_plugin.device.elf import elf_contains

    if not elf_contains(given.elf, given.version.encode("ascii", "replace") + b"\0"):
        raise ProofError(
            f"{given.elf_name} does not hold the version {given.version}: a device running it would report another one",
            remedy="use MY_APP_VER where the version is reported; if you do, `aos make clean` and build again")
    proofs["version in the firmware"] = f"{given.version} stands in the ELF"
    if not all(elf_contains(given.elf, needle) for needle in given.embedded):
        raise ProofError(
            f"{given.elf_name} does not hold the whole identity that OTA_IDENTITY_EMBEDDED asks for",
            remedy="check that otaappdemo.c uses product_key, device_name and device_secret; then `aos make clean`")
    if given.embedded:
        proofs["identity in the firmware"] = "embedded, as OTA_IDENTITY_EMBEDDED asks"
    if any(elf_contains(given.elf, needle) for needle in given.forbidden):
        raise ProofError(
            f"{given.elf_name} holds a device secret although the identity comes from the KV partition",
            remedy="remove the secret from the sources, or set OTA_IDENTITY_EMBEDDED=y if one device is what you want")


def _prove_version(given: ReleaseInput, proofs: Proofs) -> None:
    from aos_ota_plugin.device.version import check_version, explain_order, suggest_version

    check_version(given.version, place=given.version_place)
    if given.base is None:
        proofs["version"] = f"{given.version}: characters and length fit device and platform"
        return
    reason = explain_order(given.version, given.base.version)
    if reason is not None:
        raise ProofError(reason, place=given.version_place,
                         remedy=f"use {suggest_version(given.base.version, given.version)}, which those devices take")
    proofs["version order"] = f"{given.version} is newer than {given.base.version} by the device's strncmp"


def _prove_continuity(given: ReleaseInput, trusted: Optional[PublicKey], proofs: Proofs) -> None:
    if given.base is None:
        return
    ours = trusted.fingerprint if trusted else None
    theirs = given.base.key_fingerprint
    if given.base.security == given.security and ours == theirs:
        proofs["same key as the base release"] = (ours or "no key")[:16]
        return
    if given.allow_new_key:
        proofs["key differs from the base release"] = "allowed by OTA_ALLOW_NEW_KEY"
        return
    raise ProofError(
        f"the devices in the field ({given.base.version}) are in {given.base.security} mode and trust key "
        f"{(theirs or 'none')[:16]}; this release is in {given.security} mode with key {(ours or 'none')[:16]}: they "
        "would refuse it",
        remedy="use the key and mode of the base release, or set OTA_ALLOW_NEW_KEY=y if they get this one another way")


def _prove_magic(given: ReleaseInput, proofs: Proofs) -> None:
    """A device never compares magics, so only we can see an image meant for another part of it, or another chip."""
    if given.base is None or given.image_magic == given.base.image_magic:
        return
    magics = given.image_magic, given.base.image_magic
    if not set(magics) <= _FIRMWARE:
        raise ProofError(
            f"this image has the magic {magics[0]}, and the base release {given.base.version} is {magics[1]}: its "
            "version and key are not those of what this image replaces",
            remedy=f"set OTA_IMAGE_{magics[1]}=y (--magic {magics[1].lower()}), or take the last release with "
                   f"{magics[0]} as the base release")
    proofs["image_magic differs from the base release"] = f"{magics[0]} after {magics[1]}: both replace the firmware"


def _prove_acceptance(
    given: ReleaseInput, trusted: Optional[PublicKey], image: bytes, proofs: Proofs, *, prefix: str = "device",
) -> None:
    from aos_ota_plugin.device.acceptance import Device, DeviceVerdict, judge

    device = Device(public_key=trusted, local_rsa=given.security == "local",
                    version=given.base.version if given.base else None, partition_size=given.partition_size)
    judgement = judge(device, image, version=given.version)
    for finding in judgement.findings:
        if not finding.ok:
            raise ProofError(f"a device would refuse this image with {finding.verdict.name}: {finding.detail}",
                             remedy=_REMEDIES.get(finding.rule, "this is a fault of the build: `aos make clean` and "
                                                  "build again, and report it if it stays"))
        if finding.judged:
            proofs[f"{prefix}: {finding.rule}"] = finding.detail
    if judgement.verdict is not DeviceVerdict.OTA_SUCCESS or (device.local_rsa and not judgement.signature_checked):
        raise ProofError(f"the signature of this image was not checked ({judgement.verdict.name})",
                         remedy="this is a fault of aos_ota_plugin: please report it")


_FIRMWARE = {"ALL", "APP", "KERNEL"}
_REMEDIES = {
    "partition": "make the firmware smaller, or check OTA_PARTITION_SIZE and the board's flash file list",
}
