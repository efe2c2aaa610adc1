"""What loading a private key needs besides its reference: secrets, a prompt, and a folder.

>>> Access(folder="/work/solution").folder
'/work/solution'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, NamedTuple, Optional

if TYPE_CHECKING:
    from aos_ota_plugin.keys.secret import Secret


class Access(NamedTuple):
    """The secrets, the prompt and the folder with which a private key is loaded.

    ``passphrase`` and ``pin`` are None where they are not set. ``ask`` shows a question on the terminal and returns the
    answer, None without a terminal. Relative paths start at ``folder``.
    """

    passphrase: Optional[Secret] = None
    pin: Optional[Secret] = None
    ask: Optional[Callable[[str], Optional[str]]] = None
    folder: str = ""
