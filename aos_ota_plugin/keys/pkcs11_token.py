"""Sessions on the token that a PKCS#11 URI names, and error messages for a token's answers.

A session is open only while a key is read or signs, so that a token removed in between is noticed.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import Any, Callable, Iterator, List, Optional, Tuple

from aos_ota_plugin.errors import OtaError, Place, SecretError, SigningKeyError
from aos_ota_plugin.keys.pkcs11_uri import PIN_VARIABLE, Pkcs11Uri

_LOCK = threading.Lock()  # a login counts for the whole process, not for one session

# The library's names for answers of a token that was removed.
_REMOVED = {
    "DeviceRemoved",
    "TokenNotPresent",
    "SlotIDInvalid",
    "SessionHandleInvalid",
    "SessionClosed",
    "DeviceError",
    "TokenNotRecognised",
    "KeyHandleInvalid",
    "ObjectHandleInvalid",
}
_WRONG_PIN = {"PinIncorrect", "PinInvalid", "PinLenRange"}


class Token:
    """The token that ``uri`` names, used through the PKCS#11 module in the file ``module``.

    ``pin`` is called at most once, when the token requires a PIN. ``library`` is the package ``pkcs11``.
    """

    def __init__(self, uri: Pkcs11Uri, module: str, pin: Callable[[], bytes], library: Any) -> None:
        self.uri = uri
        self.place = Place(uri.without_query)
        self.library = library
        self._module = module
        self._ask_pin = pin
        self._pin: Optional[bytes] = None

    @contextmanager
    def session(self) -> Iterator[Tuple[Any, Any]]:
        """Yield an open session and the token. Raises SecretError for a bad PIN, else SigningKeyError."""
        with _LOCK:
            token = None
            try:
                token = self._find_token(self._load())
                with self._open(token) as session:
                    yield session, token
            except self.library.PKCS11Error as error:
                raise self._explain(error, token) from None

    def _load(self) -> Any:
        try:
            return self.library.lib(self._module)
        except (self.library.PKCS11Error, RuntimeError, OSError) as error:
            raise self.error(
                f"the PKCS#11 module {self._module} cannot be loaded: {_text(error)}",
                "give the token's driver itself, for this system and this Python",
            ) from None

    def _find_token(self, library: Any) -> Any:
        uri = self.uri
        self._check_library(library)
        matching, others = [], []
        for slot in library.get_slots(token_present=True):
            try:
                token = slot.get_token()
            except self.library.PKCS11Error as error:
                if type(error).__name__ not in _REMOVED:
                    raise
                continue
            if (
                _matches(uri.slot_id, slot.slot_id)
                and _matches(uri.slot_manufacturer, slot.manufacturer_id.strip())
                and (_matches(uri.slot_description, slot.slot_description.strip()))
                and _token_matches(uri, token)
            ):
                matching.append(token)
            elif token.label.strip():
                others.append(token.label.strip())
        initialized = [token for token in matching if token.flags & self.library.TokenFlag.TOKEN_INITIALIZED]
        if len(initialized) == 1:
            return initialized[0]
        if initialized:
            listed = ", ".join(f"{token.label.strip()} (serial {_serial(token)})" for token in initialized)
            raise self.error(f"{len(initialized)} tokens match: {listed}", "add serial= of the right token to the URI")
        listed = ", ".join(sorted(others)) or "none"
        raise self.error(
            f"there is no such token; {os.path.basename(self._module)} sees: {listed}",
            "put the token in; or correct token= in the URI",
        )

    def _check_library(self, library: Any) -> None:
        uri = self.uri
        version = ".".join(str(number) for number in library.library_version)
        if not (
            _matches(uri.library_manufacturer, library.manufacturer_id.strip())
            and _matches(uri.library_description, library.library_description.strip())
            and (uri.library_version is None or uri.library_version in (version, version.split(".")[0]))
        ):
            raise self.error(
                f"the module {self._module} is not the one that the URI describes: it is "
                f"{library.library_description.strip()} {version} of {library.manufacturer_id.strip()}",
                "correct library-…= in the URI, or give another module",
            )

    def _open(self, token: Any) -> Any:
        flags, names = token.flags, self.library.TokenFlag
        if not flags & names.LOGIN_REQUIRED:
            return token.open()
        if flags & names.USER_PIN_LOCKED:
            raise self._locked()
        if flags & names.PROTECTED_AUTHENTICATION_PATH:
            return token.open(user_pin=self.library.types.PROTECTED_AUTH)
        if self._pin is None:
            self._pin = self._ask_pin()
        return token.open(user_pin=self._pin.decode("utf-8"))

    def _explain(self, error: Exception, token: Any) -> OtaError:
        name = type(error).__name__
        if name in _WRONG_PIN:
            return SecretError(
                f"the token does not take this PIN{self._remaining_tries(token)}",
                place=self.place,
                remedy=f"correct {PIN_VARIABLE}; several wrong ones in a row lock the token",
            )
        if name == "PinLocked":
            return self._locked()
        if name in ("PinExpired", "UserPinNotInitialized", "PinTooWeak"):
            return SecretError(
                f"the token's PIN has to be set anew first ({name})",
                place=self.place,
                remedy="set a PIN with the token's own tool",
            )
        if name in _REMOVED:
            return self.error(
                f"the token was taken out, or does not answer any more ({name})",
                "put it in and try again; the outputs are as they were",
            )
        if name in ("UserNotLoggedIn", "KeyFunctionNotPermitted"):
            return self.error(
                f"the token does not let this key sign ({name})",
                "a key that asks for its PIN at each "
                "signature (CKA_ALWAYS_AUTHENTICATE) cannot be used: make one without",
            )
        return self.error(f"the token answers {_text(error)}", "look into the log of the token's driver")

    def _remaining_tries(self, token: Any) -> str:
        try:
            flags = token.slot.get_token().flags
        except self.library.PKCS11Error:
            return ""
        names = self.library.TokenFlag
        if flags & names.USER_PIN_LOCKED:
            return ", and is locked now"
        if flags & names.USER_PIN_FINAL_TRY:
            return ", and locks after one more wrong one"
        return ", and few tries are left" if flags & names.USER_PIN_COUNT_LOW else ""

    def _locked(self) -> OtaError:
        return SecretError(
            "the token's PIN is locked after too many wrong ones",
            place=self.place,
            remedy="unlock it as the security officer, with the token's own tool",
        )

    def error(self, problem: str, remedy: str) -> SigningKeyError:
        """Return an error about this token."""
        return SigningKeyError(problem, place=self.place, remedy=remedy)


def _matches(wanted: Any, actual: Any) -> bool:
    return wanted is None or wanted == actual


def _token_matches(uri: Pkcs11Uri, token: Any) -> bool:
    return (
        _matches(uri.token, token.label.strip())
        and _matches(uri.manufacturer, token.manufacturer_id.strip())
        and _matches(uri.model, token.model.strip())
        and _matches(uri.serial, _serial(token))
    )


def _serial(token: Any) -> str:
    return bytes(token.serial).decode("utf-8", "replace").strip("\0 ")


def _text(error: Exception) -> str:
    parts: List[str] = [type(error).__name__]
    if str(error):
        parts.append(" ".join(str(error).split())[:300])
    return ": ".join(parts)
