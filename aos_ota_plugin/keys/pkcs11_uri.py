"""PKCS#11 URIs (RFC 7512) of private keys.

Reading is strict: only the characters of the RFC's grammar, each attribute once, and no unknown attribute: ignoring it
could select another key.
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
    """The attributes of a URI, None for a missing one; texts are decoded, `key_id` is bytes."""

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
    def without_query(self) -> str:
        """Return the URI without its query, for messages: neither module nor PIN."""
        return self._text(query=False)

    def to_text(self) -> str:
        """Return the URI as text; `parse_uri` reads it back to the same value."""
        return self._text(query=True)

    def _text(self, *, query: bool) -> str:
        path, query_parts = [], []
        for field, value in zip(self._fields, self):
            if value is None:
                continue
            name = {"key_id": "id"}.get(field, field.replace("_", "-"))
            if name in _QUERY:
                query_parts.append(f"{name}={quote(str(value), safe='/')}")
            elif isinstance(value, bytes):
                path.append(name + "=" + "".join(f"%{byte:02x}" for byte in value))
            else:
                path.append(f"{name}={quote(str(value), safe='')}")
        return SCHEME + ";".join(path) + ("?" + "&".join(query_parts) if query and query_parts else "")


def parse_uri(text: str) -> Pkcs11Uri:
    """Read a URI that names a private key.

    Raises:
        SecretError: it contains a PIN (``pin-value``), or a program to get a PIN from.
        SigningKeyError: not a PKCS#11 URI, or not of a private key. Messages show no values.
    """
    if text[: len(SCHEME)].lower() != SCHEME:
        raise _uri_error("this is not a PKCS#11 URI")
    if len(text) > _MAX_SIZE:
        raise _uri_error(f"this PKCS#11 URI has {len(text)} characters, more than {_MAX_SIZE}")
    path, separator, query = text[len(SCHEME) :].partition("?")
    if separator and not query:
        raise _uri_error("nothing follows the ? of this PKCS#11 URI")
    query_values = _attributes(query, "&", _QUERY_VALUE, _QUERY)
    path_values = _attributes(path, ";", _PATH_VALUE, _PATH)
    if path_values.pop("type", b"private") != b"private":
        raise _uri_error("type= of this PKCS#11 URI is not private", "write type=private, or leave it out")
    key_id = path_values.pop("id", None)
    if key_id is not None and not key_id:
        raise _uri_error("id= of this PKCS#11 URI is empty")
    slot = path_values.pop("slot-id", None)
    texts = {name.replace("-", "_"): _decoded(name, value) for name, value in {**path_values, **query_values}.items()}
    _check_values(texts)
    if slot is not None and not _NUMBER.fullmatch(slot.decode("latin-1")):
        raise _uri_error("slot-id= of this PKCS#11 URI is not a decimal number")
    return Pkcs11Uri(key_id=key_id, slot_id=None if slot is None else int(slot), **texts)


def _attributes(text: str, separator: str, allowed: re.Pattern[str], names: tuple[str, ...]) -> Dict[str, bytes]:
    attributes: Dict[str, bytes] = {}
    for part in text.split(separator) if text else ():
        name, equals, value = part.partition("=")
        if name.lower().replace("_", "-") == "pin-value":
            raise _pin_error("this PKCS#11 URI contains a PIN (pin-value)", "take pin-value out")
        if not equals or name not in names:
            label = name if re.fullmatch(r"[A-Za-z0-9_-]{1,40}", name) and equals else "a text here"
            raise _uri_error(f"{label} is not an attribute of this part of a PKCS#11 URI; use {', '.join(names)}")
        if name in attributes:
            raise _uri_error(f"{name}= occurs twice in this PKCS#11 URI")
        if not allowed.fullmatch(value):
            raise _uri_error(
                f"{name}= of this PKCS#11 URI has a character that has to be written as % and two hexadecimal digits",
                "write a space as %20, ; as %3B, % as %25, and what is not ASCII as its UTF-8 bytes",
            )
        attributes[name] = unquote_to_bytes(value)
    return attributes


def _decoded(name: str, value: bytes) -> str:
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        raise _uri_error(f"{name}= of this PKCS#11 URI is not UTF-8") from None
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in text):
        raise _uri_error(f"{name}= of this PKCS#11 URI has a control character in it")
    return text


def _check_values(texts: Dict[str, str]) -> None:
    for name in ("module_path", "module_name", "pin_source"):
        if texts.get(name) == "":
            raise _uri_error(f"{name.replace('_', '-')}= of this PKCS#11 URI is empty")
    if re.search(r"[/\\]", texts.get("module_name", "")):
        raise _uri_error("module-name= of this PKCS#11 URI is a path", "give it as module-path=")
    if texts.get("pin_source", "").startswith("|"):
        raise _pin_error(
            "pin-source= of this PKCS#11 URI is a program, and none is started from there",
            "name a file that only you can read",
        )
    if "library_version" in texts and not _VERSION.fullmatch(texts["library_version"]):
        raise _uri_error("library-version= of this PKCS#11 URI is not a version such as 2.6")


def _pin_error(problem: str, remedy: str) -> OtaError:
    return SecretError(
        problem,
        remedy=f"{remedy}; put the PIN into the environment variable {PIN_VARIABLE}. If "
        "others could read it, set a new one",
    )


def _uri_error(problem: str, remedy: str = _EXAMPLE) -> SigningKeyError:
    return SigningKeyError(problem, remedy=remedy)
