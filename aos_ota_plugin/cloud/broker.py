"""The MQTT broker: a private mosquitto on a Unix socket, which devices reach through `gate`.

The gate has checked the user names; the access list says which topics each user may publish and read.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import List, Optional, Sequence

from aos_ota_plugin.children import delay_signals, die_with_parent, end_process
from aos_ota_plugin.errors import BuildError, OutputError

PLATFORM_USER = "platform"
"""The user name of the platform itself; user names of devices contain an ``&``."""
_START_SECONDS = 10.0
_END_SECONDS = 5.0
_SBIN = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")


def find_mosquitto() -> str:
    """Return the broker's path. Raises BuildError when there is none."""
    path = shutil.which("mosquitto") or shutil.which("mosquitto", path=os.pathsep.join(_SBIN))
    if path is None:
        raise BuildError(
            "there is no mosquitto, which is the broker that devices talk to",
            remedy="apt-get install mosquitto, or install it your system's way",
        )
    if not hasattr(socket, "AF_UNIX"):
        raise BuildError(
            "this system's Python has no Unix sockets, which the broker is reached by",
            remedy="run the cloud on Linux or macOS, or in WSL",
        )
    return path


class Broker:
    """A running mosquitto; `access` are the lines of its access list.

    It ends with `stop`, and on Linux also when this process ends.
    """

    def __init__(self, access: Sequence[str]) -> None:
        self._program = find_mosquitto()
        self._folder = Path(tempfile.mkdtemp(prefix="aos-ota-"))  # 0700, and short: a socket's path has ~100 bytes
        self._process: Optional[subprocess.Popen[bytes]] = None
        self.socket = self._folder / "broker.sock"
        self._log = self._folder / "broker.log"
        try:
            self._write_access(access)
            (self._folder / "mosquitto.conf").write_text("\n".join(self._settings()) + "\n", encoding="utf-8")
            self.start()
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self) -> Optional[int]:
        """Return the process id, None when the broker is not running."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> None:
        """Start it unless it is running, and wait until it listens. Raises BuildError."""
        if self.pid is not None:
            return
        self.socket.unlink(missing_ok=True)
        with self._log.open("ab") as log, delay_signals():
            self._process = subprocess.Popen(
                [self._program, "-c", str(self._folder / "mosquitto.conf")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent(),  # noqa: PLW1509 - one prctl
            )
        until = time.monotonic() + _START_SECONDS
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > until:
                log_end = self._log.read_text(encoding="utf-8", errors="replace")[-1000:].strip()
                raise BuildError(
                    f"mosquitto did not start: {log_end or 'it printed nothing'}",
                    remedy="mosquitto 2.0 or newer has what is needed",
                )
            time.sleep(0.02)

    def set_access(self, access: Sequence[str]) -> None:
        """Load a new access list without closing connections."""
        self._write_access(access)
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        """Stop it and remove its files."""
        if self._process is not None and self._process.poll() is None:
            end_process(self._process, _END_SECONDS)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _listens(self) -> bool:
        with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as probe:
            return probe.connect_ex(str(self.socket)) == 0

    def _write_access(self, access: Sequence[str]) -> None:
        lines = [f"user {PLATFORM_USER}", "topic readwrite #", *access]
        temporary = self._folder / "access.new"
        try:
            temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
            temporary.chmod(0o600)
            temporary.replace(self._folder / "access")
        except OSError as error:
            raise OutputError(f"cannot write {temporary}: {error.strerror or error}") from None

    def _settings(self) -> List[str]:
        lines = [
            f"listener 0 {self.socket}",
            "allow_anonymous true",
            "use_username_as_clientid true",
            f"acl_file {self._folder / 'access'}",
            "persistence false",
            "log_dest stderr",
            "log_type error",
            "log_type warning",
            "max_queued_messages 10000",
            "max_packet_size 65536",
        ]
        if os.geteuid() == 0:
            lines.append("user root")  # else it changes to a user without access to our folder
        return lines
