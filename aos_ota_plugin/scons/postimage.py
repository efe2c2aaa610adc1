"""Runs the chip vendor's image step, notes whether it worked, and keeps signed outputs from being overwritten.

aos-tools starts this in place of the vendor's ``postimage_script``, because it ignores that script's exit status. It
runs in whatever ``python`` stands first on PATH, so it needs the standard library only; and it runs on every build,
so it leaves out the modules that take longer to import than the work itself (json, re, shutil, subprocess, typing).

    python postimage.py --target=BIN --run=SCRIPT --record=JSON --folder=FOLDER [--sweep] [the script's own options]

The vendor's script may write unsigned files under the names of our outputs in FOLDER. An image that is ours (its
digest stands in the manifest beside it) is put back; with ``--sweep`` any other that stands under such a name is
removed: with local signing no device takes it.
"""

from __future__ import annotations

import hashlib
import os
import sys

IMAGES = ("ota_rtos_ota.bin", "ota_rtos_ota.bin.xz")
MANIFEST = "ota_rtos_ota.json"


def main(arguments: list[str]) -> int:
    """Run the step; the vendor script's own exit status, or 1 when there is none to give."""
    ours, passed = _split(arguments)
    record, folder = ours["record"], ours["folder"]
    _remove(record)
    kept = _keep(folder)
    try:
        status = _run(ours["run"], [*passed, "--target=" + ours["target"]])
    finally:
        _restore(folder, kept, "sweep" in ours)
    _write_record(record, ours["run"], status, _sha256(_read(ours["target"])))
    return status


def _split(arguments: list[str]) -> tuple[dict[str, str], list[str]]:
    ours = {}
    passed = []
    for argument in arguments:
        name, _, value = argument[2:].partition("=")
        if argument.startswith("--") and name in ("target", "run", "record", "folder", "sweep"):
            ours[name] = value
        else:
            passed.append(argument)
    return ours, passed


def _run(script: str, arguments: list[str]) -> int:
    # As aos-tools does: a Python script by this Python, anything else by the system.
    command = [sys.executable, script, *arguments] if script.endswith(".py") else [script, *arguments]
    try:
        return _call(command)
    except OSError as error:
        sys.stderr.write("cannot run %s: %s\n" % (script, error))
        return 1


def _call(command: list[str]) -> int:
    """``subprocess.call``: the exit status, or the negative number of the signal that ended the program."""
    sys.stdout.flush()
    if not hasattr(os, "posix_spawnp"):
        import subprocess

        return subprocess.call(command)
    # SIGPIPE and SIGXFSZ, which Python ignores, back to what programs expect (13 and 25 on every such system).
    process = os.posix_spawnp(command[0], command, os.environ, setsigdef=(13, 25))
    try:
        status = os.waitpid(process, 0)[1]
    except BaseException:
        os.kill(process, 9)
        os.waitpid(process, 0)
        raise
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def _keep(folder: str) -> dict[str, tuple[bytes, os.stat_result]]:
    """The files in ``folder`` that are ours by name, each with its bytes and its status."""
    manifest = _read(os.path.join(folder, MANIFEST))
    if manifest is None or b'"images": [' not in manifest:
        return {}
    kept = {}
    for name in (*IMAGES, MANIFEST):
        path = os.path.join(folder, name)
        data = _read(path)
        if data is not None and (name == MANIFEST or _names(manifest, name, data)):
            kept[name] = (data, os.stat(path))
    return kept


def _names(manifest: bytes, name: str, data: bytes) -> bool:
    """Whether our manifest describes a file of this name with these bytes.

    We wrote it: an object a file, its members sorted, one a line, "file" before "sha256". One of another form names
    nothing, and the image is made again.
    """
    described = manifest.partition(b'"file": "%s",' % name.encode("ascii"))[2].partition(b"}")[0]
    return b'"sha256": "%s"' % str(_sha256(data)).encode("ascii") in described


def _restore(folder: str, kept: dict[str, tuple[bytes, os.stat_result]], sweep: bool) -> None:
    for name in (*IMAGES, MANIFEST):
        path = os.path.join(folder, name)
        if name in kept:
            data, status = kept[name]
            if _read(path) != data:
                temporary = os.path.join(folder, "." + name + ".keep.tmp")
                with open(temporary, "wb") as stream:
                    stream.write(data)
                os.chmod(temporary, status.st_mode & 0o7777)
                os.utime(temporary, ns=(status.st_atime_ns, status.st_mtime_ns))
                os.replace(temporary, path)
        elif sweep and name in IMAGES:
            _remove(path)


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError:
        return None


def _sha256(data: bytes | None) -> str | None:
    return None if data is None else hashlib.sha256(data).hexdigest()


def _write_record(path: str, script: str, status: int, digest: str | None) -> None:
    """Note as JSON how the step went. Not flushed to the disk: the next build begins by removing it."""
    temporary = path + ".tmp"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(temporary, "w", encoding="ascii") as stream:
        stream.write('{"script": %s, "status": %d, "target_sha256": %s}\n' % (
            _quoted(script), status, _quoted(digest) if digest else "null"))
    os.replace(temporary, path)


def _quoted(text: str) -> str:
    """A JSON string, all ASCII; what a path cannot say in UTF-8 stays the lone surrogate that Python reads it as."""
    units = text.encode("utf-16-be", "surrogatepass")
    return '"%s"' % "".join(
        chr(low) if not high and 0x20 <= low < 0x7F and low not in b'"\\' else "\\u%02x%02x" % (high, low)
        for high, low in zip(units[::2], units[1::2]))


def _remove(path: str) -> None:
    try:  # noqa: SIM105  # contextlib takes longer to import than all of this
        os.remove(path)
    except OSError:
        pass


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
