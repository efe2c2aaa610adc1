r"""Find the private half of a key in a file of any kind, such as firmware or a file system.

The public half tells what to look for: in a private key's DER (RFC 8017, A.1.2) the private exponent follows the
modulus and the public exponent, and in no public key does anything like it.

>>> from aos_ota_plugin.keys.rsa import PublicKey
>>> holds_private_half(b"firmware", PublicKey(3, 65537))
False
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, List

if TYPE_CHECKING:
    from aos_ota_plugin.keys.rsa import PublicKey

_LABEL = b"PRIVATE KEY-----"
_PEM_MAX = 8192
_NO_BASE64 = re.compile(rb"\\[nr]|[^A-Za-z0-9+/]")
_LONG_INTEGERS = (b"\x02\x81", b"\x02\x82")


def holds_private_half(data: bytes, key: PublicKey) -> bool:
    r"""Return whether the data holds the private key of a public one, not encrypted, as DER or PEM.

    PEM is found as ASCII and as UTF-16, with line ends of any kind and with ``\n`` spelt out.
    """
    start = key.n_bytes + b"\x02\x03" + key.e_bytes
    return _is_in(data, start) or any(
        _is_in(_decoded(data, at + len(label)), start)
        for label in (_LABEL, _LABEL.decode("ascii").encode("utf-16-le"))
        for at in _places(data, label)
    )


def _is_in(data: bytes, start: bytes) -> bool:
    return any(data[at + len(start) :][:2] in _LONG_INTEGERS for at in _places(data, start))


def _places(data: bytes, needle: bytes) -> List[int]:
    places: List[int] = []
    at = data.find(needle)
    while at >= 0:
        places.append(at)
        at = data.find(needle, at + 1)
    return places


def _decoded(data: bytes, at: int) -> bytes:
    """Return what the base64 behind a label holds, as far as it goes."""
    text = _NO_BASE64.sub(b"", data[at : at + _PEM_MAX].replace(b"\0", b"").split(b"-----")[0])
    try:
        return base64.b64decode(text[: len(text) // 4 * 4])
    except binascii.Error:
        return b""
