"""Save our files in the folder that the chip vendor's image step writes to, and restore them.

An image is ours when the manifest beside it gives its digest. Anything else under an image's name is the vendor's, and
not signed.
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
"""The names under which vendors' scripts write images of their own."""


class SavedFile(NamedTuple):
    """One file of ours; ``mtime_ns`` in nanoseconds since 1970, as ``os.stat`` gives it."""

    data: bytes
    mtime_ns: int


def save_outputs(folder: str) -> Mapping[str, SavedFile]:
    """Return the files in ``folder`` that are ours, by name."""
    saved: Dict[str, SavedFile] = {}
    for name, digest in _described(folder).items():
        path = os.path.join(folder, name)
        with contextlib.suppress(OSError):
            data = _read(path)
            if digest is None or hashlib.sha256(data).hexdigest() == digest:
                saved[name] = SavedFile(data, os.stat(path).st_mtime_ns)
    return saved


def restore_outputs(folder: str, saved: Mapping[str, SavedFile], *, remove_unsigned: bool) -> None:
    """Write back each saved file that differs now; with ``remove_unsigned`` remove others' images.

    Raises:
        OutputError: a file cannot be written.
    """
    for name, file in saved.items():
        path = os.path.join(folder, name)
        write_file(path, file.data, modified_ns=file.mtime_ns)
    if remove_unsigned:
        _remove_others(folder, saved)


def remove_unsigned_images(folder: str) -> None:
    """Remove images that are not ours, as a build that was killed in the vendor's image step leaves them."""
    _remove_others(folder, save_outputs(folder))


def _remove_others(folder: str, saved: Mapping[str, SavedFile]) -> None:
    for name in _VENDORS:
        if name not in saved:
            with contextlib.suppress(OutputError):
                remove_file(os.path.join(folder, name))


def _described(folder: str) -> Dict[str, Optional[str]]:
    """Return the files that the manifest in ``folder`` lists, with digests, and its own name without one."""
    try:
        manifest = json.loads(_read(os.path.join(folder, MANIFEST_NAME)))
        named = {image["file"]: str(image["sha256"]) for image in manifest["images"]}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}
    return {MANIFEST_NAME: None, **{name: named[name] for name in IMAGES if name in named}}


def _read(path: str) -> bytes:
    return read_bytes(path, IMAGE_MAX)
