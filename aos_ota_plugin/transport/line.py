"""A serial line with a clock, and the loops that run a Ymodem sender or receiver over it."""

from __future__ import annotations

from typing import Callable, Protocol

from aos_ota_plugin.errors import OtaError
from aos_ota_plugin.transport.receiver import CANCEL, Receiver
from aos_ota_plugin.transport.sender import Sender, State

_LINGER = 1.0
_REQUEST_PAUSE = 0.05
"""Seconds: lrzsz's rb discards bytes that follow its request at once, as an echo."""
_REQUESTED = (State.START, State.GO, State.NEXT)


class Line(Protocol):
    """The functions of a serial port that a transfer uses; tests simulate it."""

    def read(self, seconds: float) -> bytes:
        """Return the bytes that came in, after at most `seconds` of waiting; empty when none came."""

    def write(self, data: bytes) -> None:
        """Send `data`; discard bytes that came in before and were not read, as they cannot be an answer."""

    def pause(self, seconds: float) -> None:
        """Wait for `seconds`."""

    def now(self) -> float:
        """Return the time in seconds, from any start."""


def send(line: Line, sender: Sender, on_progress: Callable[[int], None]) -> None:
    """Run a sender to its end; `on_progress` gets the number of bytes that the receiver has."""
    deadline = line.now() + sender.patience
    try:
        while not sender.done:
            received = line.read(max(deadline - line.now(), 0.0))
            state = sender.state
            answer = sender.feed(received) if received else b""
            if not answer and sender.state is state and line.now() >= deadline:
                answer = sender.time_out()  # also when bytes came, but no answer
            if answer and state in _REQUESTED:
                line.pause(_REQUEST_PAUSE)
            if answer:
                line.write(answer)
            if answer or sender.state is not state:
                deadline = line.now() + sender.patience
                on_progress(sender.acknowledged)
    except KeyboardInterrupt:
        line.write(CANCEL)
        raise


def receive(line: Line, receiver: Receiver, on_progress: Callable[[int], None]) -> None:
    """Run a receiver to its end; `on_progress` gets the number of bytes of the current file."""
    try:
        line.write(receiver.start())
        while not receiver.done:
            received = line.read(receiver.patience)
            answer = receiver.feed(received) if received else receiver.time_out()
            if answer:
                line.write(answer)
                on_progress(receiver.received_size)
        # The sender may not have heard our last answer.
        while True:
            received = line.read(_LINGER)
            if not received:
                return
            answer = receiver.feed(received)
            if answer:
                line.write(answer)
    except (OtaError, KeyboardInterrupt):
        line.write(CANCEL)
        raise
