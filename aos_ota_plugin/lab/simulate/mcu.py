"""An MCU at the emulated device's second UART, which receives or refuses Ymodem files.

The emulator connects UART1 to a port of 127.0.0.1, where the MCU waits for it. Like MCUs in the field, it asks for a
file until one comes, and again after a failed transfer.
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


class McuBehavior(Enum):
    """The behavior of an MCU when a file is announced."""

    TAKES = "takes"
    REFUSES = "refuses"
    REFUSES_LATE = "refuses when it has all of it"


class Mcu:
    """An MCU that listens on the local TCP `port` inside its ``with`` block."""

    def __init__(self, behavior: McuBehavior) -> None:
        self.behavior = behavior
        """The behavior from the next file on."""
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
        """Return the image received last, b"" if none."""
        return self._image

    @property
    def refused(self) -> int:
        """Return the number of refused files."""
        return len(self._refused)

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                self._connected = self._listener.accept()[0]
            except socket.timeout:
                continue
            with self._connected, contextlib.suppress(OSError):  # the device or the MCU is off
                self._sessions(_SocketLine(self._connected))

    def _sessions(self, line: _SocketLine) -> None:
        while not self._ended.is_set():
            try:
                self._session(line)
            except TransferError:
                line.pause(_REST)

    def _session(self, line: _SocketLine) -> None:
        receiver = Receiver()

        def on_progress(received: int) -> None:
            if receiver.done and receiver.files:
                self._image = receiver.files[-1].data
            file = receiver.announced
            if file is None or self.behavior is McuBehavior.TAKES:
                return
            if self.behavior is McuBehavior.REFUSES or received >= (file.size or 0):
                self._refused.append(file)
                raise TransferError(f"{file.name!a} is refused")

        receive(line, receiver, on_progress)


class _SocketLine:
    """A socket as a ``transport.line.Line``; raises OSError when the other end has closed it."""

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
