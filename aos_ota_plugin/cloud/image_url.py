"""Signed, expiring addresses of images, and byte ranges (RFC 9110, section 14).

>>> url = make_url("https://cloud", "ab" * 32, "ota.bin", expires=100, key=b"key")
>>> read_url(url, now=99, key=b"key")
ImageRequest(sha256_start='abababababababab', problem=None)
>>> read_range("bytes=10-19", size=100)
Span(start=10, end=20)
"""

from __future__ import annotations

import hmac
import re
from typing import NamedTuple, Optional
from urllib.parse import parse_qs, quote, unquote, urlsplit

_SIGNATURE_DIGITS = 32
_POSITION_DIGITS = 18
_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)


def make_url(base: str, sha256: str, file: str, expires: int, key: bytes) -> str:
    """Return ``{base}/{sha256}/{file}?Expires=…&Signature=…``; `expires` in seconds since 1970."""
    path = f"/{sha256[:16]}/{quote(file)}"
    return f"{base}{path}?Expires={expires}&Signature={_signature(path, expires, key)}"


class ImageRequest(NamedTuple):
    """A request for an image; `problem` says why it is refused."""

    sha256_start: str
    problem: Optional[str] = None


def read_url(target: str, now: float, key: bytes) -> ImageRequest:
    """Read and check a request's target; `now` in seconds since 1970. Raises nothing."""
    try:
        parts = urlsplit(target)
        query = parse_qs(parts.query)
        expires = int(query["Expires"][0][:20])
        signature = query["Signature"][0]
    except (ValueError, KeyError):
        return ImageRequest("", "the address has no Expires and Signature")
    if not hmac.compare_digest(signature.encode(), _signature(parts.path, expires, key).encode()):
        return ImageRequest("", "the address was not given out by this cloud")
    if expires < now:
        return ImageRequest("", "the address is no longer good")
    return ImageRequest(unquote(parts.path).split("/")[1])


def _signature(path: str, expires: int, key: bytes) -> str:
    return hmac.new(key, f"{path}\n{expires}".encode(), "sha256").hexdigest()[:_SIGNATURE_DIGITS]


class Span(NamedTuple):
    """The bytes from `start` up to, not including, `end`."""

    start: int
    end: int


def read_range(header: Optional[str], size: int) -> Optional[Span]:
    """Return the span that a Range header requests from a file of `size` bytes.

    Without a header, with several ranges or a malformed one it is the whole file; None (status 416) when the range is
    outside the file.
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or match.group(1) == match.group(2) == "":
        return Span(0, size)
    first, last = match.groups()
    if not first:
        return Span(max(size - _position(last), 0), size) if _position(last) and size else None
    start = _position(first)
    end = min(_position(last) + 1, size) if last else size
    if last and _position(last) < start:
        return Span(0, size)
    return Span(start, end) if start < size else None


def _position(digits: str) -> int:
    """Return a position in a file; more digits than any file has bytes are not read, but beyond its end."""
    digits = digits.lstrip("0")
    return int(digits or "0") if len(digits) <= _POSITION_DIGITS else 10**_POSITION_DIGITS
