"""Read a push message as a device does.

The vendor's device compares only the beginning of ``message`` and ``signMethod``, and cuts texts that are too long. It
looks at the fields in the order below; where a text is expected and another value stands, it reads from a null pointer.
A hardened device (our demo) refuses what does not fit exactly, and never cuts.

===============  ==================================================  ==================================================
field            the vendor's device                                 a hardened device
===============  ==================================================  ==================================================
message          begins with ``success``                             is ``success``
data.url         is there; 255 bytes are kept                        at most 255 bytes
data.module      32 bytes are kept; without: the firmware            at most 32 bytes; without: the firmware
data.version     is there; 63 bytes are kept                         at most 63 bytes
data.signMethod  begins with MD5 or SHA256, in any case              is MD5 or SHA256, in any case
  and sign       is there and not empty; 65 bytes are kept           has exactly 32 or 64 bytes
  without it     ``md5`` is taken, and ``sign`` never read           the same, with exactly 32 bytes
data.size        is there; 32 bits of it, 0 for what is no number    a number over 0
data.digestsign  without, or base64 of at most 256 bytes;            the same, in whole groups of four without
                 letters behind the last whole four are dropped      line ends
===============  ==================================================  ==================================================

From ``ota_sevice_parse_msg`` in ``ota_transport_mqtt.c``, and cJSON's reading (`device.cjson`).

>>> read_push(b'{"message": "failed"}', hardened=False).detail
'message does not begin with success'
"""

from __future__ import annotations

import base64
import re
from typing import NamedTuple, Optional, Tuple, Union

from aos_ota_plugin.device import limits
from aos_ota_plugin.device.cjson import Item, read_json
from aos_ota_plugin.device.verdicts import DeviceVerdict, Finding, Push

SUCCESS = b"success"
SIGN_BUFFER = 256
_HASH_BUFFER = 65
_DIGITS = {"MD5": 32, "SHA256": 64}
_UNSIGNED = 1 << 32


class ReceivedPush(NamedTuple):
    """What a device holds after it has read a push message. ``module`` is None for the firmware."""

    push: Push
    url: str
    version: str
    module: Optional[str]


class _Refused(Exception):  # noqa: N818 - the device's answer, not a fault of ours
    """The end of the reading, with the device's answer."""

    def __init__(self, detail: str, verdict: DeviceVerdict = DeviceVerdict.OTA_TRANSPORT_PAR_FAIL) -> None:
        super().__init__(detail)
        self.finding = Finding("push", False, verdict, detail)


def read_push(text: bytes, *, hardened: bool) -> Union[ReceivedPush, Finding]:
    """Return what a device takes from a message, or its refusal.

    That is OTA_TRANSPORT_PAR_FAIL, or a fault of the vendor's device. Never raises.
    """
    try:
        root = read_json(text)
        if root is None:
            raise _Refused("this is not JSON")
        return _Fields(root, hardened=hardened).read()
    except _Refused as refused:
        return refused.finding


def decode_digestsign(text: str) -> Optional[bytes]:
    """Decode a push's digestsign as devices do; return None where they refuse the message.

    Line feeds are ignored, a carriage return only before one. Padding is required: without it a whole signature
    counts as 257 bytes and is refused. Characters after the last whole group of four are dropped.
    """
    symbols = text.replace("\r\n", "").replace("\n", "")
    if not re.fullmatch(r"[A-Za-z0-9+/]*={0,2}", symbols):
        return None
    if (len(symbols) * 6 + 7 >> 3) - symbols.count("=") > SIGN_BUFFER:
        return None
    return base64.b64decode(symbols[: len(symbols) // 4 * 4])


class _Fields:
    def __init__(self, root: Item, *, hardened: bool) -> None:
        self._root = root
        self._hardened = hardened

    def read(self) -> ReceivedPush:
        """Read the fields in the device's order. Raises _Refused."""
        message = self._text(self._root, "message")
        if message is None:
            raise _Refused("it has no message")
        if message != SUCCESS if self._hardened else not message.startswith(SUCCESS):
            raise _Refused(f"message {'is not' if self._hardened else 'does not begin with'} success")
        data = self._root.member("data")
        if data is None:
            raise _Refused("it has no data")
        url = self._kept(data, "url", limits.URL_MAX)
        if url is None:
            raise _Refused("it has no url")
        module = self._kept(data, "module", limits.MODULE_NAME_MAX)
        version = self._kept(data, "version", limits.VERSION_MAX)
        if version is None:
            raise _Refused("it has no version")
        method, digest = self._hash(data)
        size = self._size(data)
        signature = self._signature(data)
        push = Push(size, method, digest, signature, has_url=bool(url))
        return ReceivedPush(push, _shown(url), _shown(version), None if module is None else _shown(module))

    def _text(self, parent: Item, name: str) -> Optional[bytes]:
        """Return a text, None where it is not there."""
        item = parent.member(name)
        if item is None:
            return None
        if item.valuestring is None:
            if self._hardened:
                raise _Refused(f"{name} is no text")
            raise _Refused(
                f"{name} is no text: the device reads from a null pointer, and crashes", DeviceVerdict.DEVICE_FAULT
            )
        return item.valuestring

    def _kept(self, data: Item, name: str, most: int) -> Optional[bytes]:
        text = self._text(data, name)
        if text is not None and self._hardened and len(text) > most:
            raise _Refused(f"{name} has {len(text)} bytes; a device keeps {most}")
        return None if text is None else text[:most]

    def _hash(self, data: Item) -> Tuple[str, str]:
        """Return the method and the digest, in capitals."""
        named = self._text(data, "signMethod")
        method, field = "MD5", "md5"
        if named is not None:
            field = "sign"
            capitals = _capitals(named)
            found = next((name for name in _DIGITS if self._is_method(capitals, name)), None)
            if found is None:
                raise _Refused("signMethod is neither MD5 nor SHA256")
            method = found
        digest = self._text(data, field)
        if not digest:
            raise _Refused(
                f"{field} is {'not there' if digest is None else 'empty'}"
                + ("" if named is not None else ", and without signMethod the device takes md5 alone")
            )
        if self._hardened and len(digest) != _DIGITS[method]:
            raise _Refused(f"{field} has {len(digest)} bytes, not {_DIGITS[method]}")
        return method, _capitals(digest[:_HASH_BUFFER])

    def _is_method(self, capitals: str, name: str) -> bool:
        return capitals == name if self._hardened else capitals.startswith(name)

    def _size(self, data: Item) -> int:
        item = data.member("size")
        if item is None:
            raise _Refused("it has no size")
        if self._hardened and not (item.is_number and item.valueint > 0):
            raise _Refused("size is no number over 0")
        return item.valueint % _UNSIGNED

    def _signature(self, data: Item) -> Optional[str]:
        text = self._text(data, "digestsign")
        if text is None:
            return None
        signature = text.decode("latin-1")
        whole = re.fullmatch(r"(?:[A-Za-z0-9+/]{4}){0,85}(?:[A-Za-z0-9+/]{2}(?:==|[A-Za-z0-9+/]=))?", signature)
        if decode_digestsign(signature) is None or (self._hardened and not whole):
            raise _Refused("digestsign is not the padded base64 of at most 256 bytes")
        return signature


def _capitals(text: bytes) -> str:
    """Return a text with its ASCII letters in capitals, as the device compares it."""
    return text.upper().decode("latin-1")


def _shown(text: bytes) -> str:
    return text.decode("utf-8", "backslashreplace")
