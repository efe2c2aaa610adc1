"""A process of its own beside the chip vendor's image step: it puts our files back when the build does not live to.

The vendor's script writes unsigned images under our names while it runs, which takes seconds. A build that is killed
meanwhile can put nothing back. This process holds copies of our files and the reading end of a pipe whose writing ends
the build and the script have: when all of those are gone and no word came that all is well, it restores.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from types import TracebackType
from typing import Mapping, Optional, Type

from aos_ota_plugin.errors import BuildError
from aos_ota_plugin.pipeline.own_outputs import Kept

PROCESS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "step_guard_process.py")
_WELL = b"."


class StepGuard:
    """Guards ``folder`` from entering to leaving; whoever leaves has put things right himself."""

    def __init__(self, folder: str, kept: Mapping[str, Kept], *, sweep: bool) -> None:
        self._folder = folder
        self._kept = kept
        self._sweep = sweep
        self._process: Optional[subprocess.Popen[bytes]] = None

    def __enter__(self) -> StepGuard:
        """Start it. Raises BuildError."""
        header = {
            "folder": os.path.abspath(self._folder),
            "sweep": self._sweep,
            "files": {name: [len(one.data), one.mtime_ns] for name, one in self._kept.items()},
        }
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", PROCESS],
                stdin=subprocess.PIPE,
                # Out of reach of Ctrl-C, and of whoever ends all processes of the build at once.
                start_new_session=os.name == "posix",
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
            assert self._process.stdin is not None
            held = b"".join([json.dumps(header).encode("ascii"), b"\n", *(one.data for one in self._kept.values())])
            self._process.stdin.write(b"%d\n" % len(held) + held)
            self._process.stdin.flush()
            # For the script and all that it starts: they may outlive a build that is killed, and go on writing.
            os.set_inheritable(self._process.stdin.fileno(), True)
        except OSError as error:
            raise BuildError(
                f"cannot start the process that guards the images: {sys.executable}: {error.strerror or error}",
                remedy="check that this Python can be started",
            ) from None
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if self._process is not None:
            try:
                self._process.communicate(_WELL)
            except OSError:  # it was ended by someone
                self._process.wait()
