"""Named modules: parts of a product, sub-devices and scripts with versions of their own, and the messages about them.

Limits are the stricter of device and platform: a name of 1 to 32 and a version of 1 to 63 letters, digits, ``.-_``, a
store path of 1 to 76 bytes, names unique without regard to case, 10 a product; ``default`` is the whole firmware. What
a device publishes has to fit its message buffer of 256 bytes, NUL included; a push is not put there.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from dataclasses import dataclass
from typing import Any, Dict, Optional, Sequence, Tuple

from aos_ota_plugin.device.limits import (
    MODULE_NAME_MAX,
    MQTT_MESSAGE_MAX,
    PACK_FOLDER_MAX,
    STORE_PATH_MAX,
    URL_MAX,
)
from aos_ota_plugin.device.version import check_version
from aos_ota_plugin.errors import FormatError, Place, SettingsError

DEFAULT = "default"
MODULES_MAX = 10
SIGN_METHODS = {"Md5": 32, "SHA256": 64}
"""The platform's signMethod, and how many hex digits its sign has."""
SIZE_MAX = 0xFFFF_FFFF
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_HEX = re.compile(r"[0-9a-fA-F]+")
_SIGNATURE_SIZE = 256


@dataclass(frozen=True)
class Module:
    """A module: its image is a file of the release; `store_path` is where the device keeps it, None for flash.

    With `unpacked` the image is a data-file pack, and `store_path` the folder that it is unpacked into. Raises
    SettingsError when a value does not fit the device's buffers or the platform's alphabet.
    """

    name: str
    version: str
    image: str
    store_path: Optional[str] = None
    unpacked: bool = False

    def __post_init__(self) -> None:
        check_module_name(self.name)
        check_version(self.version, field=f"the version of module {self.name}")
        if not self.image:
            raise SettingsError(f"module {self.name} has no image", remedy="name the file that the device gets")
        if self.unpacked and self.store_path is None:
            raise SettingsError(f"module {self.name} is a pack without a folder to unpack it into",
                                remedy="give it a store path")
        if self.store_path is not None:
            _check_store_path(self.name, self.store_path, PACK_FOLDER_MAX if self.unpacked else STORE_PATH_MAX)

    def to_document(self) -> Dict[str, Any]:
        """The module as a manifest says it."""
        return {"name": self.name, "version": self.version, "image": self.image, "store_path": self.store_path,
                "unpacked": self.unpacked}


@dataclass(frozen=True)
class PushMessage:
    """The upgrade message of the platform (topic ``/ota/device/upgrade/{pk}/{dn}``).

    `size` in bytes; `sign` is the whole file's digest in hex, of the length that `sign_method` has; `digestsign` a
    base64 RSA signature of 256 bytes. Raises FormatError when a value is not of its form or over the device's limits.
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
        """The message's bytes, without spaces, keys in the platform's order."""
        data = {"size": self.size, "version": self.version, "url": self.url, "signMethod": self.sign_method,
                "sign": self.sign, "md5": self.md5, "digestsign": self.digestsign, "module": self.module}
        document = {"code": "1000", "message": "success",
                    "data": {key: value for key, value in data.items() if value is not None}}
        return json.dumps(document, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def parse_push(data: bytes, *, file: str = "") -> PushMessage:
    """Read a push message; fields of its data that devices do not read are passed over.

    Raises:
        FormatError: not JSON, another code, a field missing, of the wrong type or out of its limits.
    """
    try:
        document = json.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        place = Place(file, getattr(error, "lineno", 0), getattr(error, "colno", 0)) if file else None
        raise FormatError("this is no push message: it is not JSON", place=place, remedy=_REMEDY) from None
    try:
        return _push(document)
    except FormatError as error:
        raise FormatError(error.problem, place=Place(file) if file else None, remedy=error.remedy) from None


def inform_message(version: str, module: Optional[str] = None) -> bytes:
    """What a device reports of itself or a module (topic ``/ota/device/inform/{pk}/{dn}``).

    Raises SettingsError for a version or name out of its limits.
    """
    check_version(version, field="version")
    params: Dict[str, Any] = {"version": version}
    if module is not None:
        check_module_name(module)
        params["module"] = module
    return _published(params)


def progress_message(step: int, desc: str = "") -> bytes:
    """How far an upgrade is: 0 to 100, or -1 upgrade, -2 download, -3 verify, -4 burn failed.

    Raises FormatError for another step, or a text that the device's buffer has no room for.
    """
    if not -4 <= step <= 100:
        raise FormatError(f"the step {step} is not -4 to 100", remedy="use 0 to 100, or -1 to -4 for a failure")
    return _published({"step": str(step), "desc": desc})


def check_module_name(name: str) -> None:
    """Raise SettingsError unless platform and device can hold this module name."""
    if not _NAME.fullmatch(name) or len(name) > MODULE_NAME_MAX:
        raise SettingsError(f"the module name {name[:80]!a} is not 1 to {MODULE_NAME_MAX} letters, digits, '.', '-' "
                            "and '_'", remedy="choose a name like front-panel")


def check_modules(modules: Sequence[Module]) -> None:
    """Raise SettingsError when modules of one product have one name, one store path, or are too many."""
    named = [module for module in modules if module.name.lower() != DEFAULT]
    if len(named) > MODULES_MAX:
        raise SettingsError(f"{len(named)} modules; the platform takes {MODULES_MAX} a product",
                            remedy="put several parts into one pack")
    for what, values in (("name", [module.name.lower() for module in modules]),
                         ("store path", [module.store_path for module in modules if module.store_path])):
        double = next((value for value in values if values.count(value) > 1), None)
        if double is not None:
            raise SettingsError(f"two modules have the {what} {double!a}; the platform does not see case in names"
                                if what == "name" else f"two modules have the {what} {double!a}",
                                remedy="give each module its own")


def parse_module(value: object) -> Module:
    """Read what ``Module.to_document`` made. Raises FormatError or SettingsError when it is something else."""
    if not isinstance(value, dict):
        raise FormatError("a module is not an object", remedy=_MODULE_REMEDY)
    texts: Tuple[Any, ...] = tuple(value.get(key) for key in ("name", "version", "image"))
    path, unpacked = value.get("store_path"), value.get("unpacked", False)
    if not all(isinstance(text, str) for text in texts) or not isinstance(unpacked, bool) or not (
            path is None or isinstance(path, str)):
        raise FormatError("a module lacks its name, version or image, or one of its fields has another type",
                          remedy=_MODULE_REMEDY)
    return Module(texts[0], texts[1], texts[2], path, unpacked)


_REMEDY = "give the message as the platform sent it to the device"
_MODULE_REMEDY = "give a manifest as the build wrote it"


def _push(document: object) -> PushMessage:
    if not isinstance(document, dict) or document.get("code") != "1000":
        raise _bad('its "code" is not "1000"')
    data = document.get("data")
    if not isinstance(data, dict):
        raise _bad('it has no "data"')
    size = data.get("size")
    if not isinstance(size, int) or isinstance(size, bool):
        raise _bad('"size" is not a number')
    texts: Dict[str, Any] = {}
    for key in ("version", "url", "signMethod", "sign", "md5", "digestsign", "module"):
        value = data.get(key)
        if not isinstance(value, str) and (value is not None or key in ("version", "url", "sign")):
            raise _bad(f'"{key}" is not a text')
        texts[key] = value
    method = texts["signMethod"] or "Md5"
    known = next((name for name in SIGN_METHODS if name.lower() == method.lower()), method)
    return PushMessage(size, texts["version"], texts["url"], known, texts["sign"], texts["md5"], texts["digestsign"],
                       texts["module"])


def _published(params: Dict[str, Any]) -> bytes:
    message = json.dumps({"id": 0, "params": params}, separators=(",", ":"), ensure_ascii=False)
    encoded = message.encode("utf-8", "replace")
    if len(encoded) > MQTT_MESSAGE_MAX:
        raise FormatError(f"this message has {len(encoded)} bytes; a device's buffer holds {MQTT_MESSAGE_MAX}",
                          remedy="shorten the description")
    return encoded


def _check_store_path(name: str, path: str, limit: int) -> None:
    problem = ""
    try:
        size = len(path.encode("utf-8"))
    except UnicodeEncodeError:
        size, problem = 0, "cannot be written in UTF-8"
    if size > limit:
        problem = f"has {size} bytes; a device keeps {limit}"
    elif not path.startswith("/"):
        problem = "is not absolute"
    elif any(part in (".", "..") for part in path.split("/")) or any(ord(char) < 32 for char in path):
        problem = "holds '.', '..' or a control character"
    if problem:
        raise SettingsError(f"the store path {path[:100]!a} of module {name} {problem}",
                            remedy="give a plain absolute path on the device, like /data/panel.bin")


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
