"""The platform's upgrade message to a device.

>>> message = PushMessage(size=1, version="app-1.0.1", url="https://example.com/a", sign_method="Md5", sign="0" * 32)
>>> parse_push(message.to_json()) == message
True
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from dataclasses import dataclass
from typing import Any, Dict, Optional

from aos_ota_plugin.device.limits import URL_MAX
from aos_ota_plugin.device.version import check_version
from aos_ota_plugin.errors import FormatError, SettingsError, placed
from aos_ota_plugin.files.documents import DocumentKind, read_document
from aos_ota_plugin.protocol.module_names import check_module_name

SIGN_METHODS = {"Md5": 32, "SHA256": 64}
"""The values of signMethod, and the number of hex digits of sign for each."""
SIZE_MAX = 0xFFFF_FFFF
_HEX = re.compile(r"[0-9a-fA-F]+")
_SIGNATURE_SIZE = 256
_REMEDY = "give the message as the platform sent it to the device"
KIND = DocumentKind("push message", {"code": "1000"}, _REMEDY)


@dataclass(frozen=True)
class PushMessage:
    """The platform's upgrade message (topic ``/ota/device/upgrade/{pk}/{dn}``).

    `size` in bytes; `sign` is the whole file's digest in hex, of the length that `sign_method` has; `digestsign` a
    base64 RSA signature of 256 bytes. Raises FormatError when a value is malformed or over the device's limits.
    """

    size: int
    version: str
    url: str
    sign_method: str
    sign: str
    md5: Optional[str] = None
    digestsign: Optional[str] = None
    module: Optional[str] = None

    def __post_init__(self) -> None:
        try:
            check_version(self.version, field="version")
            if self.module is not None:
                check_module_name(self.module)
        except SettingsError as error:
            raise _bad(error.problem) from None
        if not 0 < self.size <= SIZE_MAX:
            raise _bad(f"size is {self.size}, not 1 to {SIZE_MAX}")
        _check_url(self.url)
        if self.sign_method not in SIGN_METHODS:
            raise _bad(f"signMethod {self.sign_method[:20]!a} is none of {', '.join(SIGN_METHODS)}")
        _check_hex("sign", self.sign, SIGN_METHODS[self.sign_method])
        if self.md5 is not None:
            _check_hex("md5", self.md5, SIGN_METHODS["Md5"])
        if self.digestsign is not None:
            _check_signature(self.digestsign)

    def to_json(self) -> bytes:
        """Return the message's bytes: JSON without spaces, keys in the platform's order."""
        data = {
            "size": self.size,
            "version": self.version,
            "url": self.url,
            "signMethod": self.sign_method,
            "sign": self.sign,
            "md5": self.md5,
            "digestsign": self.digestsign,
            "module": self.module,
        }
        document = {
            "code": "1000",
            "message": "success",
            "data": {key: value for key, value in data.items() if value is not None},
        }
        return json.dumps(document, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def parse_push(data: bytes, *, file: str = "") -> PushMessage:
    """Read a push message; fields of its data that devices do not read are ignored.

    Devices (cJSON's ``cJSON_GetObjectItem``) use the first of several fields of one name, and ignore the case of names;
    so names that differ only in case are refused.

    Raises:
        FormatError: not JSON, two fields of one name, another code, a field missing, of the wrong type or out of its
            limits.
    """
    fields = read_document(data, KIND, file=file, ignore_case=True)
    with placed(file):
        return _push(fields.values.get("data"))


def _push(data: object) -> PushMessage:
    if not isinstance(data, dict):
        raise _bad('it has no "data"')
    size = data.get("size")
    if not isinstance(size, int) or isinstance(size, bool):
        raise _bad('"size" is not a number')
    fields: Dict[str, Any] = {}
    for key in ("version", "url", "signMethod", "sign", "md5", "digestsign", "module"):
        value = data.get(key)
        if not isinstance(value, str) and (value is not None or key in ("version", "url", "sign")):
            raise _bad(f'"{key}" is not a text')
        fields[key] = value
    method = fields["signMethod"] or "Md5"
    sign_method = next((name for name in SIGN_METHODS if name.lower() == method.lower()), method)
    return PushMessage(
        size,
        fields["version"],
        fields["url"],
        sign_method,
        fields["sign"],
        fields["md5"],
        fields["digestsign"],
        fields["module"],
    )


def _check_url(url: str) -> None:
    if not url.startswith(("http://", "https://")) or not url.isascii() or not url.isprintable() or " " in url:
        raise _bad(f"the url {url[:60]!a} is not one of http or https")
    if len(url) > URL_MAX:
        raise _bad(f"the url has {len(url)} characters; a device keeps {URL_MAX}")


def _check_hex(name: str, value: str, digits: int) -> None:
    if len(value) != digits or not _HEX.fullmatch(value):
        raise _bad(f"{name} is not {digits} hex digits")


def _check_signature(value: str) -> None:
    try:
        raw = b64decode(value, validate=True)
    except ValueError:
        raise _bad("digestsign is not base64") from None
    if len(raw) != _SIGNATURE_SIZE:
        raise _bad(f"digestsign has {len(raw)} bytes, not {_SIGNATURE_SIZE}")


def _bad(problem: str) -> FormatError:
    return FormatError(f"this is no push message that a device takes: {problem}", remedy=_REMEDY)
