"""What a firmware is built from, as its package.yaml files and git say."""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple
from urllib.parse import quote


class Component(NamedTuple):
    """One component in use. ``folder`` is relative to the workspace, with forward slashes; ``depends`` are names."""

    name: str
    version: str
    type: str
    folder: str
    license: str = ""
    depends: Tuple[str, ...] = ()

    @property
    def purl(self) -> str:
        """The package URL (https://github.com/package-url/purl-spec): AliOS Things has no type of its own there."""
        version = f"@{quote(self.version, safe='')}" if self.version else ""
        return f"pkg:generic/{quote(self.name, safe='')}{version}"


class Revision(NamedTuple):
    """The commit (lower-case hex) that a folder's repository has checked out; whether tracked files differ from it."""

    commit: str
    modified: bool


class Product(NamedTuple):
    """The firmware: the solution's name, the version that devices report, board, and SHA-256 of the payload (hex)."""

    name: str
    version: str
    board: Optional[str]
    payload_sha256: str
