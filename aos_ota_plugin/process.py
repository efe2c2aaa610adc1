"""What a process that holds secrets owes them: no core dump, and no word of theirs when it fails inside.

``PR_SET_DUMPABLE`` would go further where the kernel pipes cores to a program, and is left out: with ctypes it costs
every command 3 ms, it ends with the exec of whatever is started, and it would keep a user's debugger off his own
`aos make`.
"""

from __future__ import annotations

import contextlib
import os
from types import TracebackType
from typing import List, Optional

_HOME = os.path.dirname(os.path.abspath(__file__))
_SHOWN = 12


def no_core_dumps() -> None:
    """A crash of this process, or of one that it starts, leaves no picture of its memory on the disk.

    Systems without such limits (Windows) are left as they are.
    """
    try:
        import resource
    except ImportError:
        return
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def describe(error: BaseException) -> str:
    """Where something failed inside, for a report: kinds of errors, files and lines.

    Never a message, a source line or a value: any of them may hold a secret.
    """
    if isinstance(error, MemoryError):
        return "there is not enough memory\n  fix: end other programs, or check that the files are what they should be"
    kinds: List[str] = []
    cause: Optional[BaseException] = error
    while cause is not None and len(kinds) < _SHOWN:
        kinds.append(type(cause).__name__)
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    places = _places(error.__traceback__)[-_SHOWN:]
    return (
        f"internal error: {', from '.join(kinds)}\n    at "
        + "\n    at ".join(places or ["?"])
        + "\n  fix: this is a fault of aos_ota_plugin; please report these lines, which hold none of your values, "
        "and the command"
    )


def _places(traceback: Optional[TracebackType]) -> List[str]:
    places = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        file = code.co_filename
        shown = os.path.relpath(file, _HOME) if file.startswith(_HOME + os.sep) else os.path.basename(file)
        places.append(f"{shown.replace(os.sep, '/')}:{traceback.tb_lineno} in {code.co_name}")
        traceback = traceback.tb_next
    return places
