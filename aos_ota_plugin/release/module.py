"""Named modules: parts of a product, sub-devices and scripts with versions of their own, and the messages about them.

Limits are the stricter of device and platform: a name of 1 to 32 and a version of 1 to 63 letters, digits, ``.-_``, a
store path of 1 to 76 bytes, names unique without regard to case, 10 a product; ``default`` is the whole firmware. A
device looks a pushed name up with ``strncmp(pushed, registered, strlen(pushed))`` (``ota_get_module_information``), so
no name may be the beginning of another. What a device publishes has to fit its message buffer of 256 bytes, NUL
included; a push is not put there.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Dict, Optional, Protocol, Sequence

from aos_ota_plugin import unique_json
from aos_ota_plugin.device.limits import (
    MODULE_NAME_MAX,
    MQTT_MESSAGE_MAX,
    PACK_FOLDER_MAX,
    STORE_PATH_MAX,
    URL_MAX,
)
from aos_ota_plugin.device.version import check_version
from aos_ota_plugin.errors import FormatError, Place, SettingsError

if TYPE_CHECKING:
    from aos_ota_plugin.release.manifest import Artifact

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
    """A module of a release and its file; `store_path` is where a device keeps it, None where its program decides.

    The kind of `image` is ``file`` (sent as it is), ``pack`` (a data-file pack) or ``full``: an image for the OTA
    partition, with a trailer of this `image_magic`. With `unpacked` it is a pack, and `store_path` the folder that it
    is unpacked into. Raises SettingsError when a value does not fit the device's buffers or the platform's alphabet.
    """

    name: str
    version: str
    image: Artifact
    store_path: Optional[str] = None
    unpacked: bool = False
    image_magic: Optional[str] = None

    def __post_init__(self) -> None:
        check_module_name(self.name)
        check_version(self.version, field=f"the version of module {self.name}")
        if self.unpacked and self.store_path is None:
            raise SettingsError(f"module {self.name} is a pack without a folder to unpack it into",
                                remedy="give it a store path")
        if self.store_path is not None:
            check_store_path(self.name, self.store_path, unpacked=self.unpacked)


class Named(Protocol):
    """What modules of one product must not share."""

    @property
    def name(self) -> str:
        """The module's name."""

    @property
    def store_path(self) -> Optional[str]:
        """Where a device keeps its file."""


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

    Devices (cJSON's ``cJSON_GetObjectItem``) take the first of fields of one name, and do not see case in names; so no
    two may be alike.

    Raises:
        FormatError: not JSON, two fields of one name, another code, a field missing, of the wrong type or out of its
            limits.
    """
    try:
        document = unique_json.loads(data, file, ignore_case=True)
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


def needs_digestsign(module: Module, security: str) -> bool:
    """Whether devices take this module only from a push message with a signature (``ota_verify_fsfile``)."""
    return security == "local" and module.image.kind != "full"


def check_modules(modules: Sequence[Named], places: Sequence[Place] = ()) -> None:
    """Raise SettingsError when modules of one product are too many, or a device or the platform would mix two up.

    `places` says where each stands. The firmware itself, ``default``, is none of the modules.
    """
    if len(modules) > MODULES_MAX:
        raise SettingsError(f"{len(modules)} modules; the platform takes {MODULES_MAX} a product",
                            place=places[MODULES_MAX] if places else None, remedy="put several parts into one pack")
    for number, module in enumerate(modules):
        place = places[number] if places else None
        problem = _mixed_up(module.name, DEFAULT)
        if problem:
            raise SettingsError(f"{problem}; that is the whole firmware", place=place,
                                remedy="give the module another name")
        for earlier, other in enumerate(modules[:number]):
            problem = _mixed_up(module.name, other.name) or _one_path(module, other)
            if problem:
                raise SettingsError(problem, place=place, remedy="give each module its own" + (
                    f"; the other one stands at {places[earlier]}" if places else ""))


def _mixed_up(name: str, other: str) -> str:
    if name.lower() == other.lower():
        return f"the module name {name} is taken; the platform does not see case in names"
    short, long = sorted((name, other), key=len)
    if long.startswith(short):
        return (f"the module name {name} and the name {other} begin alike: devices compare no more than the shorter "
                f"one, so an update of {short} could end up in the place of {long}")
    return ""


def _one_path(module: Named, other: Named) -> str:
    if module.store_path is None or other.store_path is None:
        return ""
    alike = module.store_path.rstrip("/") == other.store_path.rstrip("/")
    return f"the modules {other.name} and {module.name} have the store path {module.store_path!a}" if alike else ""


_REMEDY = "give the message as the platform sent it to the device"


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


def check_store_path(name: str, path: str, *, unpacked: bool) -> None:
    """Raise SettingsError unless a device's buffers hold this path of module `name`: 76 bytes, a pack's folder 64."""
    limit = PACK_FOLDER_MAX if unpacked else STORE_PATH_MAX
    parts = path.split("/")[1:]
    problem = ""
    try:
        size = len(path.encode("utf-8"))
    except UnicodeEncodeError:
        size, problem = 0, "cannot be written in UTF-8"
    if size > limit:
        problem = f"has {size} bytes; a device keeps {limit}"
    elif not path.startswith("/"):
        problem = "is not absolute"
    elif any(part in (".", "..") for part in parts) or any(ord(char) < 32 or ord(char) == 127 for char in path):
        problem = "holds '.', '..' or a control character"
    elif "" in parts[:-1]:
        problem = "has an empty part between slashes"
    elif not parts[-1] and not unpacked:
        problem = "is a folder's, and the file needs a name"
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
