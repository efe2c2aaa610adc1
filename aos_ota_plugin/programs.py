"""Run a program that answers in a few bytes, with a time-out, without a shell."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from typing import IO, Dict, List, Mapping, NamedTuple, Optional, Tuple

from aos_ota_plugin.children import delay_signals, kill_group, own_group
from aos_ota_plugin.errors import Place, SigningKeyError

_MESSAGE_LIMIT = 4000  # bytes of a program's error that are shown
_OURS = "AOS_OTA_"
_GRACE = 2.0  # seconds for what a program left behind to close its ends of the pipes


class Tool(NamedTuple):
    """A program to run in ``folder``, for at most ``timeout`` seconds and ``limit`` bytes of output.

    ``what`` and ``place`` name it in errors; ``longer`` says how to give it more time. With ``terminal`` it may ask
    the user there, and its errors go there, too.
    """

    command: Tuple[str, ...]
    folder: str
    environment: Mapping[str, str]
    timeout: float
    limit: int
    what: str
    place: Optional[Place] = None
    longer: str = ""
    terminal: bool = False


def own_environment(**others: str) -> Dict[str, str]:
    """Return the user's environment with ``others``, without our variables: some hold secrets."""
    return {**{name: value for name, value in os.environ.items() if not name.startswith(_OURS)}, **others}


class _Stream:
    """Reads a pipe to its end, keeping no more than ``limit`` bytes and one."""

    def __init__(self, pipe: Optional[IO[bytes]], limit: int) -> None:
        assert pipe is not None  # for the type checker: it was asked for
        self.data = b""
        self._pipe = pipe
        self._limit = limit
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    @property
    def too_long(self) -> bool:
        return len(self.data) > self._limit

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while True:
                chunk = self._pipe.read1(65536)  # type: ignore[attr-defined]
                if not chunk:
                    return
                self.data = (self.data + chunk)[: self._limit + 1]


def run_tool(tool: Tool, stdin: Optional[bytes]) -> bytes:
    """Run ``tool`` and return what it wrote to standard output.

    It gets ``stdin``, or the terminal's when that is None. Whatever it started is ended with it when its time is over;
    one that may ask on the terminal is only ended itself.

    Raises:
        SigningKeyError: it cannot be started, takes too long, writes too much, or ends with another status than 0;
            its own error is in the message.
    """
    what, place, terminal = tool.what, tool.place, tool.terminal
    process: Optional[subprocess.Popen[bytes]] = None
    streams: List[_Stream] = []
    try:
        with delay_signals():
            process = _started(tool, piped=stdin is not None)
            streams.append(_Stream(process.stdout, tool.limit))
            if not terminal:
                streams.append(_Stream(process.stderr, _MESSAGE_LIMIT))
        if process.stdin is not None and stdin is not None:
            with contextlib.suppress(OSError):  # a program that does not look at it
                process.stdin.write(stdin)
                process.stdin.close()
        ended = _wait(process, streams, tool.timeout)
    finally:
        if process is not None:
            _end(process, streams, terminal=terminal)
    said = _shown(streams[1].data) if len(streams) > 1 else ""
    if streams[0].too_long:
        raise SigningKeyError(
            f"{what} wrote more than {tool.limit} bytes to standard output{said}",
            place=place,
            remedy="it has to write its answer there and nothing else",
        )
    if not ended:
        raise SigningKeyError(
            f"{what} did not end within {tool.timeout:g} seconds and was ended{said}",
            place=place,
            remedy="find out what it waits for" + (f", or {tool.longer}" if tool.longer else ""),
        )
    if process.returncode:
        raise SigningKeyError(
            f"{what} failed with status {process.returncode}{said}",
            place=place,
            remedy="mend what it complains about; nothing was signed",
        )
    return streams[0].data


def _started(tool: Tool, *, piped: bool) -> subprocess.Popen[bytes]:
    try:
        process: subprocess.Popen[bytes] = subprocess.Popen(
            tool.command,
            cwd=tool.folder or None,
            env=dict(tool.environment),
            stdout=subprocess.PIPE,
            stdin=subprocess.PIPE if piped else None,
            stderr=None if tool.terminal else subprocess.PIPE,
            **({} if tool.terminal else own_group()),
        )  # type: ignore[call-overload]
    except (OSError, ValueError) as error:
        raise SigningKeyError(
            f"{tool.what} cannot be started: {getattr(error, 'strerror', None) or error}",
            place=tool.place,
            remedy="check its path; is it a program of this system?",
        ) from None
    return process


def _wait(process: subprocess.Popen[bytes], streams: List[_Stream], timeout: float) -> bool:
    """Return whether it ended by itself, with all that it started and that still writes."""
    until = time.monotonic() + timeout
    while not streams[0].too_long:
        streams[0].thread.join(0.05)
        if not streams[0].thread.is_alive():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(until - time.monotonic(), 0))
            return process.poll() is not None
        if time.monotonic() >= until:
            return False
    return False


def _end(process: subprocess.Popen[bytes], streams: List[_Stream], *, terminal: bool) -> None:
    """End what is left of the program and of all that it started, and let go of the pipes."""
    running = process.poll() is None
    if running or any(stream.thread.is_alive() for stream in streams):
        if terminal:
            process.kill()
        else:
            kill_group(process)
    process.wait()
    for stream in streams:
        stream.thread.join(_GRACE)
    for pipe, reader in zip((process.stdout, process.stderr), streams):
        if pipe is not None and not reader.thread.is_alive():
            pipe.close()


def _shown(data: bytes) -> str:
    """Return a program's error, indented under the message, without control characters."""
    text = data[:_MESSAGE_LIMIT].decode("utf-8", "replace").strip()
    lines = ["".join(c if c.isprintable() else " " for c in line).rstrip() for line in text.splitlines()]
    return "".join(f"\n    {line}" for line in lines)
