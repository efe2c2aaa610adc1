"""The components that a firmware is built from, from their package.yaml files and git.

>>> Component("cjson", "V1.0.0", "common", "components/cjson").purl
'pkg:generic/cjson@V1.0.0'
"""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple
from urllib.parse import quote


class Component(NamedTuple):
    """A component in use.

    ``folder`` is relative to the workspace, with forward slashes; ``depends`` are names of components.
    """

    name: str
    version: str
    type: str
    folder: str
    license: str = ""
    depends: Tuple[str, ...] = ()

    @property
    def purl(self) -> str:
        """Return the package URL (https://github.com/package-url/purl-spec).

        Its type is ``generic``: AliOS Things has none of its own there.
        """
        version = f"@{quote(self.version, safe='')}" if self.version else ""
        return f"pkg:generic/{quote(self.name, safe='')}{version}"


class Revision(NamedTuple):
    """The commit that a folder's repository has checked out, in lower-case hex.

    ``modified`` tells whether tracked files differ from it.
    """

    commit: str
    modified: bool


class Product(NamedTuple):
    """The firmware: the solution's name, the version that devices report, and the board.

    ``payload_sha256`` is in hex.
    """

    name: str
    version: str
    board: Optional[str]
    payload_sha256: str
