"""Making one release: payload and settings in, image and manifest out, with every proof passed. No I/O.

The rules, in the order they are checked; the first that fails ends the release. One that lacks its input is listed as
not judged, with the reason; one that a setting or a chip's description excuses, as excused:

 1. the firmware holds the public key that the signature will be made with (local), or the one that the platform
    gave (cloud), read back from the linked ELF; in a transition release it holds the next key instead;
 2. the firmware holds the version that the settings name, and an embedded identity where one was asked for; the
    linker's .bin and the payload are that firmware, byte for byte (release/payload_proof.py);
 3. the version is one that platform and device take, and newer than the base release by the device's own comparison;
 4. the key is one that releases may be made with (release/policy.py), and a second signer agreed, where one is named;
 5. the devices of the base release trust the same key, unless told otherwise, and the image replaces what the base
    release is;
 6. the finished image passes the device's own checks with the key of the firmware;
 7. a compressed image passes them too, and decodes to the payload within the boot stage's dictionary;
 8. a diff image passes them too, and a model of the device makes the payload of the base release's with it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Callable, Dict, NamedTuple, Optional, Tuple

from aos_ota_plugin.errors import FormatError, ProofError, SigningKeyError, placed
from aos_ota_plugin.release.names import XZ_SUFFIX, diff_name
from aos_ota_plugin.release.payload_proof import prove_payload
from aos_ota_plugin.release.policy import prove_policy
from aos_ota_plugin.release.proofs import (
    Proofs,
    prove_acceptance,
    prove_continuity,
    prove_firmware,
    prove_key,
    prove_magic,
    prove_version,
)

# Each function imports the rooms it needs: a build with nothing to do makes no release.
if TYPE_CHECKING:
    from aos_ota_plugin.keys.offline import SigningRequest
    from aos_ota_plugin.keys.rsa import PublicKey
    from aos_ota_plugin.release.manifest import Manifest, Proof
    from aos_ota_plugin.release.request import ReleaseInput

Progress = Callable[[str, int, int], None]
"""Is told of long work: the file that is being made, steps done, steps in all."""


class Release(NamedTuple):
    """A release that passed every proof. The image is ``payload`` followed by ``trailer``; ``compressed`` is the
    same firmware as an xz image, ``diff`` what devices of the base release make it of, where they were asked for.
    ``compressed_size`` is what an xz image has, or would have where a diff is to be compared with it; in bytes.
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
        """What the image has beyond the payload."""
        return self.image[len(self.payload) :]

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
    from aos_ota_plugin.device.acceptance import Hashed
    from aos_ota_plugin.images.full import PADDING, check_payload, seal
    from aos_ota_plugin.images.info import ImageMagic
    from aos_ota_plugin.release.artifact import Artifact
    from aos_ota_plugin.release.manifest import BaseRelease, Manifest
    from aos_ota_plugin.release.policy import approved

    with placed(given.payload_name):
        check_payload(given.payload)
    proofs = Proofs()
    trusted = _prove_inputs(given, proofs)
    four_eyes = given.second is not None or given.second_key is not None
    approval = approved(given, image_hash(given).digest(), trusted, proofs) if four_eyes else None
    sealed = seal(given.payload, sign=given.sign, magic=ImageMagic[given.image_magic], digesting=given.digesting)
    image = given.payload + sealed.trailer
    hashed = Hashed((given.payload, PADDING), sealed.padded.md5, sealed.padded.sha256)
    proofs.add("device", prove_acceptance(given, trusted, image, hashed=hashed))
    compressed = _compressed(given, trusted, proofs, progress) if given.compress_xz else None
    diff = _diff(given, trusted, proofs, progress)

    payload = Artifact(given.payload_name, "payload", len(given.payload), sealed.payload.md5, sealed.payload.sha256)
    images = [Artifact(given.image_name, "full", len(image), sealed.image.md5, sealed.image.sha256)]
    for name, kind, data in (
        (given.image_name + XZ_SUFFIX, "xz", compressed),
        (diff_name(given.image_name), "diff", diff),
    ):
        if data is not None:
            images.append(
                Artifact(
                    name,
                    kind,
                    len(data),
                    hashlib.md5(data, usedforsecurity=False).hexdigest(),
                    hashlib.sha256(data).hexdigest(),
                )
            )
    manifest = Manifest(
        version=given.version,
        security=given.security,
        identity=given.identity,
        key_fingerprint=(given.next_key or trusted).fingerprint if trusted else None,
        payload=payload,
        images=tuple(images),
        proofs=_listed(proofs.passed),
        excused=_listed(proofs.excused),
        not_judged=_listed(proofs.not_judged),
        solution=given.solution,
        board=given.board,
        base=BaseRelease(given.base.version, given.base.payload.sha256) if given.base else None,
        image_magic=given.image_magic,
        signed_by=trusted.fingerprint if trusted and given.security == "local" else None,
        approval=approval,
    )
    return Release(given.payload, image, manifest, compressed, diff, _compressed_size(given, compressed, diff))


def signing_request(given: ReleaseInput, proofs: Optional[Proofs] = None) -> SigningRequest:
    """Return what somebody else has to sign for this release; ``proofs`` collects the outcome of each rule.

    All is proven that can be without the signature. Raises as ``make_release``.
    """
    from aos_ota_plugin.images.full import Digesting
    from aos_ota_plugin.keys.offline import SigningRequest

    trusted = _prove_inputs(given, Proofs() if proofs is None else proofs)
    if trusted is None:
        raise SigningKeyError("a release that nobody signs has nothing to be signed", remedy="give a public key")
    if not given.payload:
        raise FormatError("the payload is empty", remedy="check the build step that makes it")
    _, of_payload = (given.digesting or Digesting(given.payload)).copies()
    return SigningRequest(
        image_hash(given).digest(),
        trusted,
        given.payload_name,
        len(given.payload),
        of_payload.hexdigest(),
        given.version,
        given.image_magic,
    )


def image_hash(given: ReleaseInput) -> hashlib._Hash:
    """The SHA-256 that is signed: of the payload and its padding."""
    from aos_ota_plugin.images.full import PADDING, Digesting

    _, sha256 = (given.digesting or Digesting(given.payload)).copies()
    sha256.update(PADDING)
    return sha256


def _prove_inputs(given: ReleaseInput, proofs: Proofs) -> Optional[PublicKey]:
    """All that can be proven before there is an image; the key that devices check the image with."""
    trusted = prove_key(given, proofs)
    prove_firmware(given, proofs)
    prove_payload(given, trusted, proofs)
    prove_version(given, proofs)
    prove_policy(given, trusted, proofs)
    prove_continuity(given, trusted, proofs)
    prove_magic(given, proofs)
    return trusted


def _compressed(
    given: ReleaseInput, trusted: Optional[PublicKey], proofs: Proofs, progress: Optional[Progress]
) -> bytes:
    """The xz image, taken apart again as the second boot stage would."""
    from aos_ota_plugin.images import full, info, xz

    stream = given.known_stream or xz.compress(given.payload, progress=_steps(progress, given.image_name + XZ_SUFFIX))
    image = full.build(stream, sign=given.sign, magic=info.ImageMagic[given.image_magic])
    if xz.decompress(stream, len(given.payload)) != given.payload:
        raise ProofError(
            "the compressed image does not decode to the payload",
            remedy="this is a fault of aos_ota_plugin: please report it",
        )
    header = xz.parse(stream)
    proofs.passed["xz: decodes to the payload"] = f"LZMA2, dictionary {header.dict_size} bytes, check {header.check}"
    proofs.add("xz, device", prove_acceptance(given, trusted, image))
    return image


def _diff(
    given: ReleaseInput, trusted: Optional[PublicKey], proofs: Proofs, progress: Optional[Progress]
) -> Optional[bytes]:
    """The diff image, applied as devices of the base release will."""
    if given.base_payload is None or given.base is None:
        return None
    from aos_ota_plugin.images.diff import build
    from aos_ota_plugin.images.info import ImageMagic
    from aos_ota_plugin.release.diffs import make_patch, prove_diff

    if (given.base.security, given.base.key_fingerprint) != (given.security, trusted.fingerprint if trusted else None):
        # A diff is for devices of the base release only, and those check it with the key that they have. A transition
        # release is signed with that one, so a diff to it is taken.
        raise ProofError(
            f"only devices on {given.base.version} can apply this diff, and they are in {given.base.security} mode "
            f"with key {(given.base.key_fingerprint or 'none')[:16]}: they would refuse it",
            remedy="make no diff (OTA_DIFF=n) for the release that changes key or mode; send the whole image another "
            "way, as OTA_ALLOW_NEW_KEY says",
        )
    if hashlib.sha256(given.base_payload).hexdigest() != given.base.payload.sha256:
        raise ProofError(
            f"the diff would not be made from the payload of {given.base.version}: its SHA-256 differs",
            remedy="keep the ota_rtos_ota.bin of that release beside its manifest",
        )
    patch = given.known_patch or make_patch(
        given.base_payload,
        given.payload,
        partition_size=given.partition_size,
        progress=_steps(progress, diff_name(given.image_name)),
    )
    image = build(patch, sign=given.sign, magic=ImageMagic[given.image_magic])
    made = prove_diff(given.base_payload, given.payload, image, partition_size=given.partition_size)
    proofs.passed["diff: base"] = f"the payload of {given.base.version}, SHA-256 {given.base.payload.sha256}"
    proofs.passed["diff: applied in place"] = made.applied
    proofs.passed["diff: device limits"] = made.within
    proofs.add("diff, device", prove_acceptance(given, trusted, made.image))
    return made.image


def _listed(outcomes: Dict[str, str]) -> Tuple[Proof, ...]:
    from aos_ota_plugin.release.manifest import Proof

    return tuple(Proof(rule, detail) for rule, detail in outcomes.items())


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
