"""Running the chip vendor's image step (``postimage_script``), which turns the linked .bin into ota_rtos.bin.

aos-tools runs it too, but goes on whatever its exit status is. And the vendor's script may write unsigned files under
the names of our outputs, which are put back afterwards, also when the build is killed before the script ends.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from typing import List

from aos_ota_plugin.errors import BuildError
from aos_ota_plugin.pipeline.own_outputs import keep, restore
from aos_ota_plugin.pipeline.step_guard import StepGuard


def run_image_step(script: str, *, target: str, folder: str, sweep: bool) -> None:
    """Run one step for ``target`` (the .bin); ``folder`` is where our outputs lie. For ``sweep`` see ``kept``.

    ``script`` is what package.yaml says, its path made absolute: a path, then perhaps options after the first " --".

    Raises:
        BuildError: it cannot be started, or ended with another status than 0.
    """
    kept = keep(folder)
    with StepGuard(folder, kept, sweep=sweep):
        try:
            status = _run(_command(script, target))
        finally:
            restore(folder, kept, sweep=sweep)
    if status != 0:
        raise BuildError(
            f"the chip's image step failed with status {status}: {script}",
            remedy="mend what it complains about above; no OTA image was made from its output",
        )


def _command(script: str, target: str) -> List[str]:
    """As aos-tools does: a Python script by the `python` on PATH, anything else by the system."""
    path, separator, options = script.partition(" --")
    start = [shutil.which("python") or sys.executable] if path.endswith(".py") else []
    own = shlex.split("--" + options, posix=os.name == "posix") if separator else []
    return [*start, path, f"--target={target}", *own]


def _run(command: List[str]) -> int:
    try:
        return subprocess.call(command, close_fds=False)  # it inherits the guard's pipe
    except OSError as error:
        raise BuildError(
            f"the chip's image step cannot be started: {command[0]}: {error.strerror or error}",
            remedy="check postimage_script in the chip's package.yaml; can the file be run?",
        ) from None
