"""Reuse signatures, the xz stream and the patch of the last release in a new one.

They are read from the last release's files, if these are unchanged by the state's digests, and if the same version of
this project made them of the same payloads: the new release has the same bytes as without them.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from typing import TYPE_CHECKING, Dict, Mapping, NamedTuple, Optional, Tuple

from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.files.read import IMAGE_MAX, read_bytes
from aos_ota_plugin.images import diff, full
from aos_ota_plugin.release.manifest import TOOL, parse_manifest

if TYPE_CHECKING:
    from aos_ota_plugin.keys.rsa import PublicKey
    from aos_ota_plugin.keys.signer import Signer
    from aos_ota_plugin.release.manifest import Manifest
    from aos_ota_plugin.release.request import Base, Firmware, KeySet


class ReusingSigner:
    """A signer that takes signatures from the last release, and makes only the missing ones.

    For a hash and a key there is only one PKCS#1 v1.5 signature: signing again would give the same bytes.
    """

    def __init__(self, signer: Signer, signatures: Mapping[bytes, bytes]) -> None:
        self._signer = signer
        self._signatures = signatures

    @property
    def public_key(self) -> PublicKey:
        """Return the public key, as devices hold it."""
        return self._signer.public_key

    def sign_hash(self, hash32: bytes) -> bytes:
        """Return the last release's signature over an image's 32-byte hash if it is good, else a new one."""
        signature = self._signatures.get(hash32)
        if signature is not None and self.public_key.verify_hash(hash32, signature):
            return signature
        return self._signer.sign_hash(hash32)

    def sign_message(self, message: bytes) -> bytes:
        """Return a new signature: only the signatures of images are reused."""
        return self._signer.sign_message(message)


def reuse_last(
    firmware: Firmware, keys: KeySet, base: Base, outputs: Mapping[str, str], manifest: str
) -> Tuple[Firmware, KeySet, Base]:
    """Return a release's inputs with xz stream, patch and signatures of the last, for equal payloads.

    ``outputs`` has the SHA-256 of the last release's files by path; ``manifest`` is the path of its manifest.
    """
    last = _last_manifest(outputs, manifest)
    if last is None or last.tool != TOOL or last.payload.sha256 != hashlib.sha256(firmware.payload).hexdigest():
        return firmware, keys, base
    compressed = hashlib.sha256(firmware.compressed).hexdigest()
    images: Dict[str, bytes] = {}
    for image in last.images:
        if image.kind == "xz" and last.payload_of(image).sha256 != compressed:
            continue
        data = _unchanged(os.path.join(os.path.dirname(manifest), image.file), outputs)
        if data is not None:
            images[image.kind] = data
    reusable = _take_apart(images, local=last.security == "local")
    same_base = base.manifest and last.base and last.base.payload_sha256 == base.manifest.payload.sha256
    signer = ReusingSigner(keys.signer, reusable.signatures) if keys.signer and reusable.signatures else keys.signer
    return (
        firmware._replace(stream=reusable.stream),
        keys._replace(signer=signer),
        base._replace(patch=reusable.patch if same_base else None),
    )


class _Reusable(NamedTuple):
    """The reusable parts of images: signatures by the hash that is signed, the xz stream, the patch."""

    signatures: Dict[bytes, bytes]
    stream: Optional[bytes]
    patch: Optional[bytes]


def _take_apart(images: Mapping[str, bytes], *, local: bool) -> _Reusable:
    """Return the reusable parts of ``images``, which are by kind; with ``local`` the images are signed."""
    signatures: Dict[bytes, bytes] = {}
    stream: Optional[bytes] = None
    patch: Optional[bytes] = None
    for kind, data in images.items():
        with contextlib.suppress(FormatError):
            # A diff has a trailer in local mode only.
            parsed = full.parse(data, local=local) if local or kind != "diff" else None
            if parsed is not None and parsed.sign_info is not None:
                signatures[parsed.sign_info.hash] = parsed.sign_info.signature
            if parsed is not None and kind == "xz":
                stream = data[: parsed.payload_size]
            if kind == "diff":
                patch = diff.patch_of(data)
    return _Reusable(signatures, stream, patch)


def _last_manifest(outputs: Mapping[str, str], path: str) -> Optional[Manifest]:
    data = _unchanged(path, outputs)
    if data is None:
        return None
    with contextlib.suppress(FormatError):
        return parse_manifest(data, file=path)
    return None


def _unchanged(path: str, outputs: Mapping[str, str]) -> Optional[bytes]:
    """Return a file's bytes if their SHA-256 is that in ``outputs``, else None."""
    with contextlib.suppress(OSError):
        data = read_bytes(path, IMAGE_MAX)
        if hashlib.sha256(data).hexdigest() == outputs.get(path):
            return data
    return None
