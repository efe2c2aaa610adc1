"""The payload that a device runs, out of whatever is kept of its release."""

from __future__ import annotations

import hashlib
import os

from aos_ota_plugin.errors import FormatError, OtaError, Place
from aos_ota_plugin.images import full, xz
from aos_ota_plugin.release.inputs import read_at_most
from aos_ota_plugin.release.inspect import DECODED_MAX, DOCUMENT_MAX, FILE_MAX

_REMEDY = "give the payload (ota_rtos.bin), its full or compressed OTA image, or a manifest with one of those beside it"


def payload_of_file(path: str) -> bytes:
    """Return the payload that a file is, that an OTA image holds, or that a manifest is about.

    Raises:
        SettingsError: it cannot be read.
        FormatError: a diff, a damaged image, or a manifest without any of its files beside it.
    """
    data = read_at_most(FILE_MAX, path, "the base", _REMEDY)
    if data.lstrip()[:1] == b"{" and len(data) <= DOCUMENT_MAX:
        return _beside(path, data)
    return payload_of(data, file=path)


def payload_of(data: bytes, *, file: str) -> bytes:
    """Return the payload inside an OTA image, unpacked; of what is no OTA image, all of it. Raises FormatError."""
    try:
        image = full.parse(data)
    except FormatError:
        payload = data
    else:
        payload = data[: image.payload_size]
    kind = full.kind_of(payload)
    if kind == "diff":
        raise FormatError("this is a diff, and holds no whole payload", place=Place(file), remedy=_REMEDY)
    if kind == "full":
        return payload
    try:
        return xz.decode(payload, xz.outline(payload), DECODED_MAX)
    except FormatError as error:
        raise FormatError(error.problem, place=Place(file), remedy=_REMEDY) from None


def _beside(path: str, data: bytes) -> bytes:
    from aos_ota_plugin.release.manifest import parse_manifest

    release = parse_manifest(data, file=path)
    for artifact in (release.payload, *release.images):
        beside = os.path.join(os.path.dirname(path), os.path.basename(artifact.file.replace("\\", "/")))
        try:
            payload = payload_of(read_at_most(FILE_MAX, beside, "the payload", _REMEDY), file=beside)
        except OtaError:
            continue  # the next one may be there and whole
        if hashlib.sha256(payload).hexdigest() == release.payload.sha256:
            return payload
    raise FormatError("none of this release's files with its payload lies beside the manifest", place=Place(path),
                      remedy=_REMEDY)
