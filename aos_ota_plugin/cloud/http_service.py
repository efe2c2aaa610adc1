"""The base of both HTTP servers: 127.0.0.1, one thread per connection, `stop` closes connections."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Optional, Set, Tuple, Type

from aos_ota_plugin.errors import OutputError

IDLE_SECONDS = 30.0
_TLS_HANDSHAKE = 0x16


class Service(ThreadingHTTPServer):
    """An HTTP server that runs until `stop`.

    With a `context`, connections that begin with a TLS handshake are TLS, others plain HTTP. `on_fault` gets what a
    request raised that nobody foresaw; it ends the connection only.
    """

    on_fault: Callable[[Exception], None] = staticmethod(lambda _error: None)

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 1024

    def __init__(
        self, port: int, handler: Type[BaseHTTPRequestHandler], context: Optional[ssl.SSLContext] = None
    ) -> None:
        self._context = context
        self._open: Set[socket.socket] = set()
        self._guard = threading.Lock()
        try:
            super().__init__(("127.0.0.1", port), handler)
        except OSError as error:
            raise OutputError(
                f"cannot listen on 127.0.0.1:{port}: {error.strerror or error}",
                remedy="end what uses that port, or choose another",
            ) from None
        self.port = int(self.server_address[1])
        self._thread = threading.Thread(target=self.serve_forever, args=(0.1,), name=f"http-{self.port}", daemon=True)
        self._thread.start()

    def is_alive(self) -> bool:
        """Return whether its thread runs."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Stop listening and close all connections."""
        self.shutdown()
        self.server_close()
        self.drop()

    def drop(self) -> None:
        """Close all connections."""
        with self._guard:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def process_request_thread(self, request: Any, client_address: Tuple[str, int]) -> None:
        """Serve one connection; a network error closes only this connection."""
        with self._guard:
            self._open.add(request)
        wrapped = request
        try:
            request.settimeout(IDLE_SECONDS)
            if self._context is not None and request.recv(1, socket.MSG_PEEK) == bytes((_TLS_HANDSHAKE,)):
                wrapped = self._context.wrap_socket(request, server_side=True)
                with self._guard:
                    self._open.discard(request)
                    self._open.add(wrapped)
            self.finish_request(wrapped, client_address)
        except (OSError, ValueError):
            pass
        except Exception as error:
            self.on_fault(error)
        finally:
            with self._guard:
                self._open.discard(request)
                self._open.discard(wrapped)
            self.shutdown_request(wrapped)


class Handler(BaseHTTPRequestHandler):
    """A request handler that logs nothing and does not reveal its Python version."""

    protocol_version = "HTTP/1.1"
    server_version = "aos-ota"
    sys_version = ""
    timeout = IDLE_SECONDS

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the base's name
        """Print nothing."""

    def send_error(self, code: int, message: Optional[str] = None, explain: Optional[str] = None) -> None:
        """Answer what is no request, or of an unknown method, as this service answers other errors: no HTML."""
        self.close_connection = True
        self.request_version = self.protocol_version  # else the answer to a damaged request line has no status
        self.refuse(code, message or HTTPStatus(code).phrase)

    def refuse(self, status: int, problem: str) -> None:
        """Answer with an error."""
        self.answer(status, "text/plain", f"{problem}\n".encode())

    def answer(self, status: int, kind: str, body: bytes) -> None:
        """Send an answer with its whole body."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
