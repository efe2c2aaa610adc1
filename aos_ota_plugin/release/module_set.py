"""Making the modules of a release, their files and manifest entries, and proving them. No I/O.

The rules, module by module:

 1. the version is newer than the same module's in the base release by the device's own comparison, as for firmware;
    or version and file are unchanged;
 2. an image for the OTA partition passes the device's own checks, as the firmware's does. Any other file has no
    signature: in local mode its push message has to have one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Dict, List, Optional, Sequence, Tuple

from aos_ota_plugin.device.payload_content import check_payload, refuse_private_key
from aos_ota_plugin.device.version import explain_order, suggest_version
from aos_ota_plugin.errors import OtaError, ProofError
from aos_ota_plugin.images.full import build
from aos_ota_plugin.images.info import ImageMagic
from aos_ota_plugin.release.artifact import Artifact
from aos_ota_plugin.release.module import Module
from aos_ota_plugin.release.module_file import DeclaredModule, ModuleSource
from aos_ota_plugin.release.names import module_image
from aos_ota_plugin.release.proofs import device_of, prove_acceptance
from aos_ota_plugin.release.request import Base, KeySet, Options


@dataclass(frozen=True)
class ModuleSet:
    """The modules of one release, in the order of the user's list, and their files by name."""

    modules: Tuple[Module, ...]
    files: Dict[str, bytes] = field(repr=False)


def make_modules(keys: KeySet, base: Base, options: Options, sources: Sequence[ModuleSource]) -> ModuleSet:
    """Make the modules of a release that follows ``base``.

    Raises:
        ProofError: devices of the base release would not take a module's version, or would refuse its image.
    """
    modules: List[Module] = []
    files: Dict[str, bytes] = {}
    for declared, content in sources:
        image = _image(keys, options, declared, content)
        kind = "full" if declared.image_magic else "pack" if declared.is_folder or declared.unpacked else "file"
        artifact = Artifact(
            module_image(declared.name),
            kind,
            len(image),
            hashlib.md5(image, usedforsecurity=False).hexdigest(),
            hashlib.sha256(image).hexdigest(),
        )
        _prove_version(base, declared, artifact)
        files[artifact.file] = image
        modules.append(
            Module(
                declared.name, declared.version, artifact, declared.store_path, declared.unpacked, declared.image_magic
            )
        )
    return ModuleSet(tuple(modules), files)


def _image(keys: KeySet, options: Options, declared: DeclaredModule, content: bytes) -> bytes:
    try:
        if declared.image_magic is None:
            refuse_private_key(content, *keys.known)
            return content
        magic = ImageMagic[declared.image_magic]
        check_payload(content, magic, *keys.known)
        image = build(content, sign=keys.sign, magic=magic)
        # Version None: the device takes any version of the module.
        prove_acceptance(device_of(keys, Base(), options), declared.version, image)
    except OtaError as error:
        raise type(error)(
            f"module {declared.name}: {error.problem}", place=declared.source_place, remedy=error.remedy
        ) from None
    return image


def _prove_version(base: Base, declared: DeclaredModule, artifact: Artifact) -> None:

    before = _in_base(base, declared.name)
    if before is None or (declared.version == before.version and artifact.sha256 == before.image.sha256):
        return
    reason = explain_order(declared.version, before.version)
    if reason is None:
        return
    if declared.version == before.version:
        reason = (
            f"its file is not the one that the base release has under {before.version}, and devices on that "
            "version take no other"
        )
    raise ProofError(
        f"module {declared.name}: {reason}",
        place=declared.version_place,
        remedy=f"use {suggest_version(before.version, declared.version)}, which those devices take",
    )


def _in_base(base: Base, name: str) -> Optional[Module]:
    modules = base.manifest.modules if base.manifest else ()
    return next((module for module in modules if module.name.lower() == name.lower()), None)
