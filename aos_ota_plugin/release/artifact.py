"""A file of a release, as manifests list it."""

from __future__ import annotations

from typing import NamedTuple


class Artifact(NamedTuple):
    """One file of the release: ``kind`` is ``payload``, ``full``, ``xz`` or ``diff`` (from the manifest's base), of a
    module ``file``, ``pack`` or ``full``; ``size`` in bytes; digests in lower-case hex.
    """

    file: str
    kind: str
    size: int
    md5: str
    sha256: str
