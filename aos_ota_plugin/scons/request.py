"""Read the request for a build, and report to the `aos-ota make` that started it."""

from __future__ import annotations

import contextlib
import os
from typing import List, Optional, Tuple

import SCons.Script

from aos_ota_plugin.errors import OutputError, SettingsError, WorkspaceError
from aos_ota_plugin.files.read import read_bytes
from aos_ota_plugin.files.transaction import write_file
from aos_ota_plugin.settings import handover
from aos_ota_plugin.settings.command_line import Request, environment_warning, requested_pairs
from aos_ota_plugin.settings.fields import SYMBOLS


class BuildRequest:
    """The request for a build of the solution in `folder` for `board`."""

    def __init__(self, folder: str, board: str) -> None:
        self._reports: Optional[str] = None
        self._nonce = ""
        order = self._order(folder)
        if order is not None and order.board not in ("", board):
            raise WorkspaceError(
                f"`aos-ota make` asked for the board {order.board}, and this build is for {board or 'none'}",
                remedy="the solution's Makefile has to hand its BOARD to scons: `scons --board=$(BOARD)`; where "
                "aos-tools starts scons without make, choose the board in package.yaml, under hw_info",
            )
        self.pairs = requested_pairs(
            Request(
                scons=SCons.Script.ARGLIST,
                after_hyphens=_split(SCons.Script.COMMAND_LINE_TARGETS),
                makeflags=os.environ.get("MAKEFLAGS", ""),
                handed_over=order.settings if order else (),
            ),
            SYMBOLS,
        )

    def warning(self) -> Optional[str]:
        """Return a warning about settings in the environment, which have no effect there, or None."""
        return environment_warning(os.environ, self.pairs, SYMBOLS)

    def report_success(self, manifest: str) -> None:
        """Tell `aos-ota make`, if it started this build, that all is built; `manifest` is a path.

        Call it only when SCons has written its record, which it does after failed builds, too.
        """
        failed = SCons.Script.Main.exit_status or SCons.Script.GetBuildFailures()
        if not failed:
            with contextlib.suppress(OutputError):  # without a report `aos-ota make` says that the build failed
                self._report(handover.BUILT, manifest)

    def _order(self, folder: str) -> Optional[handover.Order]:
        # Removed: programs that the build starts must not take the order for theirs.
        place = os.environ.pop(handover.VARIABLE, None)
        if not place:
            return None
        file = os.path.join(place, handover.ORDER)
        try:
            data = read_bytes(file)
        except OSError as error:
            raise SettingsError(
                f"cannot read what `aos-ota make` handed over, {file}: {error.strerror or error}",
                remedy=f"`unset {handover.VARIABLE}` if no `aos-ota make` is running",
            ) from None
        order = handover.parse_order(data, file)
        if not _same_folder(order.solution, folder):
            return None
        self._reports, self._nonce = place, order.nonce
        self._report(handover.STARTED, "")
        return order

    def _report(self, state: str, manifest: str) -> None:
        if self._reports:
            write_file(
                os.path.join(self._reports, handover.REPORT),
                handover.report_to_json(handover.Report(self._nonce, state, manifest)),
            )


def _split(targets: List[str]) -> List[Tuple[str, str]]:
    """Return the targets of the form NAME=value: behind ``--`` SCons takes arguments for targets."""
    pairs = (str(target).partition("=") for target in targets if "=" in str(target))
    return [(name, value) for name, _, value in pairs]


def _same_folder(path: str, other: str) -> bool:
    try:
        return os.path.samefile(path, other)
    except OSError:
        return False
