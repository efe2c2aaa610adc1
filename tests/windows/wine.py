"""CPython for Windows under Wine, as set_up.py lays it out in one folder."""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path
from typing import Dict

PROJECT = Path(__file__).resolve().parents[2]
FOLDER = PROJECT / "build" / "windows"
COMPILERS = tuple(f"arm-none-eabi-{tool}" for tool in ("gcc", "g++", "ar", "ranlib", "objcopy", "objdump"))
"""The programs of Debian's that a build on Windows may start."""
HANGS = 600  # seconds after which a program hangs


class Wine:
    """Runs programs for Windows that lie in this folder."""

    def __init__(self) -> None:
        self.python = FOLDER / "python"
        self.packages = self.python / "Lib" / "site-packages"
        self.scripts = self.python / "Scripts"
        self.prefix = FOLDER / "prefix"
        self.drive = self.prefix / "drive_c"
        home = self.drive / "users" / pwd.getpwuid(os.getuid()).pw_name
        self.compilers = home / ".aliot" / "arm-none-eabi" / "bin"  # where aos-tools lays the vendor's
        self.server_file = self.compilers / "server.txt"

    def root(self, letter: str) -> str:
        """Return the folder of Linux that a drive's letter stands for."""
        return str(self.drive) if letter.lower() == "c" else ""

    def windows_path(self, path: Path) -> str:
        """Return the path by which programs for Windows name a file."""
        if self.drive in (path, *path.parents):
            return "C:\\" + str(path.relative_to(self.drive)).replace("/", "\\")
        return "Z:" + str(path).replace("/", "\\")

    def environment(self) -> Dict[str, str]:
        """Return the variables of a user on Windows without git, and those that Wine asks for."""
        kept = {name: os.environ[name] for name in ("HOME", "USER", "TMPDIR") if name in os.environ}
        return {
            **kept,
            "PATH": "/usr/bin:/bin",
            "LC_ALL": "C.UTF-8",  # else Wine cannot name files in Chinese
            "WINEPREFIX": str(self.prefix),
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": "mscoree,mshtml=",  # neither .NET nor a browser is asked for
            "WINEPATH": ";".join(map(self.windows_path, (self.python, self.scripts))),
            "GIT_PYTHON_REFRESH": "quiet",
        }

    def run(self, *words: object, cwd: Path = PROJECT) -> subprocess.CompletedProcess[bytes]:
        """Run a program; its output and errors together."""
        return subprocess.run(
            ["wine", *map(str, words)],
            cwd=cwd,
            env=self.environment(),
            stdin=subprocess.DEVNULL,  # and output to a pipe: on a terminal of Linux Python for Windows does not start
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=HANGS,
            check=False,
        )

    def start(self) -> None:
        """Start Wine's own services, which would hold another program's output open, and keep them for a minute."""
        self._quietly("wineserver", "-p60")  # its status is 2 where it runs already
        if self._quietly("wine", "wineboot", "--init"):
            raise OSError("wine does not start")

    def stop(self) -> None:
        """End all programs of this Wine, its services included."""
        self._quietly("wineserver", "-k")

    def _quietly(self, *command: str) -> int:
        nothing = subprocess.DEVNULL
        return subprocess.call(
            command, env=self.environment(), stdin=nothing, stdout=nothing, stderr=nothing, timeout=HANGS
        )
