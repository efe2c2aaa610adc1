"""One build of a solution at a time."""

from __future__ import annotations

from pathlib import Path

from aos_ota_plugin.errors import BusyError, OutputError


class BuildLock:
    """Holds a lock file for as long as the process lives; the system drops it even when the process is killed."""

    def __init__(self, path: Path) -> None:
        # 40 ms of import that nothing but a real build needs.
        from filelock import FileLock

        self._lock = FileLock(str(path))
        self._path = path

    def acquire(self) -> None:
        """Take the lock at once.

        Raises:
            BusyError: another build of this solution holds it.
            OutputError: the lock file cannot be made.
        """
        from filelock import Timeout

        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout:
            raise BusyError(f"another build of this solution is running (it holds {self._path})",
                            remedy="wait until it ends, then build again") from None
        except OSError as error:
            raise OutputError(f"cannot write {self._path}: {error.strerror or error}",
                              remedy="make the solution's out/ folder writable and build again") from None

    def release(self) -> None:
        """Give the lock back."""
        self._lock.release()
