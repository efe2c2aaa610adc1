"""The download server of devices: HTTP and HTTPS on one port, Range requests, faults.

One port for both, because the vendor's agent takes the ``s`` off an ``https`` address unless it was built otherwise.
"""

from __future__ import annotations

import itertools
import ssl
import time
from pathlib import Path
from typing import Any, Callable, Iterator, Optional

from aos_ota_plugin.cloud.faults import Fate, Faults, fate_of
from aos_ota_plugin.cloud.http_service import Handler, Service
from aos_ota_plugin.cloud.image_url import Span, read_range, read_url

_CHUNK = 16384


class ImageServer(Service):
    """A server of the files in `folder`, named by their SHA-256, at addresses signed with `key`."""

    def __init__(
        self, port: int, context: Optional[ssl.SSLContext], folder: Path, key: bytes, *, clock: Callable[[], float]
    ) -> None:
        self.folder = folder
        self.key = key
        self.clock = clock
        self.faults = Faults()
        self.numbers = itertools.count()
        super().__init__(port, _ImageHandler, context)

    def find(self, start: str) -> Optional[Path]:
        """Return the image whose SHA-256 begins with `start` (16 or more hex digits), or None."""
        if len(start) < 16 or not all(digit in "0123456789abcdef" for digit in start):
            return None
        return next(iter(self.folder.glob(f"{start}*")), None)


class _ImageHandler(Handler):
    server: ImageServer

    def do_GET(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def _serve(self) -> None:
        request = read_url(self.path, self.server.clock(), self.server.key)
        path = None if request.problem else self.server.find(request.sha256_start)
        if path is None:
            self.refuse(403 if request.problem else 404, request.problem or "no such image")
            return
        faults = self.server.faults
        size = path.stat().st_size
        span = read_range(None if faults.ignore_range else self.headers.get("Range"), size)
        if span is None:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{size}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        fate = fate_of(faults, next(self.server.numbers), span.end - span.start)
        time.sleep(faults.delay)
        if fate.is_error:
            self.refuse(503, "come back later")
            return
        self._headers(span, size)
        if self.command == "GET":
            self._body(path, span, faults, fate)

    def _headers(self, span: Span, size: int) -> None:
        part = span != Span(0, size)
        self.send_response(206 if part else 200)
        if part:
            self.send_header("Content-Range", f"bytes {span.start}-{span.end - 1}/{size}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(span.end - span.start))
        self.end_headers()

    def _body(self, path: Path, span: Span, faults: Faults, fate: Fate) -> None:
        sent = 0
        with path.open("rb") as stream:
            stream.seek(span.start)
            for chunk in _chunks(stream, span.end - span.start, faults.rate):
                data = _flipped(chunk, fate.flip_bit, sent)
                if fate.cut_after is not None and sent + len(data) > fate.cut_after:
                    self.wfile.write(data[: fate.cut_after - sent])
                    self.close_connection = True
                    return
                self.wfile.write(data)
                sent += len(data)
                if faults.rate:
                    time.sleep(len(data) / faults.rate)


def _chunks(stream: Any, size: int, rate: int) -> Iterator[bytes]:
    """Yield pieces of a file; with a `rate` in bytes per second, about twenty per second."""
    piece = max(min(_CHUNK, rate // 20), 64) if rate else _CHUNK
    while size:
        data = stream.read(min(piece, size))
        if not data:
            return
        size -= len(data)
        yield data


def _flipped(data: bytes, bit: Optional[int], sent: int) -> bytes:
    """Return the data with bit number `bit` of the answer flipped, if `data` contains it."""
    if bit is None or not sent <= bit // 8 < sent + len(data):
        return data
    changed = bytearray(data)
    changed[bit // 8 - sent] ^= 1 << bit % 8
    return bytes(changed)
