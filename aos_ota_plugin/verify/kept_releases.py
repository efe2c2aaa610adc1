"""Keep a release: prove it again, and copy all of it, read-only, to ``releases/BOARD/VERSION/``."""

from __future__ import annotations

import json
import os
from enum import Enum
from pathlib import Path
from typing import Callable, Dict, Mapping, NamedTuple, Optional

from aos_ota_plugin.device.elf import elf_contains, read_public_key
from aos_ota_plugin.errors import FormatError, OtaError, Place, ProofError, placed
from aos_ota_plugin.files.folders import create_folder
from aos_ota_plugin.files.read import DOCUMENT_MAX, ELF_MAX, IMAGE_MAX, read_bytes, read_file
from aos_ota_plugin.files.transaction import write_file
from aos_ota_plugin.keys.rsa import PublicKey
from aos_ota_plugin.pipeline.kept_releases import KeptRelease, find_kept_release, release_folder
from aos_ota_plugin.pipeline.payloads import is_plain, payload_in, payload_of_release
from aos_ota_plugin.release.artifact import Artifact
from aos_ota_plugin.release.manifest import Manifest, parse_manifest
from aos_ota_plugin.release.names import MANIFEST_NAME, WITHDRAWN_NAME, documents_of
from aos_ota_plugin.verify.release import Verification
from aos_ota_plugin.workspace.disk import PACKAGE_FILE, load_package

_READ_ONLY, _OWNER_READ_ONLY = 0o444, 0o400


class Keeping(Enum):
    """What came of keeping a release."""

    NEW = "kept"
    SAME = "kept already"
    OTHER = "kept already, with other content"


class KeptFolder(NamedTuple):
    """The folder of a kept release, its manifest, and what came of keeping it."""

    folder: str
    manifest: Manifest
    keeping: Keeping


def keep_release(
    file: str, solution: str, *, elf: Optional[str] = None, key: Callable[[], Optional[PublicKey]] = lambda: None
) -> KeptFolder:
    """Keep the release whose manifest is ``file``, with the files beside it and the ELF.

    ``elf`` is by default the one beside it. ``key`` returns the public key that devices check its images with, and is
    called when the release is new; without one the ELF's own is taken. A version that is kept already stays as it is.

    Raises:
        OtaError: a file does not hold what the manifest says, devices refuse an image, the release is another
            solution's, or a file cannot be written.
    """
    data = read_file(file, "the manifest", "build a release first, or give its ota_rtos_ota.json", limit=DOCUMENT_MAX)
    manifest = parse_manifest(data, file=file)
    folder = release_folder(solution, manifest, file)
    existing = os.path.join(folder, MANIFEST_NAME)
    if os.path.lexists(folder):
        return KeptFolder(folder, manifest, _compared(manifest, data, existing))
    _refuse_other_solution(file, manifest, solution)
    contents = _proven_files(file, data, manifest, elf or _elf_beside(file), key())
    mode = _OWNER_READ_ONLY if manifest.identity == "embedded" else _READ_ONLY
    create_folder(folder, contents, mode=mode)
    return KeptFolder(folder, manifest, Keeping.NEW)


def withdraw_release(solution: str, board: Optional[str], version: str) -> KeptRelease:
    """Mark a kept release as withdrawn. Raises SettingsError, FormatError, OutputError."""
    release = find_kept_release(solution, board, version)
    mark = json.dumps({"schema": "aos-ota-withdrawal/1", "version": version}) + "\n"
    write_file(os.path.join(os.path.dirname(release.file), WITHDRAWN_NAME), mark.encode("utf-8"))
    return release._replace(withdrawn=True)


def _compared(manifest: Manifest, data: bytes, existing: str) -> Keeping:
    try:
        kept = read_bytes(existing, DOCUMENT_MAX)
        if kept == data:
            return Keeping.SAME
        other = parse_manifest(kept, file=existing)
    except (OSError, OtaError):
        return Keeping.OTHER
    same = (other.payload.sha256, other.images, other.modules) == (
        manifest.payload.sha256,
        manifest.images,
        manifest.modules,
    )
    return Keeping.SAME if same else Keeping.OTHER


def _refuse_other_solution(file: str, manifest: Manifest, solution: str) -> None:
    package = Path(solution, PACKAGE_FILE)
    name = load_package(package.parent).name if package.is_file() else None  # a plain SCons project has none
    if name and manifest.solution not in (None, name):
        raise ProofError(
            f"this release is one of {manifest.solution}, and the solution here is {name}",
            place=Place(file),
            remedy="keep it in its own solution: name that with -C",
        )


def _elf_beside(file: str) -> Optional[str]:
    folder = os.path.dirname(os.path.abspath(file))
    names = [name for name in sorted(os.listdir(folder)) if name.lower().endswith(".elf")]
    if len(names) > 1:
        raise ProofError(
            f"there are {len(names)} ELF files beside this manifest: {', '.join(names)[:200]}",
            place=Place(file),
            remedy="leave the one that the release was made from",
        )
    return os.path.join(folder, names[0]) if names else None


def _proven_files(
    file: str, data: bytes, manifest: Manifest, elf: Optional[str], key: Optional[PublicKey]
) -> Dict[str, bytes]:
    """Return all files of a release by name, after the checks that `verify-release` makes."""
    folder = os.path.dirname(os.path.abspath(file))
    contents = {MANIFEST_NAME: data}
    if elf is not None:
        contents[os.path.basename(elf)] = program = read_file(elf, "the ELF", "build again", limit=ELF_MAX)
        with placed(elf):
            key = key or _key_of(program, manifest)
    if manifest.security == "local" and key is None:
        raise ProofError(
            "no key is known that the images' signatures could be checked with",
            place=Place(file),
            remedy="give the release's public key with --public-key",
        )
    image = next((image.file for image in manifest.images if image.kind == "full"), "")
    documents = documents_of(image)
    has_statement = os.path.isfile(os.path.join(folder, documents[1])) and key is not None
    for _ in Verification(file, key, statement=has_statement).run():
        pass
    names = [artifact.file for artifact in (*manifest.images, *(module.image for module in manifest.modules))]
    names += [name for name in documents if os.path.isfile(os.path.join(folder, name))]
    for name in names:
        path = os.path.join(folder, name)
        contents[name] = read_file(path, "a file of the release", "build again", limit=IMAGE_MAX)
    images = {image.file for image in manifest.images}
    for payload in (manifest.payload, *manifest.other_payloads):
        if payload.file in images:
            continue  # the image step made it under that name, and the image begins with it
        if not is_plain(payload.file) or payload.file in contents:
            raise FormatError(
                f"the manifest names {payload.file[:80]!a} as the file of a payload, which is another file of the "
                "release, or one outside its folder",
                place=Place(file),
                remedy="build the release again",
            )
        contents[payload.file] = _payload(payload, manifest, file, contents)
    return contents


def _payload(payload: Artifact, manifest: Manifest, file: str, contents: Mapping[str, bytes]) -> bytes:
    """Return a payload: the release's own, or one that an image decodes to.

    The verification has compared it.
    """
    if payload is manifest.payload:
        return payload_of_release(manifest, file)
    image = next((image for image in manifest.images if manifest.payload_of(image) is payload), None)
    if image is None or image.kind == "diff":
        raise FormatError(
            f"no image of this release decodes to the payload {payload.file}",
            place=Place(file),
            remedy="build the release again",
        )
    return payload_in(contents[image.file])


def _key_of(elf: bytes, manifest: Manifest) -> Optional[PublicKey]:
    """Return the ELF's key where it is the one that signed.

    Raises ProofError where the ELF is that of another firmware.
    """
    if not elf_contains(elf, manifest.version.encode("ascii", "replace") + b"\0"):
        raise ProofError(
            f"this ELF does not hold the version {manifest.version}, so the release was not made from it",
            remedy="give the manifest beside the ELF that it was made from; `aos make` writes both to out/ota/BOARD/",
        )
    if manifest.security == "none":
        return None
    own = read_public_key(elf)
    if own.fingerprint != manifest.key_fingerprint:
        raise ProofError(
            f"this ELF holds the key {own.short_fingerprint}, not {str(manifest.key_fingerprint)[:16]} as the release",
            remedy="give the manifest beside the ELF that it was made from",
        )
    return own if own.fingerprint == manifest.signer else None
