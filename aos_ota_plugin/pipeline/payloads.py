"""Find the payload of a release, beside its manifest, and the payload inside an OTA image.

The manifest has the payload's size and SHA-256. A full image begins with its payload, so a file beside the manifest has
the payload if its first bytes have that SHA-256; a compressed image has to be unpacked.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Collection, List, NamedTuple, Optional

from aos_ota_plugin.device.payload_content import check_payload
from aos_ota_plugin.errors import FormatError, OtaError, Place, ProofError, placed
from aos_ota_plugin.files.read import IMAGE_MAX, read_file
from aos_ota_plugin.images import full, xz
from aos_ota_plugin.images.info import ImageMagic
from aos_ota_plugin.images.inspect import DECODED_MAX
from aos_ota_plugin.release.artifact import Artifact
from aos_ota_plugin.release.manifest import Manifest, parse_manifest


class Payload(NamedTuple):
    """A payload's bytes, and the manifest that describes it, if it was read through one."""

    data: bytes
    manifest: Optional[Manifest]


def payload_of_release(manifest: Manifest, file: str, *, overwritten: Collection[str] = ()) -> bytes:
    """Return the payload that the manifest in ``file`` describes, proven by its SHA-256.

    It is read from a file beside the manifest: the payload, the full or the compressed image by the names in the
    manifest, or the manifest's own name with ``.bin``. Files in ``overwritten`` do not count: this build replaces them.

    Raises:
        ProofError: there is no such file, or none has the payload.
    """
    folder, payload = os.path.dirname(file), manifest.payload
    images = [
        image.file
        for image in manifest.images
        if image.kind in ("full", "xz") and manifest.payload_of(image) is payload
    ]
    names = [payload.file, *images, os.path.splitext(os.path.basename(file))[0] + ".bin"]
    replaced = {os.path.realpath(path) for path in overwritten}
    reasons: List[str] = []
    for name in dict.fromkeys(name for name in names if is_plain(name)):
        path = Path(folder, name)
        if os.path.realpath(path) in replaced:
            reasons.append(f"{name} would be overwritten by this build")
            continue
        data = _beginning(path, payload.size)
        for candidate in (data, _unpacked(path) if data and full.kind_of(data) == "xz" else None):
            if candidate is not None and hashlib.sha256(candidate).hexdigest() == payload.sha256:
                return candidate
        reasons.append(f"{name} {'is not there' if data is None else 'holds other bytes'}")
    raise ProofError(
        f"the payload of {manifest.version} ({payload.size} bytes, SHA-256 {payload.sha256[:16]}…) "
        f"is not kept beside its manifest: {', '.join(reasons) or 'the manifest names no file'}",
        place=Place(file),
        remedy=f"keep each release's {(images or [payload.file])[0]} beside its {os.path.basename(file)}, in a folder "
        "of its own",
    )


def read_payload(path: str, what: str) -> Payload:
    """Return the payload of a manifest (``.json``), of an OTA image, or the file itself.

    ``what`` names the file in messages.

    Raises:
        SettingsError, FormatError, ProofError: it cannot be read, is no payload, or is not kept beside its manifest.
    """
    remedy = (
        "give a payload (ota_rtos.bin), a full or compressed image (ota_rtos_ota.bin) or a manifest (ota_rtos_ota.json)"
    )
    data = read_file(path, what, remedy, limit=IMAGE_MAX)
    if path.lower().endswith(".json"):
        manifest = parse_manifest(data, file=path)
        return Payload(payload_of_release(manifest, path), manifest)
    with placed(path):
        if not data:
            raise FormatError(f"{what} is empty", remedy=remedy)
        payload = payload_in(data)
        check_payload(payload, magic_of(data))
        return Payload(payload, None)


def payload_in(data: bytes) -> bytes:
    """Return the payload of a full or compressed image; other data as it is.

    Raises:
        FormatError: it is a diff image, its trailer belongs to other bytes, or it cannot be unpacked.
    """
    remedy = "give ota_rtos.bin, or the ota_rtos_ota.bin or ota_rtos_ota.json of the release"
    kind = full.kind_of(data)
    if kind == "diff":
        raise FormatError("this is a diff image, and holds no whole payload", remedy=remedy)
    body = _body_of(data)
    if kind == "full":
        return body
    try:
        return xz.decode(body, xz.outline(body), DECODED_MAX)
    except FormatError as error:
        raise FormatError(f"this compressed image cannot be unpacked: {error.problem}", remedy=remedy) from None


def magic_of(data: bytes) -> ImageMagic:
    """Return what an image replaces; ALL for what is no image, and stands for the firmware."""
    try:
        return full.parse(data).image_info.image_magic
    except FormatError:
        return ImageMagic.ALL


def _body_of(data: bytes) -> bytes:
    try:
        image = full.parse(data)
    except FormatError:
        if full.is_cut_short(data):
            raise FormatError("this OTA image's end is missing", remedy="get the file again") from None
        return data
    info = image.image_info
    body = data[: image.body_size]
    sound = 0 < info.image_size <= len(data) and _md5(data[: info.image_size]) == info.image_md5
    if not sound or (image.sign_info and hashlib.sha256(body).digest() != image.sign_info.hash):
        raise FormatError(
            "this OTA image is damaged: its trailer belongs to other bytes",
            remedy="get the file again; `aos-ota verify` says what a device would say of it",
        )
    return data[: image.payload_size]


def read_diff(path: str) -> Payload:
    """Read a diff image: a file, or the diff that a manifest (``.json``) lists, proven by its digest.

    Raises:
        SettingsError, FormatError, ProofError: it cannot be read, or the manifest lists none, or another digest.
    """
    data = read_file(
        path, "the diff", "give an ota_rtos_ota.diff.bin, or the ota_rtos_ota.json that lists one", limit=IMAGE_MAX
    )
    if not path.lower().endswith(".json"):
        return Payload(data, None)
    manifest = parse_manifest(data, file=path)
    listed = next((image for image in manifest.images if image.kind == "diff"), None)
    if listed is None or not is_plain(listed.file):
        raise FormatError(
            "this release has no diff image",
            place=Place(path),
            remedy="give the diff image itself, or build the release with OTA_DIFF=y",
        )
    return Payload(_listed(listed, path), manifest)


def _listed(artifact: Artifact, manifest_file: str) -> bytes:
    path = os.path.join(os.path.dirname(manifest_file), artifact.file)
    data = read_file(path, "the diff image", "keep the release's files together", limit=IMAGE_MAX)
    if hashlib.sha256(data).hexdigest() != artifact.sha256:
        raise ProofError(
            "these are not the bytes that the manifest beside it lists",
            place=Place(path),
            remedy="keep the release's files together, unchanged",
        )
    return data


def _beginning(path: Path, size: int) -> Optional[bytes]:
    """Return the first ``size`` bytes; fewer when the file is shorter, None when it cannot be read."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as stream:
            return stream.read(min(size, os.fstat(stream.fileno()).st_size))
    except OSError:
        return None


def _unpacked(path: Path) -> Optional[bytes]:
    try:
        return payload_in(read_file(str(path), "the compressed image", "", limit=IMAGE_MAX))
    except OtaError:
        return None


def is_plain(name: str) -> bool:
    """Return whether a name from a manifest, which is not trusted, stays in the manifest's folder."""
    return name not in (".", "..") and not set(name) & set("/\\:\0")


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()
