"""The real tools of a build, with a fault in one of them at one of its writes; the counting is done in tool_faults.c."""

from __future__ import annotations

import os
import shlex
import signal
import struct
import subprocess
import time
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional

TOOLS = ("cc1", "as", "ar", "ld", "objcopy", "build_bin.py", "scons")
SIGNALS = ("INT group", "TERM group", "KILL group", "TERM scons", "KILL scons", "KILL tool")
FULL = "ENOSPC"
SOURCE = Path(__file__).with_suffix(".c")
STATE = struct.Struct(f"{len(TOOLS) + 2}I")


class Fault(NamedTuple):
    """What goes wrong: at the `nth` write of `tool`; with `everywhere` the disk is full for all programs, not for that one."""

    tool: str = "ld"
    nth: int = 0
    fault: str = FULL
    everywhere: bool = False


class Ending(NamedTuple):
    """How a build with a fault ended: its status, what it printed, the writes of each tool, and whether the fault struck."""

    status: int
    output: str
    writes: Dict[str, int]
    struck: bool


class Faults:
    """A toolchain in `folder` whose programs, and those of a whole build, go wrong with what they write below `below`."""

    def __init__(self, folder: Path, below: Path, cc: str) -> None:
        self.folder, self._below = folder, below
        self._state, self._settings, self._log = folder / "state", folder / "settings", folder / "output"
        library = folder / "tool_faults.so"
        assert not set(" :") & set(str(library)), "LD_PRELOAD cannot name it"
        (folder / "bin").mkdir(parents=True)
        subprocess.run(
            [cc, "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", library, SOURCE], check=True
        )
        self._library = library
        # SCons gives the compiler a small environment of its own: the wrapper adds to it.
        for real in Path("/usr/bin").glob("arm-none-eabi-*"):
            wrapper = folder / "bin" / real.name
            wrapper.write_text(f'#!/bin/sh\n. {shlex.quote(str(self._settings))}\nexec {real} "$@"\n', encoding="utf-8")
            wrapper.chmod(0o755)
        self._settings.write_bytes(b"")

    def run(self, command: List[str], fault: Fault, *, cwd: Path, env: Dict[str, str], timeout: float = 120) -> Ending:
        """The command in a process group of its own; what it started may outlive it, see `wait`."""
        self._state.write_bytes(bytes(STATE.size))
        settings = {
            "LD_PRELOAD": str(self._library),
            "TOOL_FAULT_STATE": str(self._state),
            "TOOL_FAULT_FOLDER": str(self._below),
            "TOOL_FAULT_TOOL": fault.tool,
            "TOOL_FAULT_NTH": str(fault.nth),
            "TOOL_FAULT": fault.fault,
            **({"TOOL_FAULT_ALL": "y"} if fault.everywhere else {}),
        }
        exports = [
            f"export {name}={shlex.quote(value)}\n" for name, value in {**settings, "TMPDIR": env["TMPDIR"]}.items()
        ]
        self._settings.write_text("".join(exports), encoding="utf-8")
        try:
            with open(self._log, "wb") as log:
                # `env`: signals are as usual even where this process ignores Ctrl-C, as in the background of a shell.
                build = subprocess.Popen(
                    ["env", "--default-signal=INT,TERM,HUP", *command],
                    cwd=cwd,
                    env={**env, **settings},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
                try:
                    status = build.wait(timeout)
                except subprocess.TimeoutExpired:
                    os.killpg(build.pid, signal.SIGKILL)
                    build.wait()
                    raise
        finally:
            self._settings.write_bytes(b"")
        *counts, struck, _ = STATE.unpack(self._state.read_bytes())
        return Ending(status, self._log.read_text("utf-8", "replace"), dict(zip(TOOLS, counts)), bool(struck))

    def wait(self, timeout: float = 60) -> None:
        """Until nothing that the last command started runs any longer."""
        end = time.monotonic() + timeout
        while (running := self.running()) is not None:
            assert time.monotonic() < end, running
            time.sleep(0.02)

    def running(self) -> Optional[str]:
        """Return the command line of a process that the last command started and that still runs, or None."""
        return _with(f"TOOL_FAULT_STATE={self._state}\0".encode())


def _with(mark: bytes) -> Optional[str]:
    """The command line of a process whose environment has the mark."""
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                if mark in (process / "environ").read_bytes():
                    return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            except OSError:
                continue
    return None
