"""`aos-ota` in a process that is forked from one with its modules loaded: 15 ms a command in place of 110.

The commands of `tests/cli` run this way; that a new interpreter runs them, too, is seen by `tests/test_wheel.py`,
`tests/aos` and the tests that give Python's own variables.
"""

from __future__ import annotations

import atexit
import io
import json
import os
import random
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Sequence

from waiting import HANGS

LOADED = (
    "aos_ota_plugin.cli.main",
    "aos_ota_plugin.cli.signing",
    "aos_ota_plugin.images.inspect",
    "aos_ota_plugin.release.make",
    "aos_ota_plugin.release.manifest",
    "aos_ota_plugin.keys.load",
    "aos_ota_plugin.keys.signer",
    "aos_ota_plugin.verify.answer",
    "cryptography.hazmat.primitives.serialization",
    "cryptography.hazmat.primitives.asymmetric.rsa",
    "rich.console",
    "rich.table",
    "yaml",
)
OF_PYTHON = ("PYTHON", "LANG", "LC_", "OPENSSL_")
"""How the variables begin that Python or OpenSSL read when they start."""


class ForkedCommands:
    """A process that waits for commands; each runs in a child of its own."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        atexit.register(self.end)

    def end(self) -> None:
        """End the process, which has no more commands to wait for."""
        for stream in (self._server.stdin, self._server.stdout):
            if stream is not None:
                stream.close()
        self._server.wait()

    def run(
        self, arguments: Sequence[str], *, cwd: Path, environment: Mapping[str, str], folder: Path
    ) -> subprocess.CompletedProcess[str]:
        """Run `aos-ota` with these arguments; what it prints goes through two files in `folder`."""
        assert self._server.stdin
        assert self._server.stdout
        outputs = [folder / "stdout", folder / "stderr"]
        umask = os.umask(0)
        os.umask(umask)
        request = {
            "arguments": list(arguments),
            "cwd": str(cwd),
            "environment": dict(environment),
            "outputs": [str(path) for path in outputs],
            "umask": umask,
        }
        self._server.stdin.write(json.dumps(request).encode("ascii") + b"\n")
        ready, _, _ = select.select([self._server.stdout], [], [], HANGS)
        if not ready:
            self._server.kill()
            raise subprocess.TimeoutExpired(list(arguments), HANGS)
        status = int(self._server.stdout.readline())
        stdout, stderr = (path.read_text(encoding="utf-8") for path in outputs)
        return subprocess.CompletedProcess(list(arguments), status, stdout, stderr)


_SERVER: Dict[str, ForkedCommands] = {}


def run_command(
    arguments: Sequence[object], *, cwd: Path, folder: Path, extra: Optional[Mapping[str, str]] = None
) -> subprocess.CompletedProcess[str]:
    """Run `aos-ota` in `cwd` with the variables of `extra` more; `folder` is for its output."""
    words, extra = [str(word) for word in arguments], extra or {}
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8", **extra}
    if not hasattr(os, "fork") or any(name.startswith(OF_PYTHON) for name in extra):
        return subprocess.run(
            [sys.executable, "-m", "aos_ota_plugin", *words],
            cwd=cwd,
            text=True,
            encoding="utf-8",
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
            env=environment,
        )
    if "" not in _SERVER:
        _SERVER[""] = ForkedCommands()
    return _SERVER[""].run(words, cwd=cwd, environment=environment, folder=folder)


def _child(request: Dict[str, Any]) -> None:
    """Become the command; never return."""
    os.chdir(request["cwd"])
    os.umask(request["umask"])
    os.environ.clear()
    os.environ.update(request["environment"])
    files = [os.open(os.devnull, os.O_RDONLY)]
    files += [os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600) for path in request["outputs"]]
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    sys.stdin = io.TextIOWrapper(io.FileIO(0, "r", closefd=False), "utf-8")
    sys.stdout = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w", closefd=False)), "utf-8")
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(io.FileIO(2, "w", closefd=False)), "utf-8", "backslashreplace", write_through=True
    )
    random.seed()
    sys.argv = ["aos-ota", *request["arguments"]]
    from aos_ota_plugin.cli.entry import entry

    entry()


def _serve() -> None:
    for name in LOADED:
        __import__(name)
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    while True:
        line = requests.readline()
        if not line:
            return
        child = os.fork()
        if child == 0:
            try:
                _child(json.loads(line))
            finally:
                os._exit(70)  # an error of the above, shown as a status that no command has
        _, state = os.waitpid(child, 0)
        answers.write(b"%d\n" % os.waitstatus_to_exitcode(state))
        answers.flush()


if __name__ == "__main__":
    _serve()
