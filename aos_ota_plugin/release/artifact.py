"""A file of a release, as manifests list it."""

from __future__ import annotations

from typing import NamedTuple


class Artifact(NamedTuple):
    """A file of a release.

    ``kind`` is ``payload``, ``full``, ``xz`` or ``diff`` (from the manifest's base release); of a module ``file``,
    ``pack`` or ``full``. ``size`` is in bytes, digests are lower-case hex.
    """

    file: str
    kind: str
    size: int
    md5: str
    sha256: str
