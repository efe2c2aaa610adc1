"""PKCS#11 URIs (RFC 7512), as far as they can name a private key: pure text in, a frozen value out.

Strict: only the characters that the RFC's grammar has, each attribute once, and none that is unknown, because an
attribute that nobody looks at could have told two keys apart.
"""

from __future__ import annotations

import re
from typing import Dict, NamedTuple, Optional
from urllib.parse import quote, unquote_to_bytes

from aos_ota_plugin.errors import OtaError, SecretError, SigningKeyError

PIN_VARIABLE = "AOS_OTA_PKCS11_PIN"
SCHEME = "pkcs11:"

_UNRESERVED = r"A-Za-z0-9\-._~"
_RESERVED = r":\[\]@!$'()*+,="
_PATH_VALUE = re.compile(rf"(?:[{_UNRESERVED}{_RESERVED}&]|%[0-9A-Fa-f]{{2}})*")
_QUERY_VALUE = re.compile(rf"(?:[{_UNRESERVED}{_RESERVED}/?|]|%[0-9A-Fa-f]{{2}})*")
_VERSION = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3})?")
_NUMBER = re.compile(r"[0-9]{1,20}")
_MAX_SIZE = 4096

_PATH = (
    "token",
    "manufacturer",
    "serial",
    "model",
    "object",
    "id",
    "type",
    "slot-id",
    "slot-manufacturer",
    "slot-description",
    "library-manufacturer",
    "library-description",
    "library-version",
)
_QUERY = ("module-path", "module-name", "pin-source")
_EXAMPLE = "write it like pkcs11:token=OTA%20keys;object=ota?module-path=/usr/lib/softhsm/libsofthsm2.so"


class Pkcs11Uri(NamedTuple):
    """What a URI says of a key; an attribute that is not there is None. Texts are decoded, `key_id` is bytes."""

    token: Optional[str] = None
    manufacturer: Optional[str] = None
    serial: Optional[str] = None
    model: Optional[str] = None
    object: Optional[str] = None
    key_id: Optional[bytes] = None
    slot_id: Optional[int] = None
    slot_manufacturer: Optional[str] = None
    slot_description: Optional[str] = None
    library_manufacturer: Optional[str] = None
    library_description: Optional[str] = None
    library_version: Optional[str] = None
    module_path: Optional[str] = None
    module_name: Optional[str] = None
    pin_source: Optional[str] = None

    @property
    def shown(self) -> str:
        """The URI of the key alone, for messages: nothing of the module or the PIN."""
        return self._text(query=False)

    def to_text(self) -> str:
        """Return the URI again; `parse_uri` reads it back to the same value."""
        return self._text(query=True)

    def _text(self, *, query: bool) -> str:
        path, asked = [], []
        for field, value in zip(self._fields, self):
            if value is None:
                continue
            name = {"key_id": "id"}.get(field, field.replace("_", "-"))
            if name in _QUERY:
                asked.append(f"{name}={quote(str(value), safe='/')}")
            elif isinstance(value, bytes):
                path.append(name + "=" + "".join(f"%{byte:02x}" for byte in value))
            else:
                path.append(f"{name}={quote(str(value), safe='')}")
        return SCHEME + ";".join(path) + ("?" + "&".join(asked) if query and asked else "")


def parse_uri(text: str) -> Pkcs11Uri:
    """Read a URI that names a private key.

    Raises:
        SecretError: there is a PIN in it (``pin-value``), or a program to get one from.
        SigningKeyError: it is no PKCS#11 URI, or one of something else than a private key. No value is repeated.
    """
    if text[: len(SCHEME)].lower() != SCHEME:
        raise _wrong("this is no PKCS#11 URI")
    if len(text) > _MAX_SIZE:
        raise _wrong(f"this PKCS#11 URI has {len(text)} characters, and {_MAX_SIZE} are the most that is read")
    path, separator, query = text[len(SCHEME) :].partition("?")
    if separator and not query:
        raise _wrong("nothing follows the ? of this PKCS#11 URI")
    asked = _attributes(query, "&", _QUERY_VALUE, _QUERY)
    named = _attributes(path, ";", _PATH_VALUE, _PATH)
    if named.pop("type", b"private") != b"private":
        raise _wrong(
            "type= of this PKCS#11 URI names something else than a private key", "write type=private, or leave it out"
        )
    key_id = named.pop("id", None)
    if key_id is not None and not key_id:
        raise _wrong("id= of this PKCS#11 URI is empty")
    slot = named.pop("slot-id", None)
    texts = {name.replace("-", "_"): _decoded(name, value) for name, value in {**named, **asked}.items()}
    _check(texts)
    if slot is not None and not _NUMBER.fullmatch(slot.decode("latin-1")):
        raise _wrong("slot-id= of this PKCS#11 URI is no decimal number")
    return Pkcs11Uri(key_id=key_id, slot_id=None if slot is None else int(slot), **texts)


def _attributes(text: str, separator: str, allowed: re.Pattern[str], names: tuple[str, ...]) -> Dict[str, bytes]:
    found: Dict[str, bytes] = {}
    for one in text.split(separator) if text else ():
        name, equals, value = one.partition("=")
        if name.lower().replace("_", "-") == "pin-value":
            raise _secret("there is a PIN in this PKCS#11 URI (pin-value)", "take pin-value out")
        if not equals or name not in names:
            shown = name if re.fullmatch(r"[A-Za-z0-9_-]{1,40}", name) and equals else "something else"
            raise _wrong(f"an attribute of this PKCS#11 URI is one of {', '.join(names)}, and here stands {shown}")
        if name in found:
            raise _wrong(f"{name}= stands twice in this PKCS#11 URI")
        if not allowed.fullmatch(value):
            raise _wrong(
                f"{name}= of this PKCS#11 URI has a character in it that has to be written as % and two "
                "hexadecimal digits",
                "write a space as %20, ; as %3B, % as %25, and what is not ASCII as its UTF-8 bytes",
            )
        found[name] = unquote_to_bytes(value)
    return found


def _decoded(name: str, value: bytes) -> str:
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        raise _wrong(f"{name}= of this PKCS#11 URI is not UTF-8") from None
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in text):
        raise _wrong(f"{name}= of this PKCS#11 URI has a control character in it")
    return text


def _check(texts: Dict[str, str]) -> None:
    for name in ("module_path", "module_name", "pin_source"):
        if texts.get(name) == "":
            raise _wrong(f"{name.replace('_', '-')}= of this PKCS#11 URI is empty")
    if re.search(r"[/\\]", texts.get("module_name", "")):
        raise _wrong("module-name= of this PKCS#11 URI is a path", "give it as module-path=")
    if texts.get("pin_source", "").startswith("|"):
        raise _secret(
            "a program stands in pin-source= of this PKCS#11 URI, and none is started from there",
            "name a file that only you can read",
        )
    if "library_version" in texts and not _VERSION.fullmatch(texts["library_version"]):
        raise _wrong("library-version= of this PKCS#11 URI is no version such as 2.6")


def _secret(problem: str, remedy: str) -> OtaError:
    return SecretError(
        problem,
        remedy=f"{remedy}; the PIN belongs into the environment variable {PIN_VARIABLE}. If "
        "others could read it, set a new one",
    )


def _wrong(problem: str, remedy: str = _EXAMPLE) -> SigningKeyError:
    return SigningKeyError(problem, remedy=remedy)
