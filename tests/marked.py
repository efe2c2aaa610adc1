"""A command with all that it starts, whoever their parent is by then: found by a mark in their environment, and by the
session of one that has it, because SCons starts compilers with an environment of its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path
from typing import Callable, List, Sequence, Set

from waiting import HANGS, until


class Marked:
    """``python -m aos_ota_plugin`` with these words, or ``python`` with `script`; ends all of it when it is left."""

    def __init__(self, words: Sequence[object], *, cwd: Path, script: str = "") -> None:
        self._mark = f"AOS_TEST_MARK={uuid.uuid4().hex}".encode()
        self._sessions: Set[str] = set()
        self.temporary = Path(tempfile.mkdtemp(prefix="m-"))  # short: a broker's socket is in it
        self.output = self.temporary.parent / f"{self.temporary.name}.txt"
        name, value = self._mark.decode().split("=")
        with self.output.open("wb") as stream:
            self._process = subprocess.Popen(
                [sys.executable, *(["-c", script] if script else ["-m", "aos_ota_plugin"]), *map(str, words)],
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
                env={**os.environ, name: value, "TMPDIR": str(self.temporary), "PYTHONUNBUFFERED": "1"},
            )

    def __enter__(self) -> Marked:
        return self

    def __exit__(self, *_: object) -> None:
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):  # it has ended by itself meanwhile
                os.kill(pid, 9)
        until(lambda: not self.pids())
        self._process.wait()
        for path in sorted(self.temporary.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        self.temporary.rmdir()
        self.output.unlink()

    def pids(self, program: str = "") -> List[int]:
        """All that run, or those whose program's name begins so."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                marked = self._mark in (folder / "environ").read_bytes()
                state, _, _, session, *_ = (folder / "stat").read_text().rsplit(")", 1)[1].split()
                if marked:
                    self._sessions.add(session)
                if (
                    state != "Z"
                    and (marked or session in self._sessions)
                    and (folder / "comm").read_text().startswith(program)
                ):
                    found.append(int(folder.name))
            except OSError:  # it has just ended
                continue
        return found

    @property
    def said(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace")

    def until(self, condition: Callable[[], object]) -> None:
        until(condition, lambda: f"waited in vain; it said:\n{self.said[-3000:]}")

    def end(self, number: int) -> int:
        """Send it the signal, to it alone, and wait until it has ended; its status."""
        assert self._process.poll() is None, self.said
        os.kill(self._process.pid, number)
        return self._process.wait(HANGS)
