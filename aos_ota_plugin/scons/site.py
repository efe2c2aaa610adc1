"""Attach the hook for a solution without the component, in its SConstruct's ``Export("defconfig")``."""

from __future__ import annotations

import sys
from typing import Any, Callable


def hooked(export: Callable[..., None]) -> Callable[..., None]:
    """Return SCons' ``Export``, extended to attach the hook when the SConstruct exports ``defconfig``."""

    def export_and_attach(*names: Any, **values: Any) -> None:
        # SCons looks names up in its caller's frame, which would be this one: hand the values over instead.
        caller = sys._getframe(1)
        for name in names:
            for key in name.split() if isinstance(name, str) else ():
                values[key] = caller.f_locals.get(key, caller.f_globals.get(key))
            if isinstance(name, dict):
                values.update(name)
        export(values)
        if "defconfig" in values:
            from aos_ota_plugin.scons.aos import attach

            attach(values["defconfig"])

    return export_and_attach
