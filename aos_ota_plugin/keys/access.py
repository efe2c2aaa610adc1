"""What it takes to get at a private key: secrets, somebody to ask, and a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, NamedTuple, Optional

if TYPE_CHECKING:
    from aos_ota_plugin.keys.secret import Secret


class Access(NamedTuple):
    """How to get at a private key: secrets that are known, whom to ask for others, where relative paths start."""

    passphrase: Optional[Secret] = None
    pin: Optional[Secret] = None
    ask: Optional[Callable[[str], Optional[str]]] = None
    folder: str = ""
