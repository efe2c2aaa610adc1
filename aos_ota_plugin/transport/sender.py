"""Ymodem's sending end as a state machine: bytes in, bytes out, no clock and no port.

Two kinds of receiver exist:

* One that checks block numbers (lrzsz, terminal programs, our own). A block whose answer got lost is sent again.
* The second boot stage of the vendor's boards. It writes every sound block behind the one before, **without looking at
  its number**, and does not answer a damaged block. So a lost answer cannot be told from a lost block, and sending a
  block again may write it twice: then the flash holds a wrong firmware, and the boot stage reports success.
  For it (``resend=False``) every doubt raises LostBytesError, and the caller starts again from the first byte.

Bytes that came in before our answer left cannot be an answer to it, so the rest of a piece of input is dropped whenever
something is sent: an ACK that the line doubled does not count for the next block.
"""

from __future__ import annotations

from enum import Enum
from typing import Callable, Dict

from aos_ota_plugin.transport.blocks import ACK, CAN, DATA_SIZE, EOT, NAK, PAD, REQUEST, Announced, announcement, block
from aos_ota_plugin.transport.errors import LostBytesError, TransferError

TRIES = 10
STALE_REQUESTS = 3
"""Requests after block 0 that show that the receiver still waits for it."""
_FIRST_REQUEST = 60.0
_PREPARATION = 180.0
_ANSWER = 10.0
_CLOSING = 3.0
_LAST_ANSWER = 1.0


class State(Enum):
    """The answer that the sender waits for."""

    START = "the receiver's request"
    HEADER = "the answer to the file's name"
    GO = "the request for the data"
    DATA = "the answer to a block"
    EOT = "the answer to the end of the file"
    NEXT = "the request for the next file"
    END = "the answer to the end of the session"
    DONE = "nothing"


class Sender:
    """The sender of one file: feed it received bytes, and send the bytes that it returns.

    Call `time_out` after `patience` seconds, counted from the last bytes it returned. Raises FormatError for a name
    that does not fit, TransferError when the receiver gives up or does not answer, LostBytesError as the module says.
    """

    def __init__(self, name: str, data: bytes, *, resend: bool = True) -> None:
        self._header = announcement(Announced(name, len(data)))
        self._data = data
        self._resend = resend
        self._number = 0
        self._tries = 0
        self._requests = 0
        self._cancels = 0
        self.state = State.START
        self.leftover = b""
        """Bytes after the last answer: the receiver's own text."""
        self._answers: Dict[State, Callable[[int], bytes]] = {
            State.START: self._in_start,
            State.HEADER: self._in_header,
            State.GO: self._in_go,
            State.DATA: self._in_data,
            State.EOT: self._in_eot,
            State.NEXT: self._in_next,
            State.END: self._in_end,
        }

    @property
    def done(self) -> bool:
        """Return whether the receiver has everything and the session is over."""
        return self.state is State.DONE

    @property
    def acknowledged(self) -> int:
        """Return the number of bytes of the file that the receiver has."""
        if self.state in (State.START, State.HEADER, State.GO):
            return 0
        return min((self._number - (self.state is State.DATA)) * DATA_SIZE, len(self._data))

    @property
    def patience(self) -> float:
        """Return the seconds to wait for an answer; block 0's may need the flash to be erased."""
        if self.state is State.START:
            return _FIRST_REQUEST
        if self.state is State.HEADER and not self._resend:
            return _PREPARATION
        if self.state is State.END:
            return _LAST_ANSWER
        return _CLOSING if self.state in (State.EOT, State.NEXT) else _ANSWER

    def feed(self, received: bytes) -> bytes:
        """Process received bytes; return the bytes to send, often none."""
        if self.state is State.DATA and not self._resend and received.strip(bytes((ACK,))):
            raise self._lost(f"{received[:8].hex(' ')} came back")
        for index, byte in enumerate(received):
            if self.state is State.DONE:
                self.leftover += received[index:]
                return b""
            self._watch_cancel(byte)
            answer = self._answers[self.state](byte)
            if answer:
                return answer
        return b""

    def time_out(self) -> bytes:
        """Answer a silence of `patience` seconds; return the bytes to send."""
        if self.state in (State.START, State.GO) and not (self._resend and self.state is State.GO):
            raise self._silent()
        if self.state in (State.HEADER, State.DATA) and not self._resend:
            raise self._lost("no answer came")
        if self.state is State.END and self._tries:
            # All is acknowledged, the end of the file too: only the last answer got lost, or the receiver has ended.
            self.state = State.DONE
            return b""
        if self.state is State.NEXT:
            return self._enter(State.END)
        return self._enter(State.DATA) if self.state is State.GO else self._again()

    def _in_start(self, byte: int) -> bytes:
        return self._enter(State.HEADER) if byte == REQUEST else b""

    def _in_header(self, byte: int) -> bytes:
        if byte == ACK:
            return self._enter(State.GO)
        if byte == NAK:
            return self._again() if self._resend else self._raise_lost("the file's name was damaged")
        if byte == REQUEST:
            self._requests += 1
            if self._requests >= STALE_REQUESTS:
                self._requests = 0
                return self._again() if self._resend else self._raise_lost("the file's name did not arrive")
        return b""

    def _in_go(self, byte: int) -> bytes:
        if byte == REQUEST:
            return self._enter(State.DATA)
        if byte == NAK:
            return self._enter(State.DATA) if self._resend else self._raise_lost("the file's name was damaged")
        return b""

    def _in_data(self, byte: int) -> bytes:
        if byte == ACK:
            return self._enter(State.DATA)
        return self._again() if byte == NAK else b""

    def _in_eot(self, byte: int) -> bytes:
        if byte == ACK:
            return self._enter(State.NEXT)
        if byte == REQUEST:  # the ACK before it got lost
            return self._enter(State.END)
        return self._again() if byte == NAK else b""

    def _in_next(self, byte: int) -> bytes:
        return self._enter(State.END) if byte == REQUEST else b""

    def _in_end(self, byte: int) -> bytes:
        if byte == ACK:
            self.state = State.DONE
        elif byte in (REQUEST, NAK):
            return self._again()
        elif byte in b"\r\n":  # the receiver's next output; its ACK got lost
            self.leftover = bytes((byte,))
            self.state = State.DONE
        return b""

    def _enter(self, state: State) -> bytes:
        self._tries = 0
        if state is State.DATA:
            self._number += 1
            if (self._number - 1) * DATA_SIZE >= len(self._data):
                self._number -= 1
                state = State.EOT
        self.state = state
        return self._message()

    def _again(self) -> bytes:
        self._tries += 1
        if self._tries >= TRIES:
            raise self._silent()
        return self._message()

    def _message(self) -> bytes:
        """Return the bytes that a state sends on entering it, and again on request."""
        if self.state is State.HEADER:
            return self._header
        if self.state is State.DATA:
            start = (self._number - 1) * DATA_SIZE
            return block(self._number, self._data[start : start + DATA_SIZE].ljust(DATA_SIZE, PAD))
        if self.state is State.EOT:
            return bytes((EOT,))
        return announcement(None) if self.state is State.END else b""

    def _watch_cancel(self, byte: int) -> None:
        self._cancels = self._cancels + 1 if byte == CAN else 0
        if self._cancels >= 2:
            raise TransferError(
                f"the receiver gave up after {self.acknowledged} of {len(self._data)} bytes",
                remedy="look at the receiver's own messages, then send again",
            )

    def _raise_lost(self, why: str) -> bytes:
        raise self._lost(why)

    def _lost(self, why: str) -> LostBytesError:
        return LostBytesError(
            f"{why} while waiting for {self.state.value}, after {self.acknowledged} of {len(self._data)} bytes",
            remedy="use a shorter cable or a lower --baud, and send again",
        )

    def _silent(self) -> TransferError:
        problem = (
            f"the receiver did not answer: waited for {self.state.value}, after {self.acknowledged} of "
            f"{len(self._data)} bytes"
        )
        kind = LostBytesError if self.state is not State.START and not self._resend else TransferError
        return kind(problem, remedy="check the cable, the port and its --baud, and that the receiver is waiting")
