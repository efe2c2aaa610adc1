"""Attach the hook for a solution without the component, in its SConstruct's ``Export("defconfig")``."""

from __future__ import annotations

import atexit
import os
import sys
from typing import Any, Callable, List


def hooked(export: Callable[..., None]) -> Callable[..., None]:
    """Return SCons' ``Export``, extended to attach the hook when the SConstruct exports ``defconfig``."""
    exported: List[str] = []
    atexit.register(_explain_end, exported, os.getcwd())

    def export_and_attach(*names: Any, **values: Any) -> None:
        # SCons looks names up in its caller's frame, which would be this one: hand the values over instead.
        caller = sys._getframe(1)
        for name in names:
            for key in name.split() if isinstance(name, str) else ():
                values[key] = caller.f_locals.get(key, caller.f_globals.get(key))
            if isinstance(name, dict):
                values.update(name)
        export(values)
        exported.extend(values)
        if "defconfig" in values:
            from aos_ota_plugin.scons.aos import attach

            attach(values["defconfig"])

    return export_and_attach


def _explain_end(exported: List[str], folder: str) -> None:
    """Show the error of a solution with which aos-tools ended before the SConstruct exported anything.

    Without a board aos-tools says "Not found board component in depends", and does not name the remedy.
    """
    if exported or "aostools" not in sys.modules:
        return
    from aos_ota_plugin.errors import OtaError
    from aos_ota_plugin.scons.actions import show
    from aos_ota_plugin.workspace.solution import load_solution

    boards = [word.partition("=")[2] for word in sys.argv if word.startswith("--board=")]
    try:
        load_solution(folder, board=boards[-1] if boards else None)
    except OtaError as error:
        show(error)
