"""Protect the secrets in a process's memory: no core dumps, no values in reports of internal errors.

``PR_SET_DUMPABLE`` would go further where the kernel pipes cores to a program, but is not used: with ctypes it costs
every command 3 ms, it ends with the exec of whatever is started, and users could not debug their own `aos make`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from types import TracebackType
from typing import List, Optional

_PACKAGE_FOLDER = os.path.dirname(os.path.abspath(__file__))
_LINES_MAX = 12
_PRINTERS = ("click.utils", "aos_ota_plugin.cli.output", "aos_ota_plugin.cli.entry")
"""Modules that print; the files that commands write have errors of their own."""
_LAST_TIME = 29_400_000_000
"""Seconds since 1970: from there on, calculating with dates fails."""


def disable_core_dumps() -> None:
    """Switch off core dumps of this process and of those that it starts.

    Systems without such limits (Windows) are left as they are.
    """
    try:
        import resource
    except ImportError:
        return
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def describe(error: BaseException) -> str:
    """Return a report of an internal error: kinds of errors, files and lines.

    It holds no message, no source line and no value: any of them may hold a secret.
    """
    if isinstance(error, MemoryError):
        return "there is not enough memory\n  fix: end other programs, or check that the files are what they should be"
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("aos_ota_plugin"):
        return _lacking(error.name)
    outside = _outside(error)
    if outside:
        return outside
    kinds: List[str] = []
    cause: Optional[BaseException] = error
    while cause is not None and len(kinds) < _LINES_MAX:
        kinds.append(type(cause).__name__)
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    places = _places(error.__traceback__)[-_LINES_MAX:]
    return (
        f"internal error: {', from '.join(kinds)}\n    at "
        + "\n    at ".join(places or ["?"])
        + "\n  fix: this is a fault of aos_ota_plugin; please report these lines, which hold none of your values, "
        "and the command"
    )


_OF_THE_MACHINE = {
    errno.ENOSPC: "make room on the disk, or print to another place",
    errno.EDQUOT: "make room in your quota",
    errno.EIO: "check the disk, or the place that is printed to",
    errno.EBADF: "run it with standard input, output and error open, or led to a file",
    errno.EROFS: "choose a place that can be written",
    errno.EMFILE: "raise the limit of open files: ulimit -n",
    errno.ENFILE: "end other programs",
    errno.ENOLCK: "use a disk of this machine",
    errno.ENOSYS: "use a disk of this machine",
    errno.ENAMETOOLONG: "use shorter names, and set TMPDIR to a short path",
    errno.ENETUNREACH: "connect this machine to the network",
    errno.EHOSTUNREACH: "connect this machine to the network",
    errno.ENETDOWN: "connect this machine to the network",
    errno.ECONNREFUSED: "start the program at the other end",
    errno.ENOMEM: "end other programs",
}
"""What to do about errors of the system that no code of ours can cause, by their numbers."""


def _outside(error: BaseException) -> str:
    """Return the report of an error that this machine caused, without values; "" for any other error."""
    try:
        os.getcwd()
    except OSError:
        return "error: the current folder has been removed\n  fix: change into one that exists"
    if isinstance(error, OSError):
        if str(error) == "AF_UNIX path too long":
            return "error: the path of the temporary folder is too long for a socket\n  fix: set TMPDIR to a short path"
        if error.errno in _OF_THE_MACHINE:
            where = "standard output: " if _is_printing(error.__traceback__) else ""
            return f"error: {where}{os.strerror(error.errno)}\n  fix: {_OF_THE_MACHINE[error.errno]}"
    if isinstance(error, (OverflowError, ValueError, OSError)) and time.time() > _LAST_TIME:
        return "error: the clock is wrong: it is later than the year 2900\n  fix: set the clock"
    return ""


def _is_printing(traceback: Optional[TracebackType]) -> bool:
    """Return whether an error comes from a write to standard output, whose errors carry no name."""
    while traceback is not None and traceback.tb_frame.f_globals.get("__name__") not in _PRINTERS:
        traceback = traceback.tb_next
    return traceback is not None


def _lacking(module: str) -> str:
    """Return what to do about a module that a clone needs and that was never installed."""
    checkout = os.path.dirname(_PACKAGE_FOLDER)
    source = checkout if os.path.isfile(os.path.join(checkout, "pyproject.toml")) else "aos_ota_plugin"
    return (
        f"error: the Python that runs this ({sys.executable}) lacks the module {module}\n"
        f'  fix: "{sys.executable}" -m pip install "{source}"'
    )


def _places(traceback: Optional[TracebackType]) -> List[str]:
    places = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        file = code.co_filename
        shown = (
            os.path.relpath(file, _PACKAGE_FOLDER)
            if file.startswith(_PACKAGE_FOLDER + os.sep)
            else os.path.basename(file)
        )
        places.append(f"{shown.replace(os.sep, '/')}:{traceback.tb_lineno} in {code.co_name}")
        traceback = traceback.tb_next
    return places
