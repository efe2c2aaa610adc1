"""The emulated device's console (UART0): input and output."""

from __future__ import annotations

import codecs
import queue
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Optional, Sequence, Type

from aos_ota_plugin.children import delay_signals
from aos_ota_plugin.errors import BuildError
from aos_ota_plugin.lab.simulate.machine import find_qemu, prepare_command

STAYS_ON = "console"
"""The argument with which the device stays on after the platform's last message."""


class Console:
    """A device that is on inside its ``with`` block; `log` is the console's output."""

    def __init__(self, folder: Path) -> None:
        self.log = ""
        self._at = 0
        self._folder = folder
        self._shown: queue.Queue[bytes] = queue.Queue()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def __enter__(self) -> Console:
        command = [*prepare_command(find_qemu(), self._folder, [STAYS_ON]), "-monitor", "none", "-serial", "stdio"]
        try:
            with delay_signals():
                self._process = subprocess.Popen(
                    command, cwd=self._folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
                )
                self._reader = threading.Thread(target=self._read, daemon=True)
                self._reader.start()
        except OSError as error:
            raise BuildError(f"{command[0]} cannot be started: {error.strerror or error}") from None
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], value: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._end()

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        while not self._shown.empty():
            self._take(0)

    def type(self, line: str) -> None:
        """Write a line and Enter to the console; without effect when the device is off."""
        stream = self._process.stdin
        assert stream is not None
        try:
            stream.write(line.encode("utf-8") + b"\r")
            stream.flush()
        except OSError:
            pass

    def shows(self, text: str, *, seconds: float = 60) -> bool:
        """Wait for `text` in the output after the last match.

        Returns False after `seconds` without output, or when the device is off.
        """
        while True:
            start = self.log.find(text, self._at)
            if start >= 0:
                self._at = start + len(text)
                return True
            if not self._take(seconds):
                return False

    def rests(self, *, seconds: float = 1) -> None:
        """Wait until there is no output for `seconds`."""
        while self._take(seconds):
            pass

    def _take(self, seconds: float) -> bool:
        try:
            data = self._shown.get(timeout=seconds) if seconds else self._shown.get_nowait()
        except queue.Empty:
            return False
        self.log += self._decoder.decode(data)
        return bool(data)

    def _read(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        while True:
            data = stream.read1(4096)  # type: ignore[attr-defined]
            self._shown.put(data)
            if not data:
                return


def interact(folder: Path) -> None:
    """Connect this terminal to the device's console until Ctrl-A X. Raises BuildError."""
    command = [*prepare_command(find_qemu(), folder, [STAYS_ON]), "-serial", "mon:stdio"]
    try:
        status = subprocess.call(command, cwd=folder)
    except OSError as error:
        raise BuildError(f"{command[0]} cannot be started: {error.strerror or error}") from None
    if status:
        raise BuildError(f"the emulator ended with status {status}", remedy="QEMU 7.2 or newer emulates the board")


def transcript(folder: Path, lines: Sequence[str]) -> str:
    """Write these lines, each after the output has ended, and return all output."""
    with Console(folder) as console:
        console.rests()
        for line in lines:
            console.type(line)
            console.rests()
    return console.log
