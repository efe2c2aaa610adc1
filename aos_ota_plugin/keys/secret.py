"""A secret value that no log, error or pickle shows."""

from __future__ import annotations

import hashlib
import hmac
from typing import NoReturn, Union

_SALT = b"aos-ota secret fingerprint"
_ROUNDS = 10_000


class Secret:
    """The bytes of a secret (text as UTF-8), which only ``reveal`` returns."""

    __slots__ = ("_bytes",)
    __hash__ = None  # type: ignore[assignment]  # a hash of the value would be a fast oracle for it

    def __init__(self, value: Union[str, bytes]) -> None:
        # What Python could not decode in a variable or an answer stands as surrogates, and is those bytes again.
        self._bytes = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else bytes(value)

    def reveal(self) -> bytes:
        """Return the secret itself."""
        return self._bytes

    def fingerprint(self, context: str) -> str:
        """Return 64 hex digits that change with the secret and are slow to search for it.

        ``context`` says what the fingerprint is for; another context gives another fingerprint.
        """
        salt = _SALT + context.encode("utf-8", "surrogatepass")
        return hashlib.pbkdf2_hmac("sha256", self._bytes, salt, _ROUNDS).hex()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._bytes, other._bytes)

    def __repr__(self) -> str:
        return "<secret>"

    __str__ = __repr__

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret cannot be pickled")
