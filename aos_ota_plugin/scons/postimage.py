"""Runs the chip vendor's image step, notes whether it worked, and keeps signed outputs from being overwritten.

aos-tools starts this in place of the vendor's ``postimage_script``, because it ignores that script's exit status. It
runs in whatever ``python`` stands first on PATH, so it needs the standard library only.

    python postimage.py --target=BIN --run=SCRIPT --record=JSON --folder=FOLDER [--sweep] [the script's own options]

The vendor's script may write unsigned files under the names of our outputs in FOLDER. An image that is ours (its
digest stands in the manifest beside it) is put back; with ``--sweep`` any other that stands under such a name is
removed: with local signing no device takes it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
from typing import Dict, List, Optional, Tuple

IMAGES = ("ota_rtos_ota.bin", "ota_rtos_ota.bin.xz")
MANIFEST = "ota_rtos_ota.json"


def main(arguments: List[str]) -> int:
    """Run the step; the vendor script's own exit status, or 1 when there is none to give."""
    ours, passed = _split(arguments)
    record, folder = ours["record"], ours["folder"]
    _remove(record)
    keep = os.path.join(os.path.dirname(record), "keep")
    kept = _keep(folder, keep)
    try:
        status = _run(ours["run"], [*passed, "--target=" + ours["target"]])
    finally:
        _restore(folder, keep, kept, "sweep" in ours)
        shutil.rmtree(keep, ignore_errors=True)
    _write_json(record, {"script": ours["run"], "status": status, "target_sha256": _sha256(ours["target"])})
    return status


def _split(arguments: List[str]) -> Tuple[Dict[str, str], List[str]]:
    ours: Dict[str, str] = {}
    passed: List[str] = []
    for argument in arguments:
        name, _, value = argument[2:].partition("=")
        if argument.startswith("--") and name in ("target", "run", "record", "folder", "sweep"):
            ours[name] = value
        else:
            passed.append(argument)
    return ours, passed


def _run(script: str, arguments: List[str]) -> int:
    # As aos-tools does: a Python script by this Python, anything else by the system.
    command = [sys.executable, script] if script.endswith(".py") else [script]
    try:
        return subprocess.call(command + arguments)
    except OSError as error:
        sys.stderr.write("cannot run %s: %s\n" % (script, error))
        return 1


def _keep(folder: str, keep: str) -> Dict[str, str]:
    """{name: sha256} of the files in ``folder`` that are ours, each copied to ``keep``."""
    try:
        with open(os.path.join(folder, MANIFEST), encoding="utf-8") as stream:
            ours = {image["file"]: image["sha256"] for image in json.load(stream)["images"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    ours[MANIFEST] = _sha256(os.path.join(folder, MANIFEST))
    kept: Dict[str, str] = {}
    for name in (*IMAGES, MANIFEST):
        path = os.path.join(folder, name)
        if name in ours and _sha256(path) == ours[name]:
            os.makedirs(keep, exist_ok=True)
            shutil.copy2(path, os.path.join(keep, name))
            kept[name] = ours[name]
    return kept


def _restore(folder: str, keep: str, kept: Dict[str, str], sweep: bool) -> None:
    for name in (*IMAGES, MANIFEST):
        path = os.path.join(folder, name)
        if name in kept:
            if _sha256(path) != kept[name]:
                temporary = os.path.join(folder, "." + name + ".keep.tmp")
                shutil.copy2(os.path.join(keep, name), temporary)
                os.replace(temporary, path)
        elif sweep and name in IMAGES:
            _remove(path)


def _sha256(path: str) -> Optional[str]:
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as stream:
            for block in iter(lambda: stream.read(1 << 20), b""):
                digest.update(block)
    except OSError:
        return None
    return digest.hexdigest()


def _write_json(path: str, value: Dict[str, object]) -> None:
    temporary = path + ".tmp"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(temporary, "w", encoding="utf-8") as stream:
        json.dump(value, stream)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(temporary, path)


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.remove(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
