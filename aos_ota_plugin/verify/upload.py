"""Read a file to upload as a package, and prove the version that is given for it."""

from __future__ import annotations

import os
from typing import NamedTuple, Optional, Tuple

from aos_ota_plugin.device.payload_content import check_payload
from aos_ota_plugin.errors import Place, ProofError, SettingsError, placed
from aos_ota_plugin.files.read import DOCUMENT_MAX, read_file
from aos_ota_plugin.images.full import kind_of
from aos_ota_plugin.pipeline.payloads import magic_of, payload_in
from aos_ota_plugin.protocol.module_names import DEFAULT
from aos_ota_plugin.release.manifest import parse_manifest
from aos_ota_plugin.release.push import choose_file
from aos_ota_plugin.release.version_proof import VERSION_RULE, prove_version_in_payload
from aos_ota_plugin.verify.release_file import Described, read_artifact, read_described

_REMEDY = "give an image, or the ota_rtos_ota.json of a release"


class Upload(NamedTuple):
    """A file to upload, with the version that devices report with it, and what was not judged.

    ``source_version`` is the version that devices have to run now, None for any.
    """

    name: str
    data: bytes
    version: str
    source_version: Optional[str]
    not_judged: str

    def __repr__(self) -> str:  # megabytes
        return f"Upload({self.name!r}, {self.version!r})"


def read_upload(file: str, *, module: Optional[str], version: Optional[str], source_version: Optional[str]) -> Upload:
    """Read an image, or the file that a release's manifest (``.json``) names.

    ``module`` is None for the firmware.

    Raises:
        SettingsError: it cannot be read; or it has no version, or as a diff no version to start from.
        FormatError: it is not what its manifest describes, or no file for devices.
        ProofError: the release is withdrawn; or manifest or payload say another version.
    """
    name, described = _of_release(file, module) if file.lower().endswith(".json") else (os.path.basename(file), None)
    if described is None:
        described = read_described(file, "the package", _REMEDY, others=False)
    own = described.version
    _refuse_other(version, own, "--version", file)
    version = version or own
    if not version:
        raise SettingsError("the package has no version", remedy="give it with --version, or give a release's manifest")
    if module not in (None, DEFAULT):
        reason = "a module's file does not hold it"
    elif kind_of(described.data) == "diff":
        source_version, reason = _source(described, source_version, file), "a diff holds only what changed"
    else:
        reason = _judge_firmware(described.data, version, name, file)
    not_judged = f"{VERSION_RULE}: {reason}" if reason and not own else ""  # its manifest says the same
    return Upload(name, described.data, version, source_version, not_judged)


def _judge_firmware(data: bytes, version: str, name: str, file: str) -> str:
    """Return why the version in an image was not judged, "" where it was found.

    Raises as ``read_upload``.
    """
    with placed(file):
        magic, payload = magic_of(data), payload_in(data)
        check_payload(payload, magic)
        return prove_version_in_payload(payload, version, name=name, magic=magic).not_judged


def _of_release(file: str, module: Optional[str]) -> Tuple[str, Described]:
    document = read_file(file, "the manifest", "give the ota_rtos_ota.json of a release", limit=DOCUMENT_MAX)
    release = parse_manifest(document, file=file)
    artifact = choose_file(release, module=module)
    return artifact.file, Described(read_artifact(file, artifact, "the release's file"), release, artifact)


def _source(described: Described, asked: Optional[str], file: str) -> str:
    """Return the version that devices have to run to take a diff."""
    base = described.manifest.base if described.manifest else None
    own = base.version if base else None
    _refuse_other(asked, own, "--from-version", file)
    source = asked or own
    if source is None:
        raise SettingsError(
            "this is a diff, and devices on another version than the one it was made from would destroy their "
            "firmware with it: that version is not given",
            place=Place(file),
            remedy="give it with --from-version, or keep the diff beside its release's manifest",
        )
    return source


def _refuse_other(asked: Optional[str], own: Optional[str], option: str, file: str) -> None:
    if asked and own and asked != own:
        raise ProofError(
            f"{option} is {asked}, and the manifest of this file says {own}",
            place=Place(file),
            remedy=f"leave {option} out, or give the file of that version",
        )
