"""The TLS port of the broker: checks each device's login as the platform does.

A login's password depends on the client id and its timestamp, which no password file can hold. After the login all
bytes, the CONNECT packet first, are passed on unchanged.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Callable, Dict, Optional, Set

from aos_ota_plugin.cloud import connect_packet
from aos_ota_plugin.errors import FormatError, OutputError
from aos_ota_plugin.protocol.login import Identity, problem_of

LOGIN_SECONDS = 10.0
HANDSHAKE_SECONDS = 60.0
"""When a whole fleet comes back at once, the last have to wait for the others' handshakes."""
_CHUNK = 65536


class Gate:
    """A TLS listener on 127.0.0.1 in its own thread.

    `identity_of(product key, device name)` returns a device's identity; `tell` gets a line for each refused login.
    While `is_open` is not set, logins are answered with "server unavailable".
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        port: int,
        broker: Path,
        *,
        identity_of: Callable[[str, str], Optional[Identity]],
        tell: Callable[[str], None],
    ) -> None:
        self._context = context
        self._broker = broker
        self._identity_of = identity_of
        self._tell = tell
        self.is_open = threading.Event()
        self._connected: Dict[str, Set[asyncio.StreamWriter]] = {}
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda _loop, _context: None)  # a peer that is gone while TLS shuts down
        started: Future[int] = Future()
        self._thread = threading.Thread(target=self._run, args=(port, started), name="gate", daemon=True)
        self._thread.start()
        self.port = started.result()

    @property
    def online(self) -> Set[str]:
        """Return the user names of the connected devices."""
        return set(self._connected)

    def is_alive(self) -> bool:
        """Return whether its thread runs."""
        return self._thread.is_alive()

    def drop(self) -> None:
        """Close all connections; devices may connect again."""
        self._soon(self._drop)

    def stop(self) -> None:
        """Stop listening and close all connections."""
        self._soon(self._loop.stop)
        self._thread.join(5)

    def _soon(self, call: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(call)

    def _run(self, port: int, started: Future[int]) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            server = self._loop.run_until_complete(
                asyncio.start_server(
                    self._serve,
                    "127.0.0.1",
                    port,
                    ssl=self._context,
                    ssl_handshake_timeout=HANDSHAKE_SECONDS,
                    backlog=1024,
                )
            )
        except OSError as error:
            started.set_exception(
                OutputError(
                    f"cannot listen on 127.0.0.1:{port}: {error.strerror or error}",
                    remedy="end what uses that port, or choose another",
                )
            )
            return
        started.set_result(server.sockets[0].getsockname()[1])
        self._loop.run_forever()
        server.close()
        self._drop()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    def _drop(self) -> None:
        for writers in list(self._connected.values()):
            for writer in list(writers):
                writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._let_in(reader, writer)
        except (OSError, EOFError, asyncio.TimeoutError):
            pass
        finally:
            writer.transport.abort()

    async def _let_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            packet, body = await asyncio.wait_for(_first_packet(reader), LOGIN_SECONDS)
            login = connect_packet.login_in(body)
        except FormatError as error:
            self._tell(f"a connection was closed: {error.problem}")
            return
        name, _, product = login.user.rpartition("&")
        problem = problem_of(login, self._identity_of(product, name))
        if problem is not None:
            self._tell(f"the login of {login.user[:80]!a} was refused: {problem}")
            await _answer(writer, connect_packet.BAD_LOGIN)
            return
        if not self.is_open.is_set():
            await _answer(writer, connect_packet.UNAVAILABLE)
            return
        try:
            inner_reader, inner = await asyncio.open_unix_connection(str(self._broker))
        except OSError:
            await _answer(writer, connect_packet.UNAVAILABLE)
            return
        inner.write(packet)
        self._connected.setdefault(login.user, set()).add(writer)
        try:
            await _both_ways((reader, writer), (inner_reader, inner))
        finally:
            inner.transport.abort()
            self._connected[login.user].discard(writer)
            if not self._connected[login.user]:
                del self._connected[login.user]


async def _first_packet(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    packet = b""
    head = None
    while head is None:
        packet += await reader.readexactly(1)
        head = connect_packet.head_of(packet)
    body = await reader.readexactly(head.remaining)
    return packet + body, body


async def _answer(writer: asyncio.StreamWriter, code: int) -> None:
    writer.write(connect_packet.connack(code))
    await writer.drain()
    writer.close()
    with contextlib.suppress(OSError, asyncio.TimeoutError, ssl.SSLError):
        await asyncio.wait_for(writer.wait_closed(), 1)


async def _both_ways(
    outer: tuple[asyncio.StreamReader, asyncio.StreamWriter], inner: tuple[asyncio.StreamReader, asyncio.StreamWriter]
) -> None:
    ways = [asyncio.ensure_future(_copy(outer[0], inner[1])), asyncio.ensure_future(_copy(inner[0], outer[1]))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()
