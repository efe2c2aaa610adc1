"""One build of a solution at a time, and one at a time in a folder that solutions share."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Iterator

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
        self._acquire(0, "another build of this solution is running")

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Hold the lock, which others hold for seconds, from entering to leaving.

        Raises:
            BusyError: somebody held it for ten minutes.
            OutputError: the lock file cannot be made.
        """
        self._acquire(600, "the build of another solution has kept the images' folder busy for ten minutes")
        try:
            yield
        finally:
            self.release()

    def _acquire(self, seconds: float, held: str) -> None:
        from filelock import Timeout

        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if self._path.is_dir():
                raise OutputError(f"cannot write {self._path}: a folder stands there", remedy="remove it")
            self._lock.acquire(timeout=seconds)
        except Timeout:
            raise BusyError(f"{held} (it holds {self._path})", remedy="wait until it ends, then build again") from None
        except OSError as error:
            raise OutputError(f"cannot write {self._path}: {error.strerror or error}",
                              remedy=f"make {self._path.parent} writable and build again") from None

    def release(self) -> None:
        """Give the lock back."""
        self._lock.release()
