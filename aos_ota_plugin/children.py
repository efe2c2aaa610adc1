"""Processes that we start end with us, with all that they have started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from typing import Any, Callable, Iterator, List, Mapping, Optional


def ending_signals() -> List[int]:
    """Return Ctrl-C, `kill`, and a terminal that is closed, where this system has them."""
    return [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Put off the answer to a signal that ends us until the end of this block, in which a process is started.

    Popen itself, interrupted when the program runs already, would leave a process that nobody ends.
    """
    if threading.current_thread() is not threading.main_thread():  # Python answers signals in the main thread alone
        yield
        return
    came: List[int] = []
    handlers = {number: signal.getsignal(number) for number in ending_signals()}
    answered = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in answered:
        signal.signal(number, lambda number, _frame: came.append(number))
    try:
        yield
    finally:
        for number, handler in answered.items():
            signal.signal(number, handler)
        for number in came:
            signal.raise_signal(number)


def own_group() -> Mapping[str, object]:
    """Arguments of Popen by which the process and all that it starts can be ended together, and Ctrl-C is ours."""
    if os.name == "posix":
        return {"start_new_session": True}
    return {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}


def kill_group(process: subprocess.Popen[Any]) -> None:
    """Kill a process that was started with `own_group` and nobody has waited for, and all that it started."""
    if os.name == "posix":
        # While the program is not waited for, or one of its children lives, its group's number is no one else's.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    elif process.poll() is None:
        subprocess.run(
            ["taskkill", "/T", "/F", "/PID", str(process.pid)],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def die_with_parent() -> Optional[Callable[[], None]]:
    """On Linux: Popen's preexec_fn by which the kernel ends the process when we are killed; elsewhere None.

    The kernel looks at the thread that starts the process: that one must not end earlier.
    """
    if not sys.platform.startswith("linux"):
        return None
    import ctypes

    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def arrange() -> None:
        prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:  # killed in between
            os.kill(os.getpid(), signal.SIGKILL)

    return arrange
