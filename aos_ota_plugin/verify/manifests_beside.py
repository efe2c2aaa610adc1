"""Read the manifests that lie beside a file, and compare a payload's version with theirs.

`sign` reads them each time: this module needs no other of the checks.
"""

from __future__ import annotations

import hashlib
import os
from typing import List, Tuple

from aos_ota_plugin.errors import OtaError, Place, ProofError
from aos_ota_plugin.files.read import DOCUMENT_MAX, read_file
from aos_ota_plugin.release.manifest import Manifest, parse_manifest
from aos_ota_plugin.release.names import MANIFEST_NAME, XZ_SUFFIX

TOGETHER = "keep the files of a release beside its manifest"


def manifests_beside(path: str) -> List[Tuple[str, Manifest]]:
    """Return the manifests beside a file, with their paths: ota_rtos_ota.json, and a.json beside a.bin.

    Raises SettingsError, FormatError.
    """
    folder, name = os.path.split(path)
    stem = name
    for suffix in (XZ_SUFFIX, ".bin", ".diff"):
        stem = stem[: -len(suffix)] if stem.lower().endswith(suffix) else stem
    files = [os.path.join(folder, beside) for beside in dict.fromkeys((MANIFEST_NAME, f"{stem}.json"))]
    return [
        (file, parse_manifest(read_file(file, "the manifest beside the file", TOGETHER, limit=DOCUMENT_MAX), file=file))
        for file in files
        if os.path.lexists(file)
    ]


def check_version_beside(path: str, payload: bytes, version: str) -> None:
    """Raise ProofError where a manifest beside a payload describes its very bytes, with another version."""
    try:
        manifests = manifests_beside(path)
    except OtaError:  # what is no manifest says nothing of this payload
        return
    for _, manifest in manifests:
        for artifact in (manifest.payload, *manifest.other_payloads):
            if (
                manifest.version != version
                and artifact.size == len(payload)
                and artifact.sha256 == hashlib.sha256(payload).hexdigest()
            ):
                raise ProofError(
                    f"the manifest beside this payload says that it is {manifest.version}, not {version}",
                    place=Place(path),
                    remedy=f"give --version {manifest.version}; or move the manifest away if it is the one that is "
                    "wrong",
                )
