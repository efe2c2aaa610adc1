"""Lock a solution, a cloud, or a folder that solutions share: one process at a time writes there.

The lock file of a shared folder, which is the vendor's, lies in the temporary folder of the user.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import hashlib
import os
import stat
from pathlib import Path
from typing import Iterator, Optional

from aos_ota_plugin.errors import BusyError, OutputError

LOCK_NAME = "build.lock"
"""The name of a solution's lock file, in its folder out/ota/."""
_WAIT = "wait until it ends, then build again"


class BuildLock:
    """A lock file that is held until the process ends; the system frees it even when that is killed."""

    def __init__(self, path: Path) -> None:
        # 40 ms of import that nothing but a real build needs.
        from filelock import FileLock

        self._lock = FileLock(str(path))
        self._path = path
        self._handle: Optional[int] = None

    @property
    def handle(self) -> Optional[int]:
        """Return the handle that holds the lock in programs which inherit it; None without such locks."""
        return self._handle

    def acquire(self) -> None:
        """Take the lock at once, for this process and the programs that inherit its handle.

        Raises:
            BusyError: another build of this solution holds it, or a program that a killed one has left running.
            OutputError: the lock file cannot be made.
        """
        self.take(0, "another build of this solution is running", remedy=_WAIT)
        try:
            self._handle = _lock_inherited(self._path.parent)
        except BlockingIOError:
            self._lock.release()
            raise BusyError(
                "a build of this solution was killed, and a program that it had started still runs (it "
                f"holds {self._path.parent})",
                remedy="wait until it ends, or end it, then build again",
            ) from None
        except OSError as error:
            self._lock.release()
            raise OutputError(
                f"cannot read {self._path.parent}: {error.strerror or error}",
                remedy="make the folder readable, and build again",
            ) from None
        # A process that lives on after an orderly end, such as a compiler cache's server, must not keep the lock.
        atexit.register(self.release)

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Wait for the lock, which others hold for seconds, and hold it in the ``with`` block.

        Raises:
            BusyError: another process held it for ten minutes.
            OutputError: the lock file cannot be made.
        """
        self.take(600, "the build of another solution has kept the images' folder busy for ten minutes", remedy=_WAIT)
        try:
            yield
        finally:
            self.release()

    def take(self, seconds: float, busy: str, *, remedy: str) -> None:
        """Take the lock, for this process alone, within so many seconds.

        Raises:
            BusyError: another process holds it; `busy` says who that is, `remedy` what to do.
            OutputError: the lock file cannot be made.
        """
        from filelock import Timeout

        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if self._path.is_dir():
                raise OutputError(f"cannot write {self._path}: a folder stands there", remedy="remove it")
            check_lockable(self._path)
            self._lock.acquire(timeout=seconds)
        except Timeout:
            raise BusyError(f"{busy} (it holds {self._path})", remedy=remedy) from None
        except OSError as error:
            raise OutputError(
                f"cannot write {self._path}: {error.strerror or error}", remedy=f"make {self._path.parent} writable"
            ) from None

    def release(self) -> None:
        """Give the lock back, also for the programs that this process has started."""
        if self._handle is not None:
            import fcntl

            fcntl.flock(self._handle, fcntl.LOCK_UN)
            os.close(self._handle)
            self._handle = None
        self._lock.release()


def check_lockable(path: Path) -> None:
    """Raise OutputError where a lock file is a link, or its file system has no locks.

    Without locks filelock takes the mere file for a lock: one that a killed build left would lock out all others.
    """
    if path.is_symlink():
        raise OutputError(f"cannot lock {path}: a link stands there", remedy="remove it")
    if os.name != "posix":
        return
    import fcntl

    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return  # it is held
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
            raise
        raise OutputError(
            f"cannot lock {path}: its file system has no locks ({error.strerror})",
            remedy="put the folder on a disk of this machine, or mount the network drive with locks",
        ) from None
    finally:
        os.close(handle)


def shared_lock(folder: str) -> BuildLock:
    """Return the lock for a folder that the builds of several solutions write to.

    Its file is named by the folder's real path, and lies in a folder of this user alone, which links of others cannot
    be put into. Raises OutputError.
    """
    import tempfile  # slow to import; SCons has it

    user = str(os.getuid()) if hasattr(os, "getuid") else "user"
    own = Path(tempfile.gettempdir(), f"aos_ota_plugin-{user}")
    try:
        with contextlib.suppress(FileExistsError):
            own.mkdir(mode=0o700)
        status = own.lstat()
    except OSError as error:
        raise OutputError(
            f"cannot write {own}: {error.strerror or error}", remedy="set TMPDIR to a folder where you may write"
        ) from None
    others_may_write = os.name == "posix" and (status.st_uid != os.getuid() or status.st_mode & 0o022)
    if not stat.S_ISDIR(status.st_mode) or others_may_write:
        raise OutputError(
            f"{own} is not a folder that only you can write to", remedy="remove it, or set TMPDIR to another folder"
        )
    real = os.path.normcase(os.path.realpath(folder))
    return BuildLock(own / (hashlib.sha256(os.fsencode(real)).hexdigest()[:32] + ".lock"))


def _lock_inherited(folder: Path) -> Optional[int]:
    """Lock a folder for this process and all that inherit the handle; return None without such locks.

    Raises:
        BlockingIOError: another process holds the lock.
    """
    if os.name != "posix":
        return None
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        if isinstance(error, BlockingIOError):
            raise
        return None  # some network drives
    os.set_inheritable(handle, True)
    return handle
