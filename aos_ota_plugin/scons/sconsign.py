"""SCons' own record of a build, ``.sconsign.dblite``, which it writes last: on a full disk that is where it fails."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import Any, Callable

import SCons.SConsign
import SCons.Script

from aos_ota_plugin.errors import OutputError
from aos_ota_plugin.scons.actions import show


def when_written(then: Callable[[], None]) -> None:
    """Call `then` once SCons has its record on the disk.

    Where it cannot write it, SCons would show a traceback: from now on it shows an error of ours, and ends with
    status 2.
    """
    SCons.SConsign.write = _explaining(SCons.SConsign.write, then)


def _explaining(write: Callable[[], None], then: Callable[[], None]) -> Callable[[], None]:
    def write_or_explain() -> None:
        try:
            write()
            then()
        except OSError as error:
            databases = list(SCons.SConsign.DB_sync_list)
            for database in databases:
                _give_up(database)
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            show(OutputError(
                f"SCons cannot write its record of this build, {_name(databases, error)}: {error.strerror or error}",
                remedy=("free some space" if full else "make the file and its folder writable")
                + " and build again; what was not recorded is built anew"))
            SCons.Script.Exit(2)

    return write_or_explain


def _give_up(database: Any) -> None:
    """No second attempt when Python takes the object apart, and no half of a record left behind."""
    database._needs_sync = False
    temporary = getattr(database, "_tmp_name", None)
    if temporary:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def _name(databases: Any, error: OSError) -> str:
    names = [str(database._file_name) for database in databases if hasattr(database, "_file_name")]
    return os.path.abspath(names[0] if names else error.filename or ".sconsign.dblite")
