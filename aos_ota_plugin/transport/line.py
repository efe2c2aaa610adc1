"""A line with a clock, and taking one of Ymodem's ends through a whole session over it."""

from __future__ import annotations

from typing import Callable, Protocol

from aos_ota_plugin.errors import OtaError
from aos_ota_plugin.transport.receiver import CANCEL, Receiver
from aos_ota_plugin.transport.sender import Sender, State

_LINGER = 1.0
_SETTLE = 0.05
"""Receivers (rb) throw away what comes right behind their request, as they take it for an echo."""
_REQUESTED = (State.START, State.GO, State.NEXT)


class Line(Protocol):
    """What a transfer needs of a serial port; simulated in tests."""

    def read(self, seconds: float) -> bytes:
        """Return what came in, waiting up to so many seconds for the first byte; empty when nothing came."""

    def write(self, data: bytes) -> None:
        """Send; what came in before and was not read is forgotten, as it cannot be an answer."""

    def pause(self, seconds: float) -> None:
        """Wait."""

    def now(self) -> float:
        """Seconds, from any start."""


def send(line: Line, sender: Sender, on_progress: Callable[[int], None]) -> None:
    """Run a sender to its end; `on_progress` gets the number of bytes that the receiver has."""
    deadline = line.now() + sender.patience
    try:
        while not sender.done:
            received = line.read(max(deadline - line.now(), 0.0))
            state = sender.state
            answer = sender.feed(received) if received else b""
            if not answer and sender.state is state and line.now() >= deadline:
                answer = sender.time_out()  # also when all that came was no answer
            if answer and state in _REQUESTED:
                line.pause(_SETTLE)
            if answer:
                line.write(answer)
            if answer or sender.state is not state:
                deadline = line.now() + sender.patience
                on_progress(sender.acknowledged)
    except KeyboardInterrupt:
        line.write(CANCEL)
        raise


def receive(line: Line, receiver: Receiver, on_progress: Callable[[int], None]) -> None:
    """Run a receiver to its end; `on_progress` gets the number of bytes of the file at hand."""
    try:
        line.write(receiver.start())
        while not receiver.done:
            received = line.read(receiver.patience)
            answer = receiver.feed(received) if received else receiver.time_out()
            if answer:
                line.write(answer)
                on_progress(receiver.taken)
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
