"""Describe the inputs of a build's parts: as a text for SCons, and as the fingerprint of a release.

Both are made from the table of settings (``settings.fields``), which says what each setting affects.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, Dict, NamedTuple, Optional, Sequence, Tuple

from aos_ota_plugin import __version__
from aos_ota_plugin.files.read import SOURCE_MAX, read_file
from aos_ota_plugin.settings.fields import OtaSettings, Part
from aos_ota_plugin.workspace.partitions import partition_files

if TYPE_CHECKING:
    from aos_ota_plugin.pipeline.site import Site
    from aos_ota_plugin.release.module_file import ModuleSource


class Fingerprint(NamedTuple):
    """SHA-256 (hexadecimal) over the inputs of a release's images, its modules, and its documents.

    ``modules`` and ``documents`` are "" where a release has none. Two releases with the same fingerprint have the same
    files, byte for byte, except for git's commits in the statement of provenance.
    """

    images: str
    modules: str
    documents: str


class FileStamp(NamedTuple):
    """Path, size in bytes and time of change of a secret or large file; None for a missing file."""

    path: str
    size: Optional[int]
    mtime_ns: Optional[int]


def part_inputs(part: Part, settings: OtaSettings) -> str:
    """Return the settings that decide a part, as JSON for SCons to compare and to store.

    For a part that holds secrets, it has salted, slow fingerprints of them; for the application, only which are set.
    """
    values: Dict[str, object] = dict(settings.values(part))
    if settings.identity == "embedded":
        for name in ("product_secret", "device_secret"):
            secret = getattr(settings.secrets, name)
            if Part.IDENTITY & part:
                values[name] = secret.fingerprint(name) if secret else None
            elif Part.APP & part:
                values[name] = secret is not None
    return json.dumps(values, sort_keys=True)


def fingerprint_release(
    site: Site,
    settings: OtaSettings,
    key_files: Sequence[Tuple[str, Optional[str]]],
    payloads: Sequence[bytes],
    modules: Sequence[ModuleSource] = (),
) -> Fingerprint:
    """Return the fingerprint of the release that a build would make of ``payloads`` and ``modules``.

    ``key_files`` are the paths of all files of its keys, with the digests of what was read.

    Raises:
        OtaError: the partition table cannot be read.
    """
    return Fingerprint(_images(site, settings, key_files, payloads), _modules(modules), _documents(site, settings))


def _images(
    site: Site, settings: OtaSettings, key_files: Sequence[Tuple[str, Optional[str]]], payloads: Sequence[bytes]
) -> str:
    tables = [] if settings.partition_size else partition_files(site.board_folder, site.chip_folder)
    files = (site.elf, settings.base_release, *site.prebuilt().values())
    return _digest(
        {
            "tool": __version__,
            "settings": settings.values(Part.IMAGE),
            "payloads": [hashlib.sha256(payload).hexdigest() for payload in payloads],
            "objcopy": site.objcopy,
            "names": site.names,
            "solution": site.solution,
            "board": site.board,
            "chip": repr(site.chip),
            "mode": site.mode,
            "partition tables": [
                hashlib.sha256(read_file(path, "the partition table", "restore it", limit=SOURCE_MAX)).hexdigest()
                for path in tables
            ],
            "files": [_stamp(path) for path in files if path],
            "keys": key_files,
        }
    )


def _modules(modules: Sequence[ModuleSource]) -> str:
    if not modules:
        return ""
    return _digest(
        [
            (
                module.name,
                module.version,
                module.is_folder,
                module.store_path,
                module.unpacked,
                module.image_magic,
                hashlib.sha256(data).hexdigest(),
            )
            for module, data in modules
        ]
    )


def _documents(site: Site, settings: OtaSettings) -> str:
    """Return the digest for the documents. Git is not asked: a commit alone makes no new release."""
    if not settings.provenance:
        return ""
    components = site.environment.components if site.environment else ()
    return _digest({"components": components, "settings": settings.values(Part.DOCUMENTS)})


def _stamp(path: str) -> FileStamp:
    try:
        status = os.stat(path)
    except OSError:
        return FileStamp(path, None, None)
    return FileStamp(path, status.st_size, status.st_mtime_ns)


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode("utf-8")).hexdigest()
