"""Ymodem's receiving end as a state machine: bytes in, bytes out, no clock and no port.

It checks block numbers: a repeated block is acknowledged and dropped. After a damaged block it ignores all bytes
until the line is quiet, so that the rest of the damaged block is not read as another one, and then asks again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import List, Optional

from aos_ota_plugin.files.read import IMAGE_MAX
from aos_ota_plugin.transport.blocks import (
    ACK,
    CAN,
    EOT,
    NAK,
    REQUEST,
    SIZES,
    Announced,
    block_size,
    is_sound,
    read_announcement,
)
from aos_ota_plugin.transport.errors import TransferError

TRIES = 20
FILES_MAX = 256
NOISE_MAX = 64 * 1024
"""Bytes without a sound block after which the line is taken to carry something else."""
CANCEL = bytes((CAN,)) * 5
_QUIET = 0.5
_REQUEST_EVERY = 3.0
_BLOCK = 10.0


@dataclass(frozen=True)
class Received:
    """A received file.

    Without an announced size padding cannot be told from data, and `exact` is False.
    """

    name: str
    data: bytes = field(repr=False)
    exact: bool = True


class Receiver:
    """The receiver of the files of one session; send the bytes that `start`, `feed` and `time_out` return.

    `patience` is the number of seconds of silence after which to call `time_out`. Raises TransferError when the sender
    gives up, does not answer, sends blocks out of turn, or more than IMAGE_MAX bytes.
    """

    def __init__(self) -> None:
        self.files: List[Received] = []
        self.done = False
        self._file: Optional[Announced] = None
        self._data = bytearray()
        self._expected = 0
        self._end_requested = False
        self._buffer = bytearray()
        self._purging = False
        self._noise = 0
        self._tries = 0

    @property
    def received_size(self) -> int:
        """Return the number of bytes of the current file."""
        return len(self._data)

    @property
    def announced(self) -> Optional[Announced]:
        """Return the current file's announcement, None between files."""
        return self._file

    @property
    def patience(self) -> float:
        """Return the seconds of silence to wait for."""
        if self._purging or self._buffer:
            return _QUIET
        return _BLOCK if self._file and self._expected > 1 else _REQUEST_EVERY

    def start(self) -> bytes:
        """Return the first request."""
        return bytes((REQUEST,))

    def feed(self, received: bytes) -> bytes:
        """Process received bytes; return the bytes to send, often none."""
        self._noise += len(received)
        if self._noise > NOISE_MAX:
            raise TransferError(
                "the line carries bytes, but no Ymodem",
                remedy="check --baud, and that the other side sends with Ymodem",
            )
        if self._purging:
            return b""
        self._buffer += received
        answer = b""
        while self._buffer and not self._purging:
            first = self._buffer[0]
            if first in SIZES:
                if len(self._buffer) < block_size(first):
                    break
                answer = self._take_block(bytes(self._buffer[: block_size(first)]))
                self._buffer.clear()  # the sender waits for our answer, so what follows a block is noise
            elif first == CAN:
                if len(self._buffer) < 2:
                    break
                if self._buffer[1] == CAN:
                    raise TransferError("the sender gave up", remedy="look at the sender's own messages")
                self._purge()
            elif first == EOT and len(self._buffer) == 1:
                self._buffer.clear()
                answer = self._take_end()
            else:
                self._purge()
        return answer

    def time_out(self) -> bytes:
        """Answer a silence of `patience` seconds; return the bytes to send."""
        damaged = self._purging or bool(self._buffer)
        self._buffer.clear()
        self._purging = False
        self._tries += 1
        if self._tries >= TRIES:
            where = f"after {len(self._data)} bytes of {self._file.name!a}" if self._file else "before a file began"
            raise TransferError(f"the sender is silent, {where}", remedy="start the sender, or check cable and --baud")
        return bytes((NAK if self._file and (damaged or self._expected > 1) else REQUEST,))

    def _take_block(self, raw: bytes) -> bytes:
        if not is_sound(raw):
            self._purge()
            return b""
        self._tries = self._noise = 0
        number, data = raw[1], raw[3:-2]
        if self._file is None or (self._expected == 1 and not self._data and number == 0):
            return self._take_announcement(number, data)
        if number == (self._expected - 1) & 0xFF:
            return bytes((ACK,))  # it came before; our answer got lost
        if number != self._expected & 0xFF:
            raise TransferError(
                f"block {number} came where {self._expected & 0xFF} was expected", remedy="send the file again"
            )
        self._end_requested = False
        self._data += data
        self._expected += 1
        size = IMAGE_MAX if self._file.size is None else self._file.size
        if len(self._data) - len(data) > size:
            raise TransferError(
                f"the sender sends more bytes of {self._file.name!a} than it announced, or than {IMAGE_MAX}",
                remedy="check the file and send it again",
            )
        return bytes((ACK,))

    def _take_announcement(self, number: int, data: bytes) -> bytes:
        if number:
            # Blocks of a file that ended: its sender did not hear our answer.
            return bytes((ACK,)) if self.files else b""
        self._file = read_announcement(data)
        if self._file is None:
            self.done = True
            return bytes((ACK,))
        if self._file.size is not None and self._file.size > IMAGE_MAX:
            raise TransferError(
                f"{self._file.name!a} has {self._file.size} bytes; at most {IMAGE_MAX} are received",
                remedy="copy a file of this size another way",
            )
        self._data, self._expected, self._end_requested = bytearray(), 1, False
        return bytes((ACK, REQUEST))

    def _take_end(self) -> bytes:
        if self._file is None:
            return bytes((ACK, REQUEST)) if self.files else b""
        if not self._end_requested:
            self._end_requested = True  # the end has to come twice: a damaged block must not end a file
            return bytes((NAK,))
        size = self._file.size
        if size is not None and len(self._data) < size:
            raise TransferError(
                f"{self._file.name!a} ended after {len(self._data)} of {size} bytes", remedy="send the file again"
            )
        if len(self.files) >= FILES_MAX:
            raise TransferError(f"the sender sends more than {FILES_MAX} files", remedy="send them in an archive")
        self.files.append(Received(self._file.name, bytes(self._data[:size]), exact=size is not None))
        self._file, self._data = None, bytearray()
        self._tries = self._noise = 0
        return bytes((ACK, REQUEST))

    def _purge(self) -> None:
        self._buffer.clear()
        self._purging = True
