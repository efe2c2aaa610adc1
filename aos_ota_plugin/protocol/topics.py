"""The topics between devices and the platform, and the messages that devices publish on them.

A device's own topics end in ``{product key}/{device name}``:

=============================  ========  ===============================================================
``/ota/device/inform``         device →  ``{"id":0,"params":{"version":"…"[,"module":"…"]}}``
``/ota/device/upgrade``        → device  the push (``protocol.push.PushMessage``)
``/ota/device/progress``       device →  ``{"id":1,"params":{"step": "0…100 or -1…-4","desc":"…"[,"module":"…"]}}``
``/ext/session/…/combine/…``   both      a gateway logs a sub-device in: ``login``, ``login_reply``
=============================  ========  ===============================================================

>>> read_message(inform_topic("a1", "lamp"), b'{"id":0,"params":{"version":"app-1.0.0"}}')
Inform(product_key='a1', device_name='lamp', module='default', version='app-1.0.0')
"""

from __future__ import annotations

import hmac
import json
import re
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union

from aos_ota_plugin.device.limits import DEVICE_NAME_MAX, MODULE_NAME_MAX, MQTT_MESSAGE_MAX, PRODUCT_KEY_MAX
from aos_ota_plugin.device.version import is_valid
from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.protocol.login import SIGN_METHODS, Identity, login_password
from aos_ota_plugin.protocol.module_names import DEFAULT
from aos_ota_plugin.protocol.strict_json import read_object

MESSAGE_MAX = 4096
"""Bytes of the longest message that the platform reads; devices' own have up to 255, a gateway's login more."""
_REQUEST_MAX, _METHOD_MAX, _TIMESTAMP_MAX = 40, 20, 20
_SUB_TEXTS = {"productKey": PRODUCT_KEY_MAX, "deviceName": DEVICE_NAME_MAX, "clientId": 64, "sign": 64}
"""Characters of the texts in a sub-device's login; a sign has at most the 64 digits of SHA-256."""
_STEP = re.compile(r"-?[0-9]{1,3}")
_TOPIC_PARTS = 6  # "", ota, device, verb, product key, device name
_SESSION_PARTS = 7  # "", ext, session, product key, device name, combine, verb


class Inform(NamedTuple):
    """A device's report of the version of one module."""

    product_key: str
    device_name: str
    module: str
    version: str


class Progress(NamedTuple):
    """A device's report of how far an upgrade is.

    `step` is 0 to 100, or -1 upgrade, -2 download, -3 verify, -4 burn failed. `module` is None where the device does
    not say which one: the vendor's agent names no module for the firmware, and "" when it could not read a push.
    """

    product_key: str
    device_name: str
    module: Optional[str]
    step: int
    desc: str


class SubLogin(NamedTuple):
    """A gateway's login of a sub-device; `sign` is the password of the sub-device's own login."""

    product_key: str
    device_name: str
    request: str
    sub: Identity
    client: str
    method: str
    timestamp: Optional[str]
    sign: str

    def __repr__(self) -> str:
        return f"SubLogin({self.product_key!r}, {self.device_name!r}, {self.sub!r})"


def inform_topic(product_key: str, device_name: str) -> str:
    """Return the topic on which a device reports versions."""
    return f"/ota/device/inform/{product_key}/{device_name}"


def upgrade_topic(product_key: str, device_name: str) -> str:
    """Return the topic on which a device receives push messages."""
    return f"/ota/device/upgrade/{product_key}/{device_name}"


def progress_topic(product_key: str, device_name: str) -> str:
    """Return the topic on which a device reports progress."""
    return f"/ota/device/progress/{product_key}/{device_name}"


def session_topic(product_key: str, device_name: str, verb: str) -> str:
    """Return the topic of a gateway's logins of sub-devices; `verb` is ``login`` or ``login_reply``."""
    return f"/ext/session/{product_key}/{device_name}/combine/{verb}"


READ_BY_PLATFORM = ("/ota/device/inform/+/+", "/ota/device/progress/+/+", "/ext/session/+/+/combine/login")


def access_of(product_key: str, device_name: str, subs: List[str]) -> List[str]:
    """Return the lines of mosquitto's access list for one device: its own topics and its sub-devices'.

    `subs` are the ends of its sub-devices' topics, ``{product key}/{device name}``.
    """
    own = f"{product_key}/{device_name}"
    lines = [f"user {device_name}&{product_key}"]
    for end in (own, *subs):
        lines += [
            f"topic write /ota/device/inform/{end}",
            f"topic write /ota/device/progress/{end}",
            f"topic read /ota/device/upgrade/{end}",
        ]
    if subs:
        lines += [f"topic write /ext/session/{own}/combine/login", f"topic read /ext/session/{own}/combine/login_reply"]
    return lines


def device_of(topic: str) -> Tuple[str, str]:
    """Return product key and name of the device that publishes to a topic. Raises FormatError."""
    return _topic_parts(topic)[1:]


def read_message(topic: str, payload: bytes) -> Union[Inform, Progress, SubLogin]:
    """Read a message that a device published, and check all of it.

    Raises:
        FormatError: topic or bytes are not those of an inform, a progress or a sub-device's login.
    """
    verb, product_key, device_name = _topic_parts(topic)
    params, request = _params(payload)
    if verb == "login":
        return _sub_login(product_key, device_name, params, request)
    module = params.get("module")
    if verb == "progress" and module == "":
        module = None
    if module is not None and (not isinstance(module, str) or not is_valid(module) or len(module) > MODULE_NAME_MAX):
        raise FormatError('"module" is no name')
    if verb == "inform":
        version = params.get("version")
        if not isinstance(version, str) or not is_valid(version):
            raise FormatError('"version" is not 1 to 63 letters, digits, ".", "-" and "_"')
        return Inform(product_key, device_name, module or DEFAULT, version)
    desc = _text(params, "desc", MQTT_MESSAGE_MAX) or ""
    return Progress(product_key, device_name, module, _step(params.get("step")), desc)


def login_reply(login: SubLogin, identity: Optional[Identity]) -> bytes:
    """Return the answer to a gateway; `identity` is None where the sub-device is not one of the gateway's."""
    accepted = (
        identity is not None
        and login.method in SIGN_METHODS
        and hmac.compare_digest(
            login.sign.lower().encode(), login_password(identity, login.client, login.method, login.timestamp).encode()
        )
    )
    refusal = "the sub-device is not one of this gateway's, or its sign is wrong"
    code, text = (200, "success") if accepted else (460, refusal)
    return json.dumps({"id": login.request, "code": code, "message": text, "data": ""}).encode()


def _topic_parts(topic: str) -> Tuple[str, str, str]:
    """Return verb, product key and device name. Raises FormatError."""
    parts = topic.split("/")
    if len(parts) == _SESSION_PARTS and parts[:3] == ["", "ext", "session"] and parts[5:] == ["combine", "login"]:
        return "login", parts[3], parts[4]
    if len(parts) != _TOPIC_PARTS or parts[:3] != ["", "ota", "device"] or parts[3] not in ("inform", "progress"):
        raise FormatError(f"the topic {topic[:120]!a} is not one that devices publish to")
    return parts[3], parts[4], parts[5]


def _params(payload: bytes) -> Tuple[Dict[str, Any], str]:
    if len(payload) > MESSAGE_MAX:
        raise FormatError(f"a message of {len(payload)} bytes")
    document = read_object(payload.rstrip(b"\0"))
    params = document.get("params")
    if not isinstance(params, dict):
        raise FormatError('the message has no "params"')
    return params, _text_or_number(document, "id", _REQUEST_MAX) or ""


def _step(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, str)) or not _STEP.fullmatch(str(value)):
        raise FormatError('"step" is no number')
    step = int(value)
    if not -4 <= step <= 100:
        raise FormatError(f'"step" is {step}, not -4 to 100')
    return step


def _text(params: Dict[str, Any], name: str, most: int) -> Optional[str]:
    """Return a text of at most `most` characters, None where it is missing or null."""
    value = params.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise FormatError(f'"{name}" is no text')
    if len(value) > most:
        raise FormatError(f'"{name}" has {len(value)} characters; {most} are the most')
    return value


def _text_or_number(params: Dict[str, Any], name: str, most: int) -> Optional[str]:
    value = params.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _text(params, name, most)


def _sub_login(product_key: str, device_name: str, params: Dict[str, Any], request: str) -> SubLogin:
    texts = {name: _text(params, name, most) for name, most in _SUB_TEXTS.items()}
    for name, value in texts.items():
        if not value:
            raise FormatError(f'"{name}" is no text')
    return SubLogin(
        product_key,
        device_name,
        request,
        Identity(str(texts["productKey"]), str(texts["deviceName"]), ""),
        str(texts["clientId"]),
        (_text(params, "signMethod", _METHOD_MAX) or "").lower(),
        _text_or_number(params, "timestamp", _TIMESTAMP_MAX),
        str(texts["sign"]),
    )
