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
from typing import TYPE_CHECKING, Iterator

if TYPE_CHECKING:
    from aos_ota_plugin.keys.rsa import PublicKey

_LABELS = tuple(
    ("PRIVATE KEY-----".encode(encoding), "-----".encode(encoding))
    for encoding in ("ascii", "utf-16-le", "utf-32-le", "utf-16-be", "utf-32-be")
)
_PEM_MAX = 8192
_NO_BASE64 = re.compile(rb"\\[nr]|[^A-Za-z0-9+/]")
_LONG_INTEGERS = (b"\x02\x81", b"\x02\x82")


def holds_private_half(data: bytes, key: PublicKey) -> bool:
    r"""Return whether the data holds the private key of a public one, not encrypted, as DER or PEM.

    PEM is found in ASCII, UTF-16 and UTF-32, with line ends of any kind and with ``\n`` spelt out.
    """
    start = key.n_bytes + b"\x02\x03" + key.e_bytes
    return _is_in(data, start) or any(
        _is_in(_decoded(data, at + len(label), dashes), start)
        for label, dashes in _LABELS
        for at in _places(data, label)
    )


def _is_in(data: bytes, start: bytes) -> bool:
    return any(data.startswith(_LONG_INTEGERS, at + len(start)) for at in _places(data, start))


def _places(data: bytes, needle: bytes) -> Iterator[int]:
    at = data.find(needle)
    while at >= 0:
        yield at
        at = data.find(needle, at + len(needle))


def _decoded(data: bytes, at: int, dashes: bytes) -> bytes:
    """Return what the base64 behind a label holds, up to the next label."""
    end = data.find(dashes, at, at + _PEM_MAX)
    if end == at:
        return b""
    text = _NO_BASE64.sub(b"", data[at : end if end > 0 else at + _PEM_MAX].replace(b"\0", b""))
    try:
        return base64.b64decode(text[: len(text) // 4 * 4])
    except binascii.Error:
        return b""
