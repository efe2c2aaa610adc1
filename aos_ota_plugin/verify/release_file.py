"""Read a file for devices, and refuse one that the manifest beside it does not describe.

While a chip vendor's image step runs, and after a build that was killed in it, an unsigned image of the vendor's may
stand under a release's name.
"""

from __future__ import annotations

import hashlib
import os
from typing import List, NamedTuple, Optional

from aos_ota_plugin.device.payload_content import refuse_private_key
from aos_ota_plugin.errors import FormatError, Place, placed
from aos_ota_plugin.files.read import IMAGE_MAX, read_file
from aos_ota_plugin.images.full import kind_of
from aos_ota_plugin.pipeline.kept_releases import refuse_withdrawn
from aos_ota_plugin.release.artifact import Artifact
from aos_ota_plugin.release.manifest import Manifest
from aos_ota_plugin.release.names import MODULE_PREFIX
from aos_ota_plugin.verify.manifests_beside import TOGETHER, manifests_beside
from aos_ota_plugin.workspace.chip import image_names


class Described(NamedTuple):
    """A file's bytes, and the manifest that describes them, with its entry on them, where there is one."""

    data: bytes
    manifest: Optional[Manifest] = None
    artifact: Optional[Artifact] = None

    @property
    def version(self) -> Optional[str]:
        """Return the version that devices report with the file, as its manifest says."""
        if self.manifest is None:
            return None
        modules = (module.version for module in self.manifest.modules if module.image == self.artifact)
        return next(modules, self.manifest.version)


def read_artifact(manifest_file: str, artifact: Artifact, what: str) -> bytes:
    """Return the bytes of a release's file, which lies beside its manifest; ``what`` names it in messages.

    Raises:
        SettingsError: it cannot be read.
        FormatError: its bytes are not those that the manifest describes, or a private key.
        ProofError: the release is withdrawn.
    """
    path = os.path.join(os.path.dirname(manifest_file), artifact.file)
    refuse_withdrawn(path)
    data = read_for_devices(path, what, TOGETHER)
    if len(data) != artifact.size or hashlib.sha256(data).hexdigest() != artifact.sha256:
        raise FormatError(
            "this is not the file that the manifest describes",
            place=Place(path),
            remedy="keep the files of a release together; build it again if one was changed",
        )
    return data


def read_for_devices(path: str, what: str, remedy: str) -> bytes:
    """Return the bytes of any file for a device. Raises SettingsError, and FormatError for a private key."""
    data = read_file(path, what, remedy, limit=IMAGE_MAX)
    with placed(path):
        refuse_private_key(data)
    return data


def read_described(path: str, what: str, remedy: str, *, others: bool) -> Described:
    """Return a file, which a manifest beside it has to describe.

    Manifests beside ``a.bin`` are ota_rtos_ota.json and a.json. A file without one is refused when it has the name of a
    release's image or module. ``others``: a file of another name than the manifest gives may lie beside it, too.

    Raises:
        SettingsError: the file or a manifest cannot be read.
        FormatError: no manifest beside it describes these bytes; a manifest is none; or the file is a private key.
        ProofError: it belongs to a withdrawn release.
    """
    refuse_withdrawn(path)
    data = read_for_devices(path, what, remedy)
    name = os.path.basename(path)
    listed = [(manifest, artifact) for _, manifest in manifests_beside(path) for artifact in _artifacts(manifest)]
    names = {artifact.file for _, artifact in listed}
    digest = hashlib.sha256(data).hexdigest()
    for manifest, artifact in listed:
        if artifact.sha256 == digest:
            return Described(data, manifest, artifact)
    if name in names or name in image_names() or name.startswith(MODULE_PREFIX) or (names and not others):
        raise FormatError(
            "the manifest beside this file does not describe it"
            if names
            else "there is no manifest beside this file, which has the name of a release's",
            place=Place(path),
            remedy="build the release again: an interrupted build leaves such a file; one that belongs to no release "
            "needs another name and a folder of its own",
        )
    return Described(data)


def read_for_board(path: str, *, plain: bool, any_file: bool) -> bytes:
    """Return the bytes of a file to write to a board's flash; ``plain`` is for any other receiver.

    Raises as ``read_described``; with ``any_file`` only what ``read_for_devices`` raises.
    """
    remedy = "give the ota_rtos.bin of your build"
    if any_file:
        return read_for_devices(path, "the file", remedy)
    data = read_described(path, "the file", remedy, others=True).data
    kind = kind_of(data)
    if kind != "full" and not plain:
        raise FormatError(
            f"this is {'an xz image' if kind == 'xz' else 'a diff'}; written to a bank as it is, no board boots from "
            "it",
            place=Place(path),
            remedy="send the ota_rtos.bin, or add --any-file",
        )
    return data


def _artifacts(manifest: Manifest) -> List[Artifact]:
    return [
        manifest.payload,
        *manifest.other_payloads,
        *manifest.images,
        *(module.image for module in manifest.modules),
    ]
