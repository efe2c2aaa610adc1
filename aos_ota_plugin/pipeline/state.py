"""Read and write the state of the last good release, one JSON file in the solution's ``out/``.

    {"schema": "aos-ota-state/1",
     "fingerprint": {"images": "<64 hex>", "modules": "", "documents": ""},
     "outputs": {"/…/ota_rtos_ota.bin": ["<64 hex>"], …}, "warnings": ["…"],
     "summary": {"/…/ota_rtos_ota.bin": "app-1.0.1, 1234567 bytes, …"}}

``fingerprint`` is null while a build replaces the outputs; an output may then have the old or the new digest. Without
the file, and with a damaged file or a file of version 0.1.0 (without a fingerprint), the next build makes the whole
release again.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Dict, List, Mapping, NamedTuple, Optional, Tuple

from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.files import transaction
from aos_ota_plugin.files.documents import DocumentKind, read_document, write_document
from aos_ota_plugin.files.read import read_bytes
from aos_ota_plugin.pipeline.fingerprint import Fingerprint

STATE_NAME = "release-state.json"
KIND = DocumentKind("record of the last release", {"schema": "aos-ota-state/1"}, "build again", or_none=True)


class ReleaseState(NamedTuple):
    """The last good release: its fingerprint, its files' SHA-256 by path, its warnings, its summary.

    ``summary`` has a text for each image, by path.
    """

    fingerprint: Optional[Fingerprint] = None
    outputs: Mapping[str, Tuple[str, ...]] = {}
    warnings: Tuple[str, ...] = ()
    summary: Mapping[str, str] = {}

    def digests(self) -> Dict[str, str]:
        """Return the SHA-256 of outputs by path, without outputs that may have the old or the new one."""
        return {path: possible[0] for path, possible in self.outputs.items() if len(possible) == 1}

    def replaced_by(self, digests: Mapping[str, str]) -> ReleaseState:
        """Return the state while outputs are being replaced: each may have the old digest or the new one."""
        outputs = dict(self.outputs)
        for path, digest in digests.items():
            outputs[path] = tuple(dict.fromkeys((*outputs.get(path, ()), digest)))
        return ReleaseState(None, outputs)


def release_state(
    fingerprint: Fingerprint, digests: Mapping[str, str], warnings: List[str], summary: Mapping[str, str]
) -> ReleaseState:
    """Return the state that a good release leaves behind."""
    return ReleaseState(fingerprint, {path: (digest,) for path, digest in digests.items()}, tuple(warnings), summary)


def is_intact(state: ReleaseState, path: str) -> bool:
    """Return whether a file has the bytes of the last release, or of one whose writing was interrupted."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest() in state.outputs.get(path, ())
    except OSError:
        return False


def read_state(path: Optional[str], folder: Optional[str]) -> ReleaseState:
    """Read the state of the last release, with its outputs in ``folder``, or in any folder for None.

    The state is empty if the file cannot be read. Outputs in other folders are left out: they belong to another board,
    or to the workspace that this one is a copy of. For None ``summary`` is empty.
    """
    try:
        return parse_state(read_bytes(path or ""), folder)
    except OSError:
        return ReleaseState()


def parse_state(data: bytes, folder: Optional[str]) -> ReleaseState:
    """Parse a state file; return an empty state if the file is not valid."""
    try:
        document = read_document(data, KIND, file="").values
        parts = document.get("fingerprint")
        fingerprint = Fingerprint(**{name: _text(parts[name]) for name in Fingerprint._fields}) if parts else None
        outputs = {
            # 0.1.0 wrote a text, with a comma between two digests.
            path: tuple(_text(digest) for digest in (digests.split(",") if isinstance(digests, str) else digests))
            for path, digests in document["outputs"].items()
            if folder is None or os.path.dirname(path) == folder
        }
        summary = {
            path: _text(text) for path, text in document.get("summary", {}).items() if os.path.dirname(path) == folder
        }
        return ReleaseState(fingerprint, outputs, tuple(map(_text, document.get("warnings", ()))), summary)
    except (FormatError, KeyError, TypeError, AttributeError):
        return ReleaseState()


def write_state(path: str, state: ReleaseState) -> None:
    """Write a state file. Raises OutputError."""
    document = {
        "fingerprint": state.fingerprint._asdict() if state.fingerprint else None,
        "outputs": state.outputs,
        "warnings": state.warnings,
        "summary": state.summary,
    }
    transaction.write_file(path, write_document(KIND, document))


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise TypeError
