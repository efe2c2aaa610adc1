"""Run an image step (``postimage_script``), which makes the payloads, and read the payloads.

Run by aos-tools, a failed step would go unnoticed. The vendor's script may also write unsigned files under the names of
our outputs; our outputs are put back when it ends. If a build is killed before that, the next build or `aos make clean`
removes the unsigned files, and the commands that pass a release on refuse them (``verify.release_file``).
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
import time
from typing import List, Mapping, NamedTuple, Optional

from aos_ota_plugin.errors import BuildError, placed
from aos_ota_plugin.files.private_files import close_files
from aos_ota_plugin.files.read import IMAGE_MAX, read_file
from aos_ota_plugin.pipeline.output_backup import SavedFile, outputs_saved
from aos_ota_plugin.pipeline.site import Site
from aos_ota_plugin.pipeline.step_listing import files_since, written_since
from aos_ota_plugin.programs import own_environment


class Payloads(NamedTuple):
    """The payload of the full image, and the payload of the xz image if it is a different one."""

    full: bytes
    xz: Optional[bytes] = None

    def __repr__(self) -> str:  # megabytes
        return f"Payloads({len(self.full)} bytes)"


def make_payloads(site: Site, *, remove_unsigned: bool, private: bool = False) -> Payloads:
    """Run the image steps of a site, and return the payloads that they made.

    With ``remove_unsigned``, images that the steps wrote under our names are removed if there were none of ours. With
    ``private``, for a firmware with a secret, every file that the steps wrote is closed to others.

    Raises:
        BuildError: a step failed, or did not make the files in the description of the chip.
        OutputError: a file of ours cannot be put back.
    """
    if not site.steps:
        return _read_payloads(site)
    if private:
        _close_outputs(site)
    with outputs_saved(os.path.dirname(site.image), site.names, remove_unsigned=remove_unsigned) as saved:
        started = time.time_ns()
        for step in site.steps:
            try:
                run_image_step(step, target=str(site.binary))
            finally:
                if private:  # a step may set its files' permissions itself
                    close_files(files_since(site, started))
        if not site.chip.file:
            raise _undescribed(site, started)
        _refuse_old(site, saved, started)
        return _read_payloads(site)


def _close_outputs(site: Site) -> None:
    """Close to others the files that an image step may overwrite: what exists keeps its permissions then."""
    payloads = [path for path in (site.payload, site.xz_payload, site.binary, site.elf) if path]
    folders = {os.path.dirname(path) for path in (site.image, *payloads)}
    close_files(payloads)
    for folder in folders:
        with contextlib.suppress(OSError):
            close_files([entry.path for entry in os.scandir(folder)])


def run_image_step(script: str, *, target: str) -> None:
    """Run one step for ``target`` (the .bin).

    ``script`` is the text of package.yaml with an absolute path: the path, and options after the first " --", if any.

    Raises:
        BuildError: it cannot be started, or ended with another status than 0.
    """
    status = _run(_command(script, target))
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
        # It inherits the build's lock (see spawn.py), and gets none of our secrets.
        return subprocess.call(command, close_fds=False, env=own_environment())
    except OSError as error:
        raise BuildError(
            f"the chip's image step cannot be started: {command[0]}: {error.strerror or error}",
            remedy="check postimage_script in the package.yaml of the chip or solution; can the file be run?",
        ) from None


# --- the files that the steps made


def _read_payloads(site: Site) -> Payloads:
    full = _read(site.payload, site)
    return Payloads(full, _read(site.xz_payload, site) if site.xz_payload else None)


def _read(path: str, site: Site) -> bytes:
    """Read a payload; if the file has an image's name, the payload in that unsigned image."""
    data = read_file(path, "the payload", "build the firmware first", limit=IMAGE_MAX)
    if os.path.basename(path) not in site.names.images or os.path.dirname(path) != os.path.dirname(site.image):
        return data
    from aos_ota_plugin.pipeline.payloads import payload_in

    with placed(path):
        return payload_in(data)


def _refuse_old(site: Site, saved: Mapping[str, SavedFile], started: int) -> None:
    """Raise BuildError for a payload that the steps did not make."""
    if not site.binary:
        return
    paths = [path for path in (site.payload, site.xz_payload) if path and path != site.binary]
    missing = [path for path in paths if not _is_made(path, saved)]
    linked = os.stat(site.binary).st_mtime_ns
    old = [path for path in paths if path not in missing and os.stat(path).st_mtime_ns < linked]
    if missing:
        none = len(missing) + len(old) == len(paths)
        raise BuildError(
            ("the image step made none of the files that" if none else "the image step left out a file that")
            + f" {site.chip.file} describes: {', '.join(missing)}; {written_since(site, started)}",
            remedy="look for its messages above; where it makes other files now, describe them: in "
            f"{site.chip_override} or a file of OTA_CHIP_FILE (docs/chips.md)",
        )
    if old:
        raise BuildError(
            f"{old[0]} is older than {os.path.basename(site.binary)}: the image step did not renew it, so an image "
            f"made from it would carry the old firmware; {written_since(site, started)}",
            remedy="look for the image step's messages above; delete the stale file and run `aos make` again",
        )


def _is_made(path: str, saved: Mapping[str, SavedFile]) -> bool:
    """Return whether a file exists, and is not the file of ours that was there before the steps."""
    try:
        before = saved.get(os.path.basename(path))
        if before is None or os.stat(path).st_mtime_ns != before.mtime_ns:
            return os.path.isfile(path)
        return read_file(path, "the payload", "", limit=IMAGE_MAX) != before.data
    except OSError:
        return False


def _undescribed(site: Site, started: int) -> BuildError:
    chip = f"the chip {site.chip.name}" if site.chip.name else "this solution's chip"
    return BuildError(
        f"an image step ran ({', '.join(site.steps)}), and no description of {chip} says which file of it is the "
        f"firmware that devices get; {written_since(site, started)}",
        remedy=f"write {site.chip_override} as docs/chips.md says; where the step leaves the firmware as it is, two "
        "lines are enough: `schema: aos-ota-chip/1` and `full: ota_rtos_ota.bin`",
    )
