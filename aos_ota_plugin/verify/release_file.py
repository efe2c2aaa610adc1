"""Read a file for devices, and refuse one that the manifest beside it does not describe.

While a chip vendor's image step runs, and after a build that was killed in it, an unsigned image of the vendor's may
stand under a release's name.
"""

from __future__ import annotations

import hashlib
import os
from typing import List

from aos_ota_plugin.errors import FormatError, Place
from aos_ota_plugin.files.read import DOCUMENT_MAX, IMAGE_MAX, read_file
from aos_ota_plugin.pipeline.kept_releases import refuse_withdrawn
from aos_ota_plugin.release.artifact import Artifact
from aos_ota_plugin.release.manifest import Manifest, parse_manifest
from aos_ota_plugin.release.names import MANIFEST_NAME, MODULE_PREFIX, XZ_SUFFIX
from aos_ota_plugin.workspace.chip import image_names

_TOGETHER = "keep the files of a release beside its manifest"


def read_artifact(manifest_file: str, artifact: Artifact, what: str) -> bytes:
    """Return the bytes of a release's file, which lies beside its manifest; ``what`` names it in messages.

    Raises:
        SettingsError: it cannot be read.
        FormatError: its bytes are not those that the manifest describes.
        ProofError: the release is withdrawn.
    """
    path = os.path.join(os.path.dirname(manifest_file), artifact.file)
    refuse_withdrawn(path)
    data = read_file(path, what, _TOGETHER, limit=IMAGE_MAX)
    if len(data) != artifact.size or hashlib.sha256(data).hexdigest() != artifact.sha256:
        raise FormatError(
            "this is not the file that the manifest describes",
            place=Place(path),
            remedy="keep the files of a release together; build it again if one was changed",
        )
    return data


def read_described(path: str, what: str, remedy: str, *, others: bool) -> bytes:
    """Return the bytes of a file, which a manifest beside it has to describe.

    Manifests beside ``a.bin`` are ota_rtos_ota.json and a.json. A file without one is refused when it has the name of a
    release's image or module. ``others``: a file of another name than the manifest gives may lie beside it, too.

    Raises:
        SettingsError: the file or a manifest cannot be read.
        FormatError: no manifest beside it describes these bytes; or a manifest is none.
        ProofError: it belongs to a withdrawn release.
    """
    refuse_withdrawn(path)
    data = read_file(path, what, remedy, limit=IMAGE_MAX)
    name = os.path.basename(path)
    artifacts = [artifact for manifest in _manifests_beside(path) for artifact in _artifacts(manifest)]
    names = {artifact.file for artifact in artifacts}
    if hashlib.sha256(data).hexdigest() in {artifact.sha256 for artifact in artifacts}:
        return data
    if name in names or name in image_names() or name.startswith(MODULE_PREFIX) or (names and not others):
        raise FormatError(
            "the manifest beside this file does not describe it"
            if names
            else "there is no manifest beside this file, which has the name of a release's",
            place=Place(path),
            remedy="build the release again: an interrupted build leaves such a file; one that belongs to no release "
            "needs another name and a folder of its own",
        )
    return data


def _manifests_beside(path: str) -> List[Manifest]:
    folder, name = os.path.split(path)
    stem = name
    for suffix in (XZ_SUFFIX, ".bin", ".diff"):
        stem = stem[: -len(suffix)] if stem.lower().endswith(suffix) else stem
    files = [os.path.join(folder, beside) for beside in dict.fromkeys((MANIFEST_NAME, f"{stem}.json"))]
    return [
        parse_manifest(read_file(file, "the manifest beside the file", _TOGETHER, limit=DOCUMENT_MAX), file=file)
        for file in files
        if os.path.lexists(file)
    ]


def _artifacts(manifest: Manifest) -> List[Artifact]:
    return [
        manifest.payload,
        *manifest.other_payloads,
        *manifest.images,
        *(module.image for module in manifest.modules),
    ]
