"""Reading a signature in the forms in which tools write it: raw, hexadecimal or base64."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Optional

from aos_ota_plugin.errors import Place, SigningKeyError
from aos_ota_plugin.files.read import decode_text
from aos_ota_plugin.keys.rsa import SIGNATURE_SIZE

_HEX = re.compile(rb"[0-9A-Fa-f]{%d}" % (2 * SIGNATURE_SIZE))
_BASE64 = re.compile(rb"[0-9A-Za-z+/]{342}==")
MAX_SIZE = 4096
"""Bytes; each form of a signature is shorter, line ends included, also as UTF-16 or UTF-32."""


def decode_signature(data: bytes, *, what: str, place: Optional[Place] = None) -> bytes:
    """Return the 256 bytes of a signature from its raw bytes, hexadecimal digits or base64.

    The three forms differ in length. Text may be in any encoding that editors save, and white space in it is skipped.
    ``what`` names the data in the error. Raises SigningKeyError.
    """
    if len(data) == SIGNATURE_SIZE:
        return data
    text = _ascii(data) if len(data) <= MAX_SIZE else b""
    if _HEX.fullmatch(text):
        return bytes.fromhex(text.decode("ascii"))
    if _BASE64.fullmatch(text):
        try:
            return base64.b64decode(text, validate=True)
        except binascii.Error:
            pass
    raise SigningKeyError(
        f"{what} of {len(data)} bytes is not an RSA-2048 signature",
        place=place,
        remedy=f"it has to be the {SIGNATURE_SIZE} bytes themselves, {2 * SIGNATURE_SIZE} hexadecimal digits or base64",
    )


def _ascii(data: bytes) -> bytes:
    """Return a text as ASCII without white space; "" of other data."""
    try:
        return b"".join(decode_text(data).encode("ascii").split())
    except UnicodeError:
        return b""
