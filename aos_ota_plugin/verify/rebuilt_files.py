"""Find the files of a release in a workspace: those to leave out of a copy, and those made there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import List, Optional

from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.files.read import IMAGE_MAX, PAYLOAD_MAX, read_bytes
from aos_ota_plugin.pipeline.payloads import payload_in
from aos_ota_plugin.release.manifest import Manifest, parse_manifest
from aos_ota_plugin.release.names import MANIFEST_NAME, MODULE_PREFIX, documents_of
from aos_ota_plugin.workspace.chip import Folders, load_chip
from aos_ota_plugin.workspace.solution import SolutionView


def release_files(folder: str, names: List[str]) -> List[str]:
    """Return the names of a release's files among those of a folder, which has its manifest."""
    try:
        manifest = parse_manifest(read_bytes(os.path.join(folder, MANIFEST_NAME)), file=MANIFEST_NAME)
    except (OSError, FormatError):
        return [MANIFEST_NAME]
    artifacts = [manifest.payload, *manifest.other_payloads, *manifest.images]
    documents = [name for image in manifest.images for name in documents_of(image.file)]
    listed = {MANIFEST_NAME, *(artifact.file for artifact in artifacts), *documents}
    return [name for name in names if name in listed or name.startswith((MODULE_PREFIX, ".ota_rtos"))]


def rebuilt_payload(manifest: Manifest, folder: str, view: SolutionView) -> Optional[bytes]:
    """Return the rebuilt payload, which may stand at the beginning of the image; None where there is none."""
    path = Path(folder, manifest.payload.file)
    if path.is_file():
        data = read_bytes(path, IMAGE_MAX)
        return payload_in(data) if any(image.file == path.name for image in manifest.images) else data
    plain = next(iter(Path(view.solution.path, "out").glob("*@*.bin")), None)
    if manifest.other_payloads or plain is None:
        return None
    return read_bytes(plain, PAYLOAD_MAX)


def images_folder(view: SolutionView, chip_file: str = "") -> str:
    """Return the folder of the images that a build makes: where the description of the chip says."""
    out = os.path.join(view.solution.path, "out")
    if not any(package.postimage_script for package in view.components):
        return out
    folders = Folders(
        view.chip.path if view.chip else None, view.board.path if view.board else None, view.solution.path
    )
    chip = load_chip(view.chip.name if view.chip else None, view.solution.path, chip_file)
    return folders.resolve(chip.folder, chip) if chip.folder else out
