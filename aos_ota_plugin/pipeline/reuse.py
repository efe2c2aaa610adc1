"""What the last release made that this one need not make again: signatures, the xz stream, the patch.

It is read from the last release's own files, and only where the state says that they are untouched and the same version
of this project made them of the same payloads: with them or without, a release has the same bytes.
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
    """A signer that is asked only for signatures that the last release does not have.

    A PKCS#1 v1.5 signature that verifies is the only one there is.
    """

    def __init__(self, signer: Signer, signatures: Mapping[bytes, bytes]) -> None:
        self._signer = signer
        self._signatures = signatures

    @property
    def public_key(self) -> PublicKey:
        """The public half, as devices hold it."""
        return self._signer.public_key

    def sign_hash(self, hash32: bytes) -> bytes:
        """The known signature over an image's 32-byte hash if it is this key's, else a new one."""
        known = self._signatures.get(hash32)
        if known is not None and self.public_key.verify_hash(hash32, known):
            return known
        return self._signer.sign_hash(hash32)

    def sign_message(self, message: bytes) -> bytes:
        """A new signature: only images' are known."""
        return self._signer.sign_message(message)


def reuse_last(
    firmware: Firmware, keys: KeySet, base: Base, outputs: Mapping[str, str], manifest: str
) -> Tuple[Firmware, KeySet, Base]:
    """Return the parts of a release with what the last one made of the same payload: stream, patch, signatures.

    ``outputs`` are the last release's files, their SHA-256 by path; ``manifest`` is the path of one of them.
    """
    last = _last_manifest(outputs, manifest)
    if last is None or last.tool != TOOL or last.payload.sha256 != hashlib.sha256(firmware.payload).hexdigest():
        return firmware, keys, base
    images: Dict[str, bytes] = {}
    for image in last.images:
        data = _held(os.path.join(os.path.dirname(manifest), image.file), outputs)
        if data is not None:
            images[image.kind] = data
    found = _take_apart(images, local=last.security == "local")
    same_base = base.manifest and last.base and last.base.payload_sha256 == base.manifest.payload.sha256
    signer = ReusingSigner(keys.signer, found.signatures) if keys.signer and found.signatures else keys.signer
    return (
        firmware._replace(stream=found.stream),
        keys._replace(signer=signer),
        base._replace(patch=found.patch if same_base else None),
    )


class _Reusable(NamedTuple):
    """What can be read out of images: their signatures by the hash that is signed, the xz stream, the patch."""

    signatures: Dict[bytes, bytes]
    stream: Optional[bytes]
    patch: Optional[bytes]


def _take_apart(images: Mapping[str, bytes], *, local: bool) -> _Reusable:
    """Take images apart, given by their kinds; ``local``: they are signed."""
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

    data = _held(path, outputs)
    if data is None:
        return None
    with contextlib.suppress(FormatError):
        return parse_manifest(data, file=path)
    return None


def _held(path: str, outputs: Mapping[str, str]) -> Optional[bytes]:
    """A file's bytes, if they are those of ``outputs``."""
    with contextlib.suppress(OSError):
        data = read_bytes(path, IMAGE_MAX)
        if hashlib.sha256(data).hexdigest() == outputs.get(path):
            return data
    return None
