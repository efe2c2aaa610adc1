"""The console script: `main`, in a process that neither tidies up while it starts nor takes itself apart at the end.

Both cost a command more time than the signing of an image does.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys

TYPE_CHECKING = False  # `typing` is imported only once garbage is left alone
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Optional, Type

_GARBAGE_WORTH_A_LOOK = 50_000
"""Objects; Python's own 700 have it search through every module again and again while they are imported."""


def _discreet_hook(kind: Type[BaseException], error: BaseException, traceback: Optional[TracebackType]) -> None:
    """What `main` does not catch: where it failed, and no message, which may hold a secret."""
    from aos_ota_plugin.process import describe

    sys.stderr.write(f"aos-ota: {describe(error)}\n")


def entry() -> None:
    """Run the command, and end the process with its status."""
    gc.set_threshold(_GARBAGE_WORTH_A_LOOK)
    from aos_ota_plugin.process import disable_core_dumps

    disable_core_dumps()
    sys.excepthook = _discreet_hook
    from aos_ota_plugin.cli.main import main

    status: object = 0
    try:
        main()
    except SystemExit as end:
        status = 0 if end.code is None else end.code
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:  # a program without a console has none
                stream.flush()
        except (OSError, ValueError):
            status = status or 1  # what was printed did not arrive
    os._exit(status if isinstance(status, int) else 1)
