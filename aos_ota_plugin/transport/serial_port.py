"""A serial port as a ``Line``, made of pyserial.

When the port goes away (a pulled plug, an adapter that resets itself) it is opened again for a while; bytes on the way
are lost, which the protocols above notice and repair.
"""

from __future__ import annotations

import contextlib
import os
import time
from types import TracebackType
from typing import TYPE_CHECKING, Callable, Optional, Type

from aos_ota_plugin.transport.errors import TransferError

if TYPE_CHECKING:
    from serial import Serial

BAUD = 1500000
"""Bits per second: the rate of the vendor's boards."""
REOPEN_SECONDS = 30.0
_RETRY = 0.5
_WRITE_SECONDS = 30.0


class SerialPort:
    """An open port: 8 data bits, no parity, 1 stop bit, no flow control. Use it in a ``with``.

    Raises TransferError when it cannot be opened, another program has it, or it went away for `reopen_seconds`.
    """

    def __init__(
        self,
        port: str,
        baud: int = BAUD,
        *,
        reopen_seconds: float = REOPEN_SECONDS,
        tell: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._name = port
        self._baud = baud
        self._reopen_seconds = reopen_seconds
        self._tell = tell
        self._serial: Optional[Serial] = self._open()

    def __enter__(self) -> SerialPort:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._close()

    def now(self) -> float:
        """Return the seconds of a clock that is never set."""
        return time.monotonic()

    def pause(self, seconds: float) -> None:
        """Wait for `seconds`."""
        time.sleep(seconds)

    def read(self, seconds: float) -> bytes:
        """Return the bytes that came in, after at most `seconds` of waiting for the first one."""
        try:
            serial = self._usable()
            serial.timeout = seconds
            first = serial.read(1)
            return bytes(first) + bytes(serial.read(serial.in_waiting)) if first else b""
        except (OSError, TypeError) as problem:  # SerialException is an OSError; pyserial 3.5 trips over a closed port
            self._reopen(problem)
            return b""

    def write(self, data: bytes) -> None:
        """Send `data`, after discarding bytes that came in before."""
        try:
            serial = self._usable()
            serial.reset_input_buffer()
            serial.write(data)
            serial.flush()
        except (OSError, TypeError) as problem:
            self._reopen(problem)
        except Exception as problem:  # termios.error, which only exists on POSIX, is no OSError
            if type(problem).__module__ != "termios":
                raise
            self._reopen(problem)

    def _usable(self) -> Serial:
        if self._serial is None:
            raise OSError("the port is closed")
        return self._serial

    def _open(self) -> Serial:
        try:
            import serial
        except ImportError:
            raise TransferError("pyserial is not installed", remedy="pip install pyserial") from None
        try:
            return serial.Serial(self._name, self._baud, timeout=1, write_timeout=_WRITE_SECONDS, exclusive=True)
        except (OSError, ValueError, OverflowError) as problem:
            # pyserial's text says the name and the reason twice where there is an error number.
            number = getattr(problem, "errno", None)
            raise TransferError(
                f"cannot open the port {self._name}: {os.strerror(number) if number else problem}",
                remedy="check its name and that no other program has it open; on Linux you may have to "
                "be in the group dialout",
            ) from None

    def _close(self) -> None:
        if self._serial is not None:
            with contextlib.suppress(OSError):  # the port has gone away already
                self._serial.close()
            self._serial = None

    def _reopen(self, problem: Exception) -> None:
        self._close()
        self._tell(f"the port {self._name} went away; waiting for it")
        end = self.now() + self._reopen_seconds
        while True:
            try:
                self._serial = self._open()
                self._tell(f"the port {self._name} is back")
                return
            except TransferError:
                if self.now() >= end:
                    raise TransferError(
                        f"the port {self._name} went away and did not come back: {problem}",
                        remedy="plug it in again and send again",
                    ) from None
                time.sleep(_RETRY)
