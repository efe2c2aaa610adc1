"""Read all releases of a folder, and check their approvals by a second signer."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

from aos_ota_plugin.errors import FormatError, SettingsError
from aos_ota_plugin.files.read import DOCUMENT_MAX, IMAGE_MAX, read_file
from aos_ota_plugin.images.full import parse
from aos_ota_plugin.keys.rsa import PublicKey
from aos_ota_plugin.release.manifest import SCHEMA, Manifest, parse_manifest
from aos_ota_plugin.release.names import MANIFEST_NAME
from aos_ota_plugin.verify.key_chain import approval_problem

Release = Tuple[str, Manifest]
"""A manifest's path, and what is in it."""


def read_releases(paths: Sequence[str]) -> List[Release]:
    """Read manifests, given by their files or by folders that are searched.

    Raises:
        SettingsError, FormatError: one cannot be read, or a folder holds none.
    """
    releases: List[Release] = []
    for path in paths:
        if not os.path.isdir(path):
            releases.append((path, parse_manifest(_read(path), file=path)))
            continue
        here = []
        for file in sorted(Path(path).rglob("*.json")):
            data = _read(str(file)) if file.is_file() else b""
            if data and (file.name == MANIFEST_NAME or _is_manifest(data)):  # a folder may hold other documents, too
                here.append((str(file), parse_manifest(data, file=str(file))))
        if not here:
            raise SettingsError(
                f"no release's manifest is in {path}",
                remedy="keep each release's ota_rtos_ota.json in a folder of its own there",
            )
        releases += here
    return list(dict(releases).items())


def _is_manifest(data: bytes) -> bool:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return False
    schema = value.get("schema") if isinstance(value, dict) else None
    return isinstance(schema, str) and schema.startswith(SCHEMA.partition("/")[0])


def _read(path: str) -> bytes:
    return read_file(
        path, "the manifest", "give a release's ota_rtos_ota.json, or a folder of them", limit=DOCUMENT_MAX
    )


def approval_problems(releases: Sequence[Release], second: PublicKey) -> Dict[str, str]:
    """Return the problem with each release's approval by the key `second` by file, "" for none."""
    problems = {}
    for file, manifest in releases:
        approval = manifest.approval
        verifies = approval is not None and second.verify_hash(
            bytes.fromhex(approval.hash), bytes.fromhex(approval.signature)
        )
        problems[file] = approval_problem(manifest, second.fingerprint, verifies, _signed_hash(file, manifest))
    return problems


def _signed_hash(file: str, manifest: Manifest) -> Optional[str]:
    """Return the hash in the trailer of the image beside a manifest, None where there is none."""
    image = next((artifact for artifact in manifest.images if artifact.kind == "full"), None)
    path = os.path.join(os.path.dirname(file), os.path.basename(image.file)) if image else ""
    if not os.path.isfile(path):
        return None
    data = read_file(path, "the image", "keep it beside its manifest", limit=IMAGE_MAX)
    try:
        sign_info = parse(data, local=True).sign_info
    except FormatError:
        return "no signed image"
    return sign_info.hash.hex() if sign_info else None
