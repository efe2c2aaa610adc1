"""Run the chip's image step (``postimage_script``), which makes ota_rtos.bin of the linked .bin.

aos-tools runs it too, but goes on whatever its exit status is. And the vendor's script may write unsigned files under
the names of our outputs, which are put back when it ends. After a build that was killed before that, the next build or
`aos make clean` removes them, and the commands that hand a release on refuse them (``verify.release_file``).
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from typing import List

from aos_ota_plugin.errors import BuildError
from aos_ota_plugin.pipeline.output_backup import restore_outputs, save_outputs
from aos_ota_plugin.programs import own_environment


def run_image_step(script: str, *, target: str, folder: str, remove_unsigned: bool) -> None:
    """Run one step for ``target`` (the .bin), and put our outputs in ``folder`` back as they were.

    With ``remove_unsigned`` the images that it wrote under our names are removed where there was none of ours.

    ``script`` is what package.yaml says, its path made absolute: a path, then perhaps options after the first " --".

    Raises:
        BuildError: it cannot be started, or ended with another status than 0.
    """
    saved = save_outputs(folder)
    try:
        status = _run(_command(script, target))
    finally:
        restore_outputs(folder, saved, remove_unsigned=remove_unsigned)
    if status != 0:
        raise BuildError(
            f"the chip's image step failed with status {status}: {script}",
            remedy="mend what it complains about above; no OTA image was made from its output",
        )


def _command(script: str, target: str) -> List[str]:
    """Return aos-tools' command: a Python script with the `python` on PATH, anything else as it is."""
    path, separator, options = script.partition(" --")
    start = [shutil.which("python") or sys.executable] if path.endswith(".py") else []
    words = shlex.split("--" + options, posix=os.name == "posix") if separator else []
    return [*start, path, f"--target={target}", *words]


def _run(command: List[str]) -> int:
    try:
        # It holds the build's lock, see spawn.py; and it has no need of our secrets.
        return subprocess.call(command, close_fds=False, env=own_environment())
    except OSError as error:
        raise BuildError(
            f"the chip's image step cannot be started: {command[0]}: {error.strerror or error}",
            remedy="check postimage_script in the chip's package.yaml; can the file be run?",
        ) from None
