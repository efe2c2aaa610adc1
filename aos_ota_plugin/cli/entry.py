"""Run `main` as the console script, without garbage collection at the start and clean-up at the end.

`python -m tests.bench sign` needs both: `aos-ota sign` takes 0.62 of imgtool's CPU time, 0.71 with Python's usual end,
0.65 with its usual collection of garbage, and 0.76 with both.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from typing import TYPE_CHECKING, Optional, Type

if TYPE_CHECKING:
    from types import TracebackType

_COLLECTED_AFTER = 50_000
"""Objects; after Python's own 700 all modules would be searched again and again while they are imported."""


def _discreet_hook(kind: Type[BaseException], error: BaseException, traceback: Optional[TracebackType]) -> None:
    """Show where something failed that `main` does not catch; never its message, which may hold a secret."""
    from aos_ota_plugin.process import describe

    sys.stderr.write(f"aos-ota: {describe(error)}\n")


def entry() -> None:
    """Run the command, and end the process with its status."""
    gc.set_threshold(_COLLECTED_AFTER)
    from aos_ota_plugin.process import disable_core_dumps

    disable_core_dumps()
    sys.excepthook = _discreet_hook
    from aos_ota_plugin.cli.main import main

    status: object = 0
    try:
        main()
    except SystemExit as end:
        status = 0 if end.code is None else end.code
    atexit._run_exitfuncs()  # os._exit leaves them out
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:  # a program without a console has none
                stream.flush()
        except (OSError, ValueError) as error:  # what was printed did not arrive
            if status == 0 and stream is sys.stdout:
                _discreet_hook(type(error), error, error.__traceback__)
            status = status or 1
    os._exit(status if isinstance(status, int) else 1)
