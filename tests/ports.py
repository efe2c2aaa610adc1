"""Ports for servers that a test starts."""

from __future__ import annotations

import random
import socket

BELOW_EPHEMERAL = range(15_000, 32_000)


def free_port() -> int:
    """Return a port that nobody listens on, and that no system gives to a program that asks for any port."""
    chance = random.SystemRandom()
    while True:
        port = chance.choice(BELOW_EPHEMERAL)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
