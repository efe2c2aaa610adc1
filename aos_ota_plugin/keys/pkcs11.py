"""A token as the signer (PKCS#11 2.40 or newer): smart card, USB token, HSM. The private key never leaves it.

The image's 32-byte hash is signed with ``CKM_SHA256_RSA_PKCS``. A token without that mechanism signs, with
``CKM_RSA_PKCS``, the DigestInfo (RFC 8017, 9.2) of the hash's SHA-256 instead: the same block, so the same bytes.
A session is open only while the key is looked at or signs, so that a token which was taken out in between is noticed.
"""

from __future__ import annotations

import glob
import hashlib
import os
import sys
import threading
from contextlib import contextmanager
from typing import Any, Callable, Iterator, List, Mapping, Optional, Tuple

from aos_ota_plugin.errors import OtaError, Place, SecretError, SigningKeyError
from aos_ota_plugin.keys.pkcs11_uri import PIN_VARIABLE, Pkcs11Uri
from aos_ota_plugin.keys.rsa import DIGEST_INFO, EXPONENT, HASH_SIZE, KEY_BITS, PublicKey
from aos_ota_plugin.keys.signature import require_good

MODULE_VARIABLE = "AOS_OTA_PKCS11_MODULE"
EXTRA = 'python -m pip install "aos_ota_plugin[pkcs11]"'

_FOLDERS = (
    "/usr/lib/*/pkcs11",
    "/usr/lib/pkcs11",
    "/usr/lib64/pkcs11",
    "/usr/local/lib/pkcs11",
    "/usr/lib/softhsm",
    "/usr/lib/*/softhsm",
    "/usr/lib/*",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/opt/homebrew/lib",
)
_LOCK = threading.Lock()  # a login counts for the whole process, not for one session

# By the library's name for a token's answer: what it means to the user.
_GONE = {
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
_NO_MECHANISM = {"MechanismInvalid", "MechanismParamInvalid", "FunctionNotSupported", "KeyTypeInconsistent"}


def find_module(uri: Pkcs11Uri, *, folder: str, environ: Mapping[str, str]) -> str:
    """The module's file: from the URI, else from ``AOS_OTA_PKCS11_MODULE``. Raises SigningKeyError.

    A relative ``module-path`` starts at ``folder``. A ``module-name`` is looked for in ``module-path`` if that is a
    folder, else where systems keep such modules.
    """
    path = uri.module_path
    if path is not None:
        path = os.path.normpath(os.path.join(folder, os.path.expanduser(path)))
    if uri.module_name is not None:
        return _named_module(uri.module_name, (path,) if path else _FOLDERS)
    path = path or environ.get(MODULE_VARIABLE) or None
    if path is None:
        raise SigningKeyError(
            "nothing says which PKCS#11 module speaks to this token",
            place=Place(uri.shown),
            remedy=f"add ?module-path=/usr/lib/… of your token's driver to the URI, or set {MODULE_VARIABLE}",
        )
    if not os.path.isfile(path):
        raise SigningKeyError(
            f"there is no PKCS#11 module {path}",
            place=Place(uri.shown),
            remedy=f"install the token's driver; correct module-path, or {MODULE_VARIABLE}",
        )
    return path


def _named_module(name: str, folders: Tuple[str, ...]) -> str:
    ending = ".dll" if os.name == "nt" else ".dylib" if sys.platform == "darwin" else ".so"
    for pattern in folders:
        for place in sorted(glob.glob(pattern)) if "*" in pattern else [pattern]:
            for file in (f"{name}{ending}", f"lib{name}{ending}", f"{name}.so", f"lib{name}.so"):
                if os.path.isfile(os.path.join(place, file)):
                    return os.path.join(place, file)
    raise SigningKeyError(
        f"no PKCS#11 module {name} was found",
        remedy="give its whole path as module-path=, or install the token's driver",
    )


class Pkcs11Signer:
    """Signs with the one private key that a URI names. Its repr names that and the public key, never a PIN.

    ``pin`` is asked for the PIN only when the token wants one, and once. Raises SecretError for a PIN that is wrong,
    locked or missing, SigningKeyError for everything else.
    """

    def __init__(self, uri: Pkcs11Uri, module: str, pin: Callable[[], bytes], *, library: Any = None) -> None:
        self._uri = uri
        self._module = module
        self._pin = pin
        self._place = Place(uri.shown)
        self._known_pin: Optional[bytes] = None
        self._library = library or _import_library()
        with self._session() as (session, _):
            self._public_key = self._read_public_key(session, self._find_key(session))

    def __repr__(self) -> str:
        return f"Pkcs11Signer({self._uri.shown}, {self._public_key.fingerprint})"

    @property
    def public_key(self) -> PublicKey:
        """The public half, as devices hold it."""
        return self._public_key

    def sign_hash(self, hash32: bytes) -> bytes:
        """Sign 32 bytes on the token, and verify the result as a device would."""
        if len(hash32) != HASH_SIZE:
            raise SigningKeyError(f"a hash of {len(hash32)} bytes cannot be signed; devices check 32 (SHA-256)")
        return self.sign_message(hash32)

    def sign_message(self, message: bytes) -> bytes:
        """Sign bytes on the token in the same way, and verify the result."""
        with self._session() as (session, token):
            signature = self._sign(self._find_key(session), token, message)
        return require_good(signature, self._public_key, message, who="the token", place=self._place)

    def _sign(self, key: Any, token: Any, message: bytes) -> bytes:
        mechanisms = self._library.Mechanism
        offered = token.slot.get_mechanisms()
        tried = []
        for mechanism, data in (
            (mechanisms.SHA256_RSA_PKCS, message),
            (mechanisms.RSA_PKCS, DIGEST_INFO + hashlib.sha256(message).digest()),
        ):
            if mechanism not in offered:
                continue
            try:
                return bytes(key.sign(data, mechanism=mechanism))
            except self._library.PKCS11Error as error:
                # Offered by the token, but perhaps not for this key.
                if type(error).__name__ not in _NO_MECHANISM:
                    raise
                tried.append(f"CKM_{mechanism.name}")
        problem = (
            f"does not let this key sign with {' or '.join(tried)}"
            if tried
            else ("offers neither CKM_SHA256_RSA_PKCS nor CKM_RSA_PKCS")
        )
        raise self._wrong(
            f"the token {problem}",
            "use a key and a token that make RSA PKCS#1 v1.5 signatures; devices check no others",
        )

    @contextmanager
    def _session(self) -> Iterator[Tuple[Any, Any]]:
        with _LOCK:
            token = None
            try:
                token = self._find_token(self._load())
                with self._open(token) as session:
                    yield session, token
            except self._library.PKCS11Error as error:
                raise self._translated(error, token) from None

    def _load(self) -> Any:
        try:
            return self._library.lib(self._module)
        except (self._library.PKCS11Error, RuntimeError, OSError) as error:
            raise self._wrong(
                f"the PKCS#11 module {self._module} cannot be loaded: {_text(error)}",
                "give the token's driver itself, for this system and this Python",
            ) from None

    def _find_token(self, library: Any) -> Any:
        uri = self._uri
        self._check_library(library)
        fitting, others = [], []
        for slot in library.get_slots(token_present=True):
            try:
                token = slot.get_token()
            except self._library.PKCS11Error as error:
                if type(error).__name__ not in _GONE:
                    raise
                continue
            if (
                _fits(uri.slot_id, slot.slot_id)
                and _fits(uri.slot_manufacturer, slot.manufacturer_id.strip())
                and (_fits(uri.slot_description, slot.slot_description.strip()))
                and _token_fits(uri, token)
            ):
                fitting.append(token)
            elif token.label.strip():
                others.append(token.label.strip())
        initialized = [one for one in fitting if one.flags & self._library.TokenFlag.TOKEN_INITIALIZED]
        if len(initialized) == 1:
            return initialized[0]
        if initialized:
            listed = ", ".join(f"{one.label.strip()} (serial {_serial(one)})" for one in initialized)
            raise self._wrong(f"{len(initialized)} tokens fit: {listed}", "add serial= of the one to the URI")
        listed = ", ".join(sorted(others)) or "none"
        raise self._wrong(
            f"no such token is there; {os.path.basename(self._module)} sees: {listed}",
            "put the token in; or correct token= in the URI",
        )

    def _check_library(self, library: Any) -> None:
        uri = self._uri
        version = ".".join(str(number) for number in library.library_version)
        if not (
            _fits(uri.library_manufacturer, library.manufacturer_id.strip())
            and _fits(uri.library_description, library.library_description.strip())
            and (uri.library_version is None or uri.library_version in (version, version.split(".")[0]))
        ):
            raise self._wrong(
                f"the module {self._module} is not the one that the URI describes: it is "
                f"{library.library_description.strip()} {version} of {library.manufacturer_id.strip()}",
                "correct library-…= in the URI, or give another module",
            )

    def _open(self, token: Any) -> Any:
        flags, names = token.flags, self._library.TokenFlag
        if not flags & names.LOGIN_REQUIRED:
            return token.open()
        if flags & names.USER_PIN_LOCKED:
            raise self._locked()
        if flags & names.PROTECTED_AUTHENTICATION_PATH:
            return token.open(user_pin=self._library.types.PROTECTED_AUTH)
        if self._known_pin is None:
            self._known_pin = self._pin()
        return token.open(user_pin=self._known_pin.decode("utf-8"))

    def _find_key(self, session: Any) -> Any:
        names = self._library.Attribute
        wanted = {names.CLASS: self._library.ObjectClass.PRIVATE_KEY}
        if self._uri.object is not None:
            wanted[names.LABEL] = self._uri.object
        if self._uri.key_id is not None:
            wanted[names.ID] = self._uri.key_id
        found = list(session.get_objects(wanted))
        if len(found) == 1:
            return found[0]
        if found:
            raise self._wrong(
                f"{len(found)} private keys fit: {self._listed(found)}",
                "name one of them with object= or id= in the URI",
            )
        others = self._listed(session.get_objects({names.CLASS: self._library.ObjectClass.PRIVATE_KEY}))
        raise self._wrong(f"no such private key is on the token; it has: {others}", "correct object= or id= in the URI")

    def _listed(self, keys: Any) -> str:
        names = self._library.Attribute
        ids = [(self._attribute(key, names.LABEL), self._attribute(key, names.ID)) for key in keys]
        listed = sorted(f"{label or '(no label)'} (id {(key_id or b'').hex()})" for label, key_id in ids)
        return ", ".join(listed) or "none"

    def _read_public_key(self, session: Any, key: Any) -> PublicKey:
        names = self._library.Attribute
        if self._attribute(key, names.KEY_TYPE) != self._library.KeyType.RSA:
            raise self._wrong("this key is not an RSA key", "devices take RSA keys of 2048 bits only")
        if self._attribute(key, names.SIGN) is False:
            raise self._wrong("the token does not let this key sign (CKA_SIGN is false)", "use a key made for signing")
        numbers = self._numbers(key) or self._from_other_objects(session, key)
        if numbers is None:
            raise self._wrong(
                "the token does not show the public half of this key",
                "put the public key or its certificate on the token, with the same id",
            )
        modulus, exponent = numbers
        if modulus.bit_length() != KEY_BITS or exponent != EXPONENT:
            raise self._wrong(
                f"this is an RSA key of {modulus.bit_length()} bits with the exponent {exponent}; "
                f"devices take exactly {KEY_BITS} bits and {EXPONENT}",
                "make such a key on the token",
            )
        return PublicKey(modulus, exponent)

    def _from_other_objects(self, session: Any, key: Any) -> Optional[Tuple[int, int]]:
        """The public key of the public object, or of the certificate, that has the private key's id."""
        names, classes = self._library.Attribute, self._library.ObjectClass
        key_id = self._attribute(key, names.ID)
        if not key_id:
            return None
        for public in session.get_objects({names.CLASS: classes.PUBLIC_KEY, names.ID: key_id}):
            numbers = self._numbers(public)
            if numbers:
                return numbers
        for certificate in session.get_objects({names.CLASS: classes.CERTIFICATE, names.ID: key_id}):
            numbers = _certified(self._attribute(certificate, names.VALUE))
            if numbers:
                return numbers
        return None

    def _numbers(self, key: Any) -> Optional[Tuple[int, int]]:
        names = self._library.Attribute
        parts = [self._attribute(key, name) for name in (names.MODULUS, names.PUBLIC_EXPONENT)]
        if not all(parts):
            return None
        return int.from_bytes(parts[0], "big"), int.from_bytes(parts[1], "big")

    def _attribute(self, one: Any, name: Any) -> Any:
        """An attribute's value, None where the object has none or does not show it."""
        try:
            return one[name]
        except self._library.PKCS11Error as error:
            if type(error).__name__ not in ("AttributeTypeInvalid", "AttributeSensitive", "AttributeValueInvalid"):
                raise
            return None

    def _translated(self, error: Exception, token: Any) -> OtaError:
        name = type(error).__name__
        if name in _WRONG_PIN:
            return SecretError(
                f"the token does not take this PIN{self._tries(token)}",
                place=self._place,
                remedy=f"correct {PIN_VARIABLE}; several wrong ones in a row lock the token",
            )
        if name == "PinLocked":
            return self._locked()
        if name in ("PinExpired", "UserPinNotInitialized", "PinTooWeak"):
            return SecretError(
                f"the token's PIN has to be set anew first ({name})",
                place=self._place,
                remedy="set a PIN with the token's own tool",
            )
        if name in _GONE:
            return self._wrong(
                f"the token was taken out, or does not answer any more ({name})",
                "put it in and try again; the outputs are as they were",
            )
        if name in ("UserNotLoggedIn", "KeyFunctionNotPermitted"):
            return self._wrong(
                f"the token does not let this key sign ({name})",
                "a key that asks for its PIN at each "
                "signature (CKA_ALWAYS_AUTHENTICATE) cannot be used: make one without",
            )
        return self._wrong(f"the token answers {_text(error)}", "look into the log of the token's driver")

    def _tries(self, token: Any) -> str:
        try:
            flags = token.slot.get_token().flags
        except self._library.PKCS11Error:
            return ""
        names = self._library.TokenFlag
        if flags & names.USER_PIN_LOCKED:
            return ", and is locked now"
        if flags & names.USER_PIN_FINAL_TRY:
            return ", and locks after one more wrong one"
        return ", and few tries are left" if flags & names.USER_PIN_COUNT_LOW else ""

    def _locked(self) -> OtaError:
        return SecretError(
            "the token's PIN is locked after too many wrong ones",
            place=self._place,
            remedy="unlock it as the security officer, with the token's own tool",
        )

    def _wrong(self, problem: str, remedy: str) -> SigningKeyError:
        return SigningKeyError(problem, place=self._place, remedy=remedy)


def _import_library() -> Any:
    try:
        import pkcs11
    except ImportError as error:
        raise SigningKeyError(f"PKCS#11 keys need the package python-pkcs11: {error}", remedy=EXTRA) from None
    return pkcs11


def _fits(wanted: Any, found: Any) -> bool:
    return wanted is None or wanted == found


def _token_fits(uri: Pkcs11Uri, token: Any) -> bool:
    return (
        _fits(uri.token, token.label.strip())
        and _fits(uri.manufacturer, token.manufacturer_id.strip())
        and _fits(uri.model, token.model.strip())
        and _fits(uri.serial, _serial(token))
    )


def _serial(token: Any) -> str:
    return bytes(token.serial).decode("utf-8", "replace").strip("\0 ")


def _certified(der: Optional[bytes]) -> Optional[Tuple[int, int]]:
    """Modulus and exponent of a certificate's RSA key."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.x509 import load_der_x509_certificate

    try:
        key = load_der_x509_certificate(der or b"").public_key()
    except Exception:
        return None
    if not isinstance(key, RSAPublicKey):
        return None
    numbers = key.public_numbers()
    return numbers.n, numbers.e


def _text(error: Exception) -> str:
    parts: List[str] = [type(error).__name__]
    if str(error):
        parts.append(" ".join(str(error).split())[:300])
    return ": ".join(parts)
