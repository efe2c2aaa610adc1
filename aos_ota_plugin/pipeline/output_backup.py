"""Save our files in the folder that an image step writes to, and restore them.

An image is ours when the manifest beside it gives its digest. Anything else under an image's name is the vendor's, and
not signed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional

from aos_ota_plugin.errors import FormatError, OutputError
from aos_ota_plugin.files.read import DOCUMENT_MAX, IMAGE_MAX, read_bytes
from aos_ota_plugin.files.transaction import remove_file, write_file
from aos_ota_plugin.release.names import MANIFEST_NAME, ImageNames, documents_of


class SavedFile(NamedTuple):
    """One file of ours; ``mtime_ns`` in nanoseconds since 1970, ``mode`` are its permissions."""

    data: bytes
    mtime_ns: int
    mode: int


@contextlib.contextmanager
def outputs_saved(folder: str, names: ImageNames, *, remove_unsigned: bool) -> Iterator[Mapping[str, SavedFile]]:
    """Yield our files in ``folder`` by name, and put them back in the end as they were.

    With ``remove_unsigned``, files that the image step wrote under other names of a release are removed then.

    Raises:
        OutputError: a file cannot be written.
    """
    saved = _save_outputs(folder, names)
    try:
        yield saved
    finally:
        for name, file in saved.items():
            write_file(os.path.join(folder, name), file.data, mode=file.mode, modified_ns=file.mtime_ns)
        if remove_unsigned:
            _remove_others(folder, names, saved)


def remove_unsigned_images(folder: str, names: ImageNames) -> None:
    """Remove images that are not ours, as a build that was killed in the vendor's image step leaves them."""
    _remove_others(folder, names, _save_outputs(folder, names))


def _save_outputs(folder: str, names: ImageNames) -> Mapping[str, SavedFile]:
    saved: Dict[str, SavedFile] = {}
    for name, digest in _described(folder, names).items():
        path = os.path.join(folder, name)
        with contextlib.suppress(OSError):
            data = _read(path)
            if digest is None or hashlib.sha256(data).hexdigest() == digest:
                status = os.stat(path)
                saved[name] = SavedFile(data, status.st_mtime_ns, stat.S_IMODE(status.st_mode))
    return saved


def release_files(folder: str) -> List[str]:
    """Return the names of files in ``folder`` that belong to the release whose manifest is there.

    These are the files with the digests in the manifest, and the documents beside the full image; none without a
    manifest.
    """
    from aos_ota_plugin.release.manifest import parse_manifest

    path = os.path.join(folder, MANIFEST_NAME)
    try:
        manifest = parse_manifest(read_bytes(path, DOCUMENT_MAX), file=path)
    except (OSError, FormatError):
        return []
    names = [name for image in manifest.images if image.kind == "full" for name in documents_of(image.file)]
    for artifact in (*manifest.images, *(module.image for module in manifest.modules)):
        with contextlib.suppress(OSError):
            if hashlib.sha256(_read(os.path.join(folder, artifact.file))).hexdigest() == artifact.sha256:
                names.append(artifact.file)
    return [name for name in names if name == os.path.basename(name) and os.path.isfile(os.path.join(folder, name))]


def _remove_others(folder: str, names: ImageNames, saved: Mapping[str, SavedFile]) -> None:
    for name in names.of_vendors:
        if name not in saved:
            with contextlib.suppress(OutputError):
                remove_file(os.path.join(folder, name))


def _described(folder: str, names: ImageNames) -> Dict[str, Optional[str]]:
    """Return {name: SHA-256} of the images that the manifest in ``folder`` lists; None for itself."""
    try:
        manifest = json.loads(_read(os.path.join(folder, MANIFEST_NAME)))
        named = {image["file"]: str(image["sha256"]) for image in manifest["images"]}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}
    return {MANIFEST_NAME: None, **{name: named[name] for name in names.images if name in named}}


def _read(path: str) -> bytes:
    return read_bytes(path, IMAGE_MAX)
