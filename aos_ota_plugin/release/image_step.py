"""Running the chip vendor's image step (``postimage_script``), which turns the linked .bin into ota_rtos.bin.

aos-tools runs it too, but goes on whatever its exit status is. And the vendor's script may write unsigned files under
the names of our outputs: an image that is ours (its digest stands in the manifest beside it) is put back afterwards;
with ``sweep`` whatever else stands under such a name is removed, because with local signing no device takes it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Mapping, NamedTuple, Optional

from aos_ota_plugin.errors import BuildError
from aos_ota_plugin.release import store
from aos_ota_plugin.release.names import IMAGE_NAME, MANIFEST_NAME, XZ_SUFFIX, diff_name

IMAGES = (IMAGE_NAME, IMAGE_NAME + XZ_SUFFIX)
"""What vendors' scripts write."""
OURS = (*IMAGES, diff_name(IMAGE_NAME))


class _Kept(NamedTuple):
    data: bytes
    mtime_ns: int


def run_image_step(script: str, *, target: str, folder: str, sweep: bool) -> None:
    """Run one step for ``target`` (the .bin); ``folder`` is where our outputs lie.

    ``script`` is what package.yaml says, its path made absolute: a path, then perhaps options after the first " --".

    Raises:
        BuildError: it cannot be started, or ended with another status than 0.
    """
    kept = _keep(folder)
    try:
        status = _run(_command(script, target))
    finally:
        _restore(folder, kept, sweep=sweep)
    if status != 0:
        raise BuildError(f"the chip's image step failed with status {status}: {script}",
                         remedy="mend what it complains about above; no OTA image was made from its output")


def _command(script: str, target: str) -> List[str]:
    """As aos-tools does: a Python script by the `python` on PATH, anything else by the system."""
    path, separator, options = script.partition(" --")
    start = [shutil.which("python") or sys.executable] if path.endswith(".py") else []
    own = shlex.split("--" + options, posix=os.name == "posix") if separator else []
    return [*start, path, f"--target={target}", *own]


def _run(command: List[str]) -> int:
    try:
        return subprocess.call(command)
    except OSError as error:
        raise BuildError(f"the chip's image step cannot be started: {command[0]}: {error.strerror or error}",
                         remedy="check postimage_script in the chip's package.yaml; can the file be run?") from None


def _keep(folder: str) -> Mapping[str, _Kept]:
    """The files in ``folder`` that are ours, by name."""
    ours = _described(folder)
    kept: Dict[str, _Kept] = {}
    for name, digest in ours.items():
        path = Path(folder, name)
        with contextlib.suppress(OSError):
            data = path.read_bytes()
            if digest is None or hashlib.sha256(data).hexdigest() == digest:
                kept[name] = _Kept(data, path.stat().st_mtime_ns)
    return kept


def _described(folder: str) -> Dict[str, Optional[str]]:
    """Names and digests that a manifest of ours in ``folder`` gives; its own name without one."""
    try:
        manifest = json.loads(Path(folder, MANIFEST_NAME).read_bytes())
        named = {image["file"]: str(image["sha256"]) for image in manifest["images"]}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}
    return {MANIFEST_NAME: None, **{name: named[name] for name in OURS if name in named}}


def _restore(folder: str, kept: Mapping[str, _Kept], *, sweep: bool) -> None:
    for name in (*OURS, MANIFEST_NAME):
        path = Path(folder, name)
        if name in kept:
            if store.write_if_changed(path, kept[name].data):
                os.utime(path, ns=(kept[name].mtime_ns, kept[name].mtime_ns))
        elif sweep and name in IMAGES:
            with contextlib.suppress(OSError):
                path.unlink()
