"""The address of an image: a name, a time until when it is good, and a proof that we gave it out. And byte ranges."""

from __future__ import annotations

import hmac
import re
from typing import NamedTuple, Optional
from urllib.parse import parse_qs, quote, unquote, urlsplit

_SIGNATURE_DIGITS = 32
_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)


def make_url(base: str, sha256: str, file: str, expires: int, key: bytes) -> str:
    """Return ``{base}/{sha256}/{file}?Expires=…&Signature=…``; `expires` in seconds since 1970."""
    path = f"/{sha256[:16]}/{quote(file)}"
    return f"{base}{path}?Expires={expires}&Signature={_signature(path, expires, key)}"


class Asked(NamedTuple):
    """Which image is asked for; `problem` says why not."""

    sha256_start: str
    problem: Optional[str] = None


def read_url(target: str, now: float, key: bytes) -> Asked:
    """Check a request's target, whatever is in it."""
    try:
        parts = urlsplit(target)
        query = parse_qs(parts.query)
        expires = int(query["Expires"][0][:20])
        signature = query["Signature"][0]
    except (ValueError, KeyError):
        return Asked("", "the address has no Expires and Signature")
    if not hmac.compare_digest(signature.encode(), _signature(parts.path, expires, key).encode()):
        return Asked("", "the address was not given out by this cloud")
    if expires < now:
        return Asked("", "the address is no longer good")
    return Asked(unquote(parts.path).split("/")[1])


def _signature(path: str, expires: int, key: bytes) -> str:
    return hmac.new(key, f"{path}\n{expires}".encode(), "sha256").hexdigest()[:_SIGNATURE_DIGITS]


class Span(NamedTuple):
    """Bytes `start` up to and without `end`."""

    start: int
    end: int


def read_range(header: Optional[str], size: int) -> Optional[Span]:
    """Return the span that a Range header asks of a file of `size` bytes; the whole file for none, several or odd ones.

    None where no byte of it is in the file (416).
    """
    found = _RANGE.fullmatch(header.strip()) if header else None
    if found is None or found.group(1) == found.group(2) == "":
        return Span(0, size)
    first, last = found.groups()
    if not first:
        return Span(max(size - int(last), 0), size) if int(last) and size else None
    start = int(first)
    end = min(int(last) + 1, size) if last else size
    if last and int(last) < start:
        return Span(0, size)
    return Span(start, end) if start < size else None
