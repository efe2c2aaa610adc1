"""A file layer with faults: everything by which a process changes the disk is counted, and one of these calls goes wrong.

A fault is a signal (the process is killed there, half of a write done) or an errno (the call fails, half of a write done).
Every attempt runs in a process of its own, forked from one that has the modules loaded.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional

KILL = "kill"
ERRORS = {"ENOSPC": errno.ENOSPC, "EROFS": errno.EROFS, "EACCES": errno.EACCES, "EIO": errno.EIO}
FAULTS = (KILL, *ERRORS)
CALLS = (
    "replace",
    "rename",
    "link",
    "symlink",
    "unlink",
    "remove",
    "rmdir",
    "mkdir",
    "chmod",
    "fsync",
    "utime",
    "truncate",
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class Layer:
    """Counts the changing calls below `folder`; the `nth` of them goes wrong."""

    def __init__(self, folder: str, nth: int, fault: str) -> None:
        self.folder, self.nth, self.fault = os.path.realpath(folder), nth, fault
        self.count = 0
        self.names: List[str] = []

    def install(self) -> None:
        for name in CALLS:
            setattr(os, name, self._wrapped(name, getattr(os, name)))
        original_open, original_fdopen, original_io = os.open, os.fdopen, io.open

        def os_open(path: Any, flags: int, *rest: Any, **options: Any) -> int:
            if flags & _WRITING and self._is_ours(path):
                self._call("open")
            return original_open(path, flags, *rest, **options)

        def fdopen(handle: Any, mode: str = "r", *rest: Any, **options: Any) -> Any:
            stream = original_fdopen(handle, mode, *rest, **options)
            return Stream(stream, self) if set(mode) & set("wax+") else stream

        def io_open(file: Any, mode: str = "r", *rest: Any, **options: Any) -> Any:
            writing = bool(set(mode) & set("wax+")) and self._is_ours(file)
            if writing:
                self._call("open")
            stream = original_io(file, mode, *rest, **options)
            return Stream(stream, self) if writing else stream

        os.open, os.fdopen = os_open, fdopen  # type: ignore[assignment]
        io.open = builtins.open = io_open  # type: ignore[assignment]

    def _wrapped(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(target: Any, *rest: Any, **options: Any) -> Any:
            if self._is_ours(target):
                self._call(name)
            return original(target, *rest, **options)

        return call

    def _is_ours(self, target: Any) -> bool:
        if isinstance(target, int):
            return target > 2
        return os.path.realpath(os.path.dirname(os.path.abspath(os.fsdecode(target)))).startswith(self.folder)

    def _call(self, name: str, before: Callable[[], None] = lambda: None) -> None:
        self.count += 1
        self.names.append(name)
        if self.count == self.nth:
            before()
            if self.fault == KILL:
                os.kill(os.getpid(), signal.SIGKILL)
            raise OSError(ERRORS[self.fault], os.strerror(ERRORS[self.fault]))


class Stream:
    """A file that is written; the write that goes wrong does half of its work."""

    def __init__(self, stream: Any, layer: Layer) -> None:
        self._stream, self._layer = stream, layer

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: Any) -> None:
        self._stream.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, data: Any) -> Any:
        def half() -> None:
            self._stream.write(data[: len(data) // 2])
            self._stream.flush()

        self._layer._call("write", half)
        return self._stream.write(data)


class Attempt(NamedTuple):
    """What came of a run: status (negative: the signal), all that it printed, and the calls it made."""

    status: int
    output: str
    calls: List[str]


def attempt(
    work: Callable[[], Optional[int]],
    folder: Path,
    *,
    nth: int = 0,
    fault: str = KILL,
    environment: Optional[Dict[str, str]] = None,
    report: Path,
) -> Attempt:
    """Run `work` in a process of its own, in `folder`; its status is that of SystemExit, or what it returns."""
    log = report / "output"
    counted = report / "calls"
    counted.write_bytes(b"")
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        _child(work, Layer(str(folder), nth, fault), folder, environment or {}, log, counted)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return Attempt(code, log.read_text(encoding="utf-8", errors="replace"), counted.read_text(encoding="ascii").split())


def _child(
    work: Callable[[], Optional[int]], layer: Layer, folder: Path, environment: Dict[str, str], log: Path, counted: Path
) -> None:
    status = 70
    try:
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        note = os.open(counted, os.O_WRONLY)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        os.chdir(folder)
        os.environ.update(environment)
        layer.install()
        try:
            status = work() or 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os.write(note, " ".join(layer.names).encode("ascii"))
    finally:
        os._exit(status)
