"""A connected MCU, at the other end of the emulated device's second UART: it takes Ymodem, or refuses it.

The emulator connects UART1 to a port of 127.0.0.1, where the MCU waits for it. The MCU asks for a file as the field's
do: until one comes, and again after one that failed.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from enum import Enum
from types import TracebackType
from typing import List, Optional, Type

from aos_ota_plugin.transport.blocks import Announced
from aos_ota_plugin.transport.errors import TransferError
from aos_ota_plugin.transport.line import receive
from aos_ota_plugin.transport.receiver import Receiver

_REST = 0.5
"""Seconds between a session that failed and the next."""
_LOOKS_UP = 0.2


class Manner(Enum):
    """What an MCU does with a file that is announced to it."""

    TAKES = "takes"
    REFUSES = "refuses"
    REFUSES_LATE = "refuses when it has all of it"


class Mcu:
    """An MCU that is on from ``with`` to the end of its block, and waits for devices to be connected to `port`."""

    def __init__(self, manner: Manner) -> None:
        self.manner = manner
        """From the next file on."""
        self._image = b""
        self._refused: List[Announced] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._listener.settimeout(_LOOKS_UP)
        self._connected: Optional[socket.socket] = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Mcu:
        self._thread.start()
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], value: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._ended.set()
        if self._connected is not None:
            with contextlib.suppress(OSError):
                self._connected.shutdown(socket.SHUT_RDWR)  # wakes the thread up
        self._thread.join()
        self._listener.close()

    @property
    def image(self) -> bytes:
        """The image that it took last; empty where there was none."""
        return self._image

    @property
    def refused(self) -> int:
        """How many files it has refused."""
        return len(self._refused)

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                self._connected = self._listener.accept()[0]
            except socket.timeout:
                continue
            with self._connected, contextlib.suppress(OSError):  # the device is off, or this is
                self._sessions(_SocketLine(self._connected))

    def _sessions(self, line: _SocketLine) -> None:
        while not self._ended.is_set():
            try:
                self._session(line)
            except TransferError:
                line.pause(_REST)

    def _session(self, line: _SocketLine) -> None:
        receiver = Receiver()

        def heard(taken: int) -> None:
            if receiver.done and receiver.files:
                self._image = receiver.files[-1].data
            file = receiver.announced
            if file is None or self.manner is Manner.TAKES:
                return
            if self.manner is Manner.REFUSES or taken >= (file.size or 0):
                self._refused.append(file)
                raise TransferError(f"{file.name!a} is refused")

        receive(line, receiver, heard)


class _SocketLine:
    """A connection as a ``transport.line.Line``; OSError when the other end has closed it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def read(self, seconds: float) -> bytes:
        self._connection.settimeout(max(seconds, 0.001))
        try:
            data = self._connection.recv(65536)
        except socket.timeout:
            return b""
        if not data:
            raise ConnectionAbortedError("the device is off")
        return data

    def write(self, data: bytes) -> None:
        self._connection.settimeout(None)
        self._connection.sendall(data)

    def pause(self, seconds: float) -> None:
        time.sleep(seconds)

    def now(self) -> float:
        return time.monotonic()
