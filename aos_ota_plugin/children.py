"""Start processes that end with us, together with all that they have started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from types import FrameType
from typing import Any, Callable, Iterator, List, Mapping, Optional, Sequence

Handler = Callable[[int, Optional[FrameType]], None]


def ending_signals() -> List[int]:
    """Return the numbers of the signals for Ctrl-C, `kill` and a closed terminal that this system has."""
    return [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@contextlib.contextmanager
def on_ending_signals(handler: Handler) -> Iterator[None]:
    """Have `handler` answer them in here; afterwards they do what they did before."""
    old = [(number, signal.signal(number, handler)) for number in ending_signals()]
    try:
        yield
    finally:
        for number, before in old:
            signal.signal(number, before)


@contextlib.contextmanager
def unwind_on_signals() -> Iterator[None]:
    """Let the first signal that ends a program unwind the block, as Ctrl-C does everywhere."""

    def leave(number: int, _frame: Optional[FrameType]) -> None:
        for ending in ending_signals():
            signal.signal(ending, signal.SIG_IGN)  # what follows ends processes, and takes seconds
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + number)

    with on_ending_signals(leave):
        yield


@contextlib.contextmanager
def delay_signals() -> Iterator[None]:
    """Delay ending signals until the end of this block, in which a process is started.

    Popen interrupted when the program runs already would leave a process that nothing ends.
    """
    if threading.current_thread() is not threading.main_thread():  # Python handles signals in the main thread only
        yield
        return
    received: List[int] = []
    handlers = {number: signal.getsignal(number) for number in ending_signals()}
    replaced = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in replaced:
        signal.signal(number, lambda number, _frame: received.append(number))
    try:
        yield
    finally:
        for number, handler in replaced.items():
            signal.signal(number, handler)
        for number in received:
            signal.raise_signal(number)


def own_group() -> Mapping[str, object]:
    """Return Popen's arguments for a process group of its own.

    The process and all that it starts can then be ended together, and Ctrl-C reaches only us.
    """
    if os.name == "posix":
        return {"start_new_session": True}
    return {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}


def kill_group(process: subprocess.Popen[Any]) -> None:
    """Kill a process started with `own_group` and not waited for yet, and all that it started."""
    if os.name == "posix":
        # The group's number is not reused while the program is not waited for, or one of its children lives.
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
    """Return Popen's preexec_fn that makes Linux end the process when we are killed; None elsewhere.

    The kernel watches the thread that starts the process: that thread must not end earlier.
    """
    if not sys.platform.startswith("linux"):
        return None
    import ctypes

    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def set_death_signal() -> None:
        prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:  # the parent was killed before prctl
            os.kill(os.getpid(), signal.SIGKILL)

    return set_death_signal


def end_process(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Ask a process to end, wait up to ``seconds`` for it, then kill it; return when it has ended."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def program_output(
    command: Sequence[str],
    *,
    folder: Optional[str] = None,
    environment: Optional[Mapping[str, str]] = None,
    seconds: float,
) -> Optional[bytes]:
    """Return what a program writes to standard output; None where it fails.

    It fails when it cannot be started, ends with another status than 0 or takes longer than ``seconds``. It reads no
    input, and its errors are not shown. ``folder`` and ``environment`` are ours when they are None.
    """
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return None if done.returncode else done.stdout
