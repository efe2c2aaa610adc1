"""A file of a release, as manifests list it."""

from __future__ import annotations

from typing import NamedTuple, Optional


class Artifact(NamedTuple):
    """A file of a release.

    ``kind`` is ``payload``, ``full``, ``xz`` or ``diff`` (from the manifest's base release); of a module ``file``,
    ``pack`` or ``full``. ``size`` is in bytes, digests are lower-case hex. ``payload`` is the SHA-256 of the payload
    that an image decodes to; None for what is no image, and in manifests of 0.1.0, whose images have the release's
    only one.
    """

    file: str
    kind: str
    size: int
    md5: str
    sha256: str
    payload: Optional[str] = None
