"""Run ``aos make`` with settings that no shell sees, and check from its outputs how it ended.

aos-tools passes the arguments of ``aos make`` to a shell without quotes. It ends with status 0 for interrupted builds,
on Windows for all failed builds.

>>> split_arguments([("OTA_APP_VERSION", "app-1.0.1"), ("MULTITHREADS", "-j4")])
([('OTA_APP_VERSION', 'app-1.0.1')], ['MULTITHREADS=-j4'])
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import signal
import subprocess
import sys
from typing import Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from aos_ota_plugin.children import kill_group, own_group
from aos_ota_plugin.errors import BuildError, Place, ProofError, SettingsError
from aos_ota_plugin.files.folders import temporary_folder
from aos_ota_plugin.files.read import DOCUMENT_MAX, IMAGE_MAX, read_bytes
from aos_ota_plugin.files.transaction import write_file
from aos_ota_plugin.pipeline import build_marker
from aos_ota_plugin.release.manifest import parse_manifest
from aos_ota_plugin.settings import handover
from aos_ota_plugin.settings.fields import OBSOLETE, SYMBOLS
from aos_ota_plugin.settings.foreign import nearest
from aos_ota_plugin.settings.handover import Order, Report
from aos_ota_plugin.settings.sources import read_command_line
from aos_ota_plugin.workspace.launcher import path_with

Pairs = Sequence[Tuple[str, str]]
VERSION = "OTA_APP_VERSION"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLAIN_TEXT = re.compile(r"[A-Za-z0-9_.,:/+@=-]*")
"""Text that has no special meaning to any shell or make."""
_END_SECONDS = 10
"""Seconds that a build has to end when it is asked to."""


class Ending(NamedTuple):
    """The end of a build: the exit status of ``aos``, and the hook's report, None if the hook did not run."""

    status: int
    report: Optional[Report]


def split_arguments(pairs: Pairs) -> Tuple[Pairs, List[str]]:
    """Split arguments into our settings, for the hook, and arguments for ``aos make``.

    Raises:
        SecretError: an argument is a secret.
        SettingsError: an argument for ``aos make`` has characters that a shell or make could interpret.
    """
    read_command_line(pairs)
    ours = {*SYMBOLS, *OBSOLETE}
    others = []
    for name, value in pairs:
        if name in ours:
            continue
        if not _NAME.fullmatch(name) or not _PLAIN_TEXT.fullmatch(value):
            near = nearest(name.upper(), SYMBOLS)
            raise SettingsError(
                f"{name}: this is no setting of ours, and `aos make` would let a shell interpret its value",
                remedy=(f"did you mean {near}? " if near else "") + "Write the value with letters, digits and "
                ".,:/+@=_- only, or set it in package.yaml, under def_config",
            )
        others.append(f"{name}={value}")
    return [(name, value) for name, value in pairs if name in ours], others


def run_aos_make(aos: str, solution: str, board: str, settings: Pairs, others: Sequence[str]) -> Ending:
    """Build the solution in the folder `solution`, show the output, and return how the build ended.

    An empty `board` is the board in package.yaml. Unlike ``aos make -b``, this does not rewrite package.yaml.

    Raises:
        SettingsError: `board` is no name of a board.
        BuildError: `aos` cannot be started.
    """
    if board and not _PLAIN_TEXT.fullmatch(board):
        raise SettingsError(f"{board[:80]!a} is no name of a board", remedy="write SOLUTION@BOARD")
    with _handed_over(Order(secrets.token_hex(16), solution, board, tuple(settings))) as (folder, nonce):
        command = [aos, "make", *([f"BOARD={board}"] if board else []), *others]
        path = path_with(os.path.dirname(os.path.abspath(aos)))
        environment = {**os.environ, handover.VARIABLE: folder, "PATH": path}
        try:
            status = _run(command, solution, environment)
        except OSError as error:
            raise BuildError(
                f"{aos} cannot be started: {error.strerror or error}", remedy="activate the environment that holds it"
            ) from None
        return Ending(status, _report(folder, nonce))


def check_built(ending: Ending, solution: str, version: Optional[str]) -> None:
    """Raise BuildError or ProofError unless the build left a whole release (of `version`, if given)."""
    report = ending.report
    if report is None:
        raise BuildError(
            "aos_ota_plugin did not run in this build: nothing was signed, and no setting arrived",
            remedy="see aos-tools' messages above for a missing component; `aos-ota doctor` says what to change",
        )
    mark = os.path.join(solution, "out", "ota", build_marker.NAME)
    if report.state != handover.BUILT or os.path.lexists(mark):
        raise BuildError(
            f"the build failed, though `aos make` ended with {ending.status}", remedy="its messages stand above"
        )
    _check_release(report.manifest, version)


def _check_release(path: str, version: Optional[str]) -> None:
    place = Place(path)
    again = "build again; does something else write to this folder?"
    try:
        manifest = parse_manifest(read_bytes(path, DOCUMENT_MAX), file=path)
        for image in manifest.images:
            data = read_bytes(os.path.join(os.path.dirname(path), image.file), IMAGE_MAX)
            if hashlib.sha256(data).hexdigest() != image.sha256:
                raise ProofError(
                    f"{image.file} is not the file that this manifest describes", place=place, remedy=again
                )
    except OSError as error:
        raise ProofError(
            f"this build left no whole release: {error.filename}: {error.strerror or error}", place=place, remedy=again
        ) from None
    if version is not None and manifest.version != version:
        raise ProofError(f"{version} was asked for, and this is {manifest.version}", place=place, remedy=again)


@contextlib.contextmanager
def _handed_over(order: Order) -> Iterator[Tuple[str, str]]:
    with temporary_folder("aos-ota-make-") as folder:
        write_file(os.path.join(folder, handover.ORDER), handover.order_to_json(order))
        yield folder, order.nonce


def _report(folder: str, nonce: str) -> Optional[Report]:
    path = os.path.join(folder, handover.REPORT)
    if not os.path.lexists(path):
        return None
    report = handover.parse_report(read_bytes(path), path)
    return report if report.nonce == nonce else None


def _run(command: Sequence[str], folder: str, environment: Mapping[str, str]) -> int:
    # At a terminal the build stays in our process group: Ctrl-C reaches it, and it may ask for a passphrase. Elsewhere
    # it gets a process group of its own, so that all its programs can be ended.
    at_terminal = sys.stdin is not None and sys.stdin.isatty()
    process: subprocess.Popen[bytes] = subprocess.Popen(
        command, cwd=folder, env=environment, **({} if at_terminal else own_group())
    )  # type: ignore[call-overload]
    try:
        status = process.wait()
    except BaseException as error:
        _end(process, grouped=not at_terminal, interrupted=at_terminal and isinstance(error, KeyboardInterrupt))
        raise
    return status if status >= 0 else 128 - status


def _end(process: subprocess.Popen[bytes], *, grouped: bool, interrupted: bool) -> None:
    """Ask the build to end, unless it was `interrupted` already; kill it if it does not."""
    if os.name == "posix" and not interrupted:
        with contextlib.suppress(OSError):
            # Where the shell made a process group for us, all programs that we started are in it.
            group = process.pid if grouped else os.getpgrp()
            if grouped or group == os.getpid():
                os.killpg(group, signal.SIGTERM)
            else:
                process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        if grouped:
            kill_group(process)
        process.kill()
        process.wait()
