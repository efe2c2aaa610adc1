"""Making a release and proving it. No I/O.

>>> from aos_ota_plugin.release.request import Base, Firmware, KeySet, Options
>>> firmware = Firmware(b"firmware" * 8, "app-1.0.1")
>>> release = make_release(firmware, KeySet("none"), Base(), Options(partition_size=0x10000))
>>> [(artifact.file, artifact.kind, artifact.size) for artifact in release.manifest.images]
[('ota_rtos_ota.bin', 'full', 96)]

The rules, in the order in which they are checked; the first that fails ends the release. A rule that lacks its input
is listed as not judged, with the reason; a rule that a setting or a chip's description excuses, as excused:

 1. the firmware holds the public key that devices check signatures with, the signer's (local) or the platform's
    (cloud), read back from the linked ELF; in a transition release it holds the next key instead;
 2. the sources of the component ota are compiled for the security mode of the settings (pipeline/mode_proof.py);
    the firmware holds the version that the settings name, and the embedded identity where one is set; the
    linker's .bin and the payload are that firmware, byte for byte (release/payload_proof.py);
 3. platform and device take the version, and it is newer than the base release by the device's own comparison;
 4. releases may be made with the key (release/policy.py), and the second signer approved, where one is named;
 5. the devices of the base release trust the same key and are of the same solution, board and chip, unless a setting
    excuses it, and the image replaces the same part of the device;
 6. the finished image passes the device's own checks with the key of the firmware;
 7. a compressed image passes them too, and decodes to the payload within the boot stage's dictionary;
 8. a diff image passes them too, and a model of the device makes the payload from that of the base release with it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Callable, Dict, List, NamedTuple, Optional, Tuple

from aos_ota_plugin.device.acceptance import Hashed
from aos_ota_plugin.device.payload_content import check_payload
from aos_ota_plugin.errors import BuildError, ProofError, SigningKeyError, placed
from aos_ota_plugin.images.full import PADDING, Digesting, seal
from aos_ota_plugin.images.info import ImageMagic
from aos_ota_plugin.release.artifact import Artifact
from aos_ota_plugin.release.manifest import BaseRelease, Manifest, Proof
from aos_ota_plugin.release.payload_proof import prove_payload
from aos_ota_plugin.release.policy import prove_approval, prove_policy
from aos_ota_plugin.release.proofs import (
    Proofs,
    device_of,
    prove_acceptance,
    prove_continuity,
    prove_firmware,
    prove_key,
    prove_magic,
    prove_mode,
    prove_target,
    prove_version,
)

# Each function imports the rooms it needs: a build with nothing to do makes no release.
if TYPE_CHECKING:
    from aos_ota_plugin.release.diffs import DiffImage
    from aos_ota_plugin.release.manifest import Manifest, Proof
    from aos_ota_plugin.release.request import Base, Firmware, KeySet, Options
    from aos_ota_plugin.release.signing_request import SigningRequest

Progress = Callable[[str, int, int], None]
"""A function called during long work: with the file's name, the steps done and the number of steps."""


class Release(NamedTuple):
    """A release that passed every proof.

    ``image`` is ``payload`` followed by ``trailer``; ``compressed`` is the xz image and ``diff`` the diff image, None
    where the options do not ask for them. ``compressed_size`` is the size in bytes of the xz image, or where a diff is
    compared with it, the size it would have.
    """

    payload: bytes
    image: bytes
    manifest: Manifest
    compressed: Optional[bytes] = None
    diff: Optional[bytes] = None
    compressed_size: Optional[int] = None

    def __repr__(self) -> str:  # the images are megabytes
        return f"Release({self.manifest!r})"

    @property
    def trailer(self) -> bytes:
        """Return the bytes of the image after the payload."""
        return self.image[len(self.payload) :]

    @property
    def images(self) -> Dict[str, bytes]:
        """Return all images by their names in the manifest."""
        images = [data for data in (self.image, self.compressed, self.diff) if data is not None]
        return {artifact.file: data for artifact, data in zip(self.manifest.images, images)}


def make_release(
    firmware: Firmware, keys: KeySet, base: Base, options: Options, *, progress: Optional[Progress] = None
) -> Release:
    """Build the images, prove them and return the release.

    Raises:
        ProofError: a device would refuse the release, or it is not what the settings say.
        SigningKeyError: a key is missing or must not be used.
        FormatError: the payload or the ELF cannot be used.
    """
    proofs = Proofs()
    _prove_inputs(firmware, keys, base, options, proofs)
    approval = prove_approval(firmware, keys, proofs, allow_development_key=options.allow_development_key)
    magic = ImageMagic[options.image_magic]
    sealed = seal(firmware.payload, sign=keys.sign, magic=magic, digesting=firmware.digesting)
    image = firmware.payload + sealed.trailer
    hashed = Hashed((firmware.payload, PADDING), sealed.padded.md5, sealed.padded.sha256)
    device = device_of(keys, base, options)
    proofs.add("device", prove_acceptance(device, firmware.version, image, hashed=hashed))
    names = options.image_names
    payload = Artifact(firmware.payload_name, "payload", len(firmware.payload), *sealed.payload)
    artifacts = [Artifact(names.full, "full", len(image), *sealed.image, payload.sha256)]
    other_payloads: Tuple[Artifact, ...] = ()
    compressed = diff = None
    if options.compress_xz:
        compressed = _compress(firmware, keys, options, proofs, progress)
        proofs.add("xz, device", prove_acceptance(device, firmware.version, compressed))
        if firmware.xz_payload is not None:
            other_payloads = (_artifact(firmware.xz_payload.name, "payload", firmware.compressed),)
        source = other_payloads[0] if other_payloads else payload
        artifacts.append(_artifact(_named(names.xz, "xz"), "xz", compressed)._replace(payload=source.sha256))
    if base.payload is not None and base.manifest is not None:
        diff_image = _make_diff(firmware, keys, base, options, progress)
        diff = diff_image.image
        proofs.passed["diff: base"] = f"the payload of {base.manifest.version}, SHA-256 {base.manifest.payload.sha256}"
        proofs.passed["diff: applied in place"] = diff_image.proof
        proofs.passed["diff: device limits"] = diff_image.limits
        proofs.add("diff, device", prove_acceptance(device, firmware.version, diff))
        artifacts.append(_artifact(_named(names.diff, "diff"), "diff", diff)._replace(payload=payload.sha256))
    manifest = _manifest(firmware, keys, base, [payload, *artifacts], proofs)
    manifest = manifest._replace(
        image_magic=options.image_magic,
        approval=approval,
        other_payloads=other_payloads,
        partition_size=options.partition_size,
    )
    size = _compressed_size(firmware.compressed, compressed, diff, signed=keys.security == "local")
    return Release(firmware.payload, image, manifest, compressed, diff, size)


def signing_request(
    firmware: Firmware, keys: KeySet, base: Base, options: Options, *, proofs: Optional[Proofs] = None
) -> SigningRequest:
    """Return the request to sign this release elsewhere.

    All rules that need no signature are checked; ``proofs`` collects their outcomes. Raises as ``make_release``.
    """
    from aos_ota_plugin.release.signing_request import SigningRequest

    _prove_inputs(firmware, keys, base, options, Proofs() if proofs is None else proofs)
    if keys.trusted is None:
        raise SigningKeyError("this release is not signed, so there is nothing to sign", remedy="give a public key")
    _, of_payload = (firmware.digesting or Digesting(firmware.payload)).copies()
    return SigningRequest(
        firmware.image_hash(),
        keys.trusted,
        firmware.payload_name,
        len(firmware.payload),
        of_payload.hexdigest(),
        firmware.version,
        options.image_magic,
    )


def _prove_inputs(firmware: Firmware, keys: KeySet, base: Base, options: Options, proofs: Proofs) -> None:
    """Check the rules that need no image."""
    other = firmware.xz_payload
    for name, data in ((firmware.payload_name, firmware.payload), *([(other.name, other.data)] if other else [])):
        with placed(name):
            check_payload(data, ImageMagic[options.image_magic], *keys.known)
    prove_key(firmware, keys, proofs)
    prove_mode(firmware, proofs)
    prove_firmware(firmware, keys, options, proofs)
    prove_payload(firmware, keys.embedded, proofs)
    prove_version(firmware, base, proofs)
    prove_policy(keys, proofs, allow_development_key=options.allow_development_key)
    prove_continuity(keys, base, proofs, allow_new_key=options.allow_new_key)
    prove_target(firmware, base, proofs, allow_other_base=options.allow_other_base)
    prove_magic(options.image_magic, base, proofs)


def _compress(
    firmware: Firmware, keys: KeySet, options: Options, proofs: Proofs, progress: Optional[Progress]
) -> bytes:
    """Return the xz image, after decoding it as the second boot stage does."""
    from aos_ota_plugin.images import full, info, xz

    payload, name = firmware.compressed, _named(options.image_names.xz, "xz")
    stream = firmware.stream or xz.compress(payload, progress=_steps(progress, name))
    image = full.build(stream, sign=keys.sign, magic=info.ImageMagic[options.image_magic])
    if xz.decompress(stream, len(payload)) != payload:
        raise ProofError(
            "the compressed image does not decode to the payload",
            remedy="this is a fault of aos_ota_plugin: please report it",
        )
    header = xz.parse(stream)
    proofs.passed["xz: decodes to the payload"] = f"LZMA2, dictionary {header.dict_size} bytes, check {header.check}"
    return image


def _make_diff(
    firmware: Firmware, keys: KeySet, base: Base, options: Options, progress: Optional[Progress]
) -> DiffImage:
    """Return the diff image, after applying it as devices of the base release do."""
    from aos_ota_plugin.images.diff import build
    from aos_ota_plugin.release.diffs import make_patch, prove_diff, refuse_other_base

    old = base.payload or b""
    refuse_other_base(keys, base)
    patch = base.patch or make_patch(
        old,
        firmware.payload,
        partition_size=options.partition_size,
        progress=_steps(progress, _named(options.image_names.diff, "diff")),
    )
    image = build(patch, sign=keys.sign, magic=ImageMagic[options.image_magic])
    return prove_diff(old, firmware.payload, image, partition_size=options.partition_size)


def _named(name: Optional[str], kind: str) -> str:
    if name is None:
        raise BuildError(
            f"devices with this chip take no {kind} image: its description names none",
            remedy=f"set {'OTA_COMPRESS_XZ' if kind == 'xz' else 'OTA_DIFF'} to n, or write the image's name into the "
            f"description of the chip (`{kind}:`)",
        )
    return name


def _manifest(firmware: Firmware, keys: KeySet, base: Base, artifacts: List[Artifact], proofs: Proofs) -> Manifest:
    """Return the manifest; ``artifacts`` are the payload and the images."""
    base_manifest = base.manifest
    return Manifest(
        version=firmware.version,
        security=keys.security,
        identity=firmware.identity,
        key_fingerprint=keys.embedded.fingerprint if keys.embedded else None,
        payload=artifacts[0],
        images=tuple(artifacts[1:]),
        proofs=_to_proofs(proofs.passed),
        excused=_to_proofs(proofs.excused),
        not_judged=_to_proofs(proofs.not_judged),
        solution=firmware.solution,
        board=firmware.board,
        chip=firmware.chip,
        base=BaseRelease(base_manifest.version, base_manifest.payload.sha256) if base_manifest else None,
        signed_by=keys.trusted.fingerprint if keys.trusted and keys.security == "local" else None,
    )


def _artifact(name: str, kind: str, data: bytes) -> Artifact:
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    return Artifact(name, kind, len(data), md5, hashlib.sha256(data).hexdigest())


def _to_proofs(outcomes: Dict[str, str]) -> Tuple[Proof, ...]:

    return tuple(Proof(rule, detail) for rule, detail in outcomes.items())


def _compressed_size(
    payload: bytes, compressed: Optional[bytes], diff: Optional[bytes], *, signed: bool
) -> Optional[int]:
    if compressed is not None or diff is None:
        return None if compressed is None else len(compressed)
    from aos_ota_plugin.release.diffs import compressed_size

    return compressed_size(payload, signed=signed, other=len(diff))


def _steps(progress: Optional[Progress], name: str) -> Optional[Callable[[int, int], None]]:
    if progress is None:
        return None
    progress(name, 0, 1)
    return lambda done, steps: progress(name, done, steps)
