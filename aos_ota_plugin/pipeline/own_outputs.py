"""What is ours in the folder that the chip vendor's image step writes to, and putting it back.

An image is ours when the manifest beside it gives its digest. What else stands under an image's name is the vendor's
and not signed: with local signing no device takes it, so it is removed (``sweep``).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from typing import Dict, Mapping, NamedTuple, Optional

from aos_ota_plugin.errors import OutputError
from aos_ota_plugin.files.read import IMAGE_MAX, read_bytes
from aos_ota_plugin.files.transaction import remove_file, write_file
from aos_ota_plugin.release.names import IMAGE_NAME, IMAGES, MANIFEST_NAME, XZ_SUFFIX

_VENDORS = (IMAGE_NAME, IMAGE_NAME + XZ_SUFFIX)
"""What vendors' scripts write."""


class Kept(NamedTuple):
    """One file of ours; ``mtime_ns`` in nanoseconds since 1970, as ``os.stat`` gives it."""

    data: bytes
    mtime_ns: int


def keep(folder: str) -> Mapping[str, Kept]:
    """The files in ``folder`` that are ours, by name."""
    kept: Dict[str, Kept] = {}
    for name, digest in _described(folder).items():
        path = os.path.join(folder, name)
        with contextlib.suppress(OSError):
            data = _read(path)
            if digest is None or hashlib.sha256(data).hexdigest() == digest:
                kept[name] = Kept(data, os.stat(path).st_mtime_ns)
    return kept


def restore(folder: str, kept: Mapping[str, Kept], *, sweep: bool) -> None:
    """Put back what was kept and differs now. Raises OutputError."""
    for name in (*IMAGES, MANIFEST_NAME):
        path = os.path.join(folder, name)
        if name in kept:
            write_file(path, kept[name].data, modified_ns=kept[name].mtime_ns)
        elif sweep and name in _VENDORS:
            with contextlib.suppress(OutputError):
                remove_file(path)


def is_current(folder: str, kept: Mapping[str, Kept]) -> bool:
    """Whether no other release was put there since: its manifest would be another, too."""
    try:
        manifest: Optional[bytes] = _read(os.path.join(folder, MANIFEST_NAME))
    except OSError:
        manifest = None
    before = kept.get(MANIFEST_NAME)
    return manifest is None or (before is not None and before.data == manifest)


def _described(folder: str) -> Dict[str, Optional[str]]:
    """Names and digests that a manifest of ours in ``folder`` gives; its own name without one."""
    try:
        manifest = json.loads(_read(os.path.join(folder, MANIFEST_NAME)))
        named = {image["file"]: str(image["sha256"]) for image in manifest["images"]}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}
    return {MANIFEST_NAME: None, **{name: named[name] for name in IMAGES if name in named}}


def _read(path: str) -> bytes:
    return read_bytes(path, IMAGE_MAX)
