"""MQTT 3.1.1 CONNECT and CONNACK (OASIS MQTT 3.1.1, sections 3.1 and 3.2).

Big-endian. CONNECT: 0x10, remaining length (1 to 4 bytes of 7 bits), protocol name, level 4, flags, keep-alive in
seconds, then each with a 16-bit length: client id, will topic and message, user name, password.

>>> connack(BAD_LOGIN).hex()
'20020004'
>>> head_of(bytes([0x10, 0x8A, 0x01]))
Head(size=3, remaining=138)
"""

from __future__ import annotations

import struct
from typing import NamedTuple, Optional, Tuple

from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.protocol.login import Login

CONNECT_MAX = 4096
"""Bytes of the packet after its fixed header; a login of the platform has a few hundred."""
ACCEPTED = 0
UNAVAILABLE = 3
BAD_LOGIN = 4
_CONNECT = 0x10
_LEVEL = 4


class Head(NamedTuple):
    """The fixed header: its own size and the size of the rest, in bytes."""

    size: int
    remaining: int


def head_of(data: bytes) -> Optional[Head]:
    """Return the fixed header of a CONNECT; None while bytes of it are missing.

    Raises FormatError for another packet.
    """
    if data[:1] and data[0] != _CONNECT:
        raise FormatError(f"the first packet begins with 0x{data[0]:02x}: not CONNECT")
    remaining = 0
    for place, byte in enumerate(data[1:5]):
        remaining |= (byte & 0x7F) << 7 * place
        if not byte & 0x80:
            if remaining > CONNECT_MAX:
                raise FormatError(f"a CONNECT of {remaining} bytes")
            return Head(place + 2, remaining)
    if len(data) >= 5:
        raise FormatError("the remaining length has no end")
    return None


def login_in(body: bytes) -> Login:
    """Read client id, user name and password from the bytes after the fixed header.

    Raises FormatError.
    """
    try:
        return _login_in(body)
    except (struct.error, IndexError):
        raise FormatError("CONNECT ends early") from None
    except UnicodeDecodeError:
        raise FormatError("a text in CONNECT is not UTF-8") from None


def _login_in(body: bytes) -> Login:
    name, at = _field(body, 0)
    level, flags = body[at], body[at + 1]
    if name != b"MQTT" or level != _LEVEL:
        raise FormatError(f"protocol {name[:10]!r} {level}; the platform speaks MQTT 3.1.1")
    client_id, at = _field(body, at + 4)
    if flags & 0x04:
        _, at = _field(body, at)
        _, at = _field(body, at)
    user, password = b"", b""
    if flags & 0x80:
        user, at = _field(body, at)
    if flags & 0x40:
        password, at = _field(body, at)
    if at != len(body):
        raise FormatError(f"{len(body) - at} bytes follow CONNECT's last field")
    return Login(client_id.decode("utf-8"), user.decode("utf-8"), password.decode("utf-8"))


def _field(body: bytes, at: int) -> Tuple[bytes, int]:
    (size,) = struct.unpack_from(">H", body, at)
    end = at + 2 + size
    if end > len(body):
        raise FormatError("CONNECT ends early")
    return body[at + 2 : end], end


def connack(code: int) -> bytes:
    """Return CONNACK without a session, with a return code of MQTT 3.1.1."""
    return bytes((0x20, 2, 0, code))
