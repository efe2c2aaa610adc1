"""What is wrong with the database, and what to do: SQLite's errors in words of ours."""

from __future__ import annotations

import re
import shutil
import sqlite3
from pathlib import Path

from aos_ota_plugin.errors import BusyError, FormatError, OtaError, OutputError
from aos_ota_plugin.printable import shown

_ROOM_MIN = 1 << 20
"""Free bytes below which SQLite's "disk I/O error" is a full disk: it cannot make its shared memory."""
_DAMAGED = re.compile("malformed|not a database|unsupported file|no such (column|table)|has no column|Could not decode")


def is_damaged(error: sqlite3.Error) -> bool:
    """Return whether the database itself is damaged: waiting does not help."""
    return _DAMAGED.search(str(error)) is not None


def database_error(error: sqlite3.Error, path: Path) -> OtaError:
    """Return what is wrong with the database at `path`, with its remedy."""
    problem = f"the database {path} cannot be used: {shown(str(error))}"
    text = str(error)
    if is_damaged(error):
        return FormatError(problem, remedy="restore a copy of it, or give the cloud another folder")
    if "locked" in text or "busy" in text:
        return BusyError(
            problem, remedy="end the program that holds it: a copy that is being made, or a shell of sqlite3"
        )
    if "disk is full" in text or ("I/O" in text and _free(path) < _ROOM_MIN):
        return OutputError(problem, remedy="make room on the disk; nothing was changed")
    if "readonly" in text or "unable to open" in text or "attempt to write" in text:
        return OutputError(problem, remedy=f"make {path.parent} and the file writable, for you alone")
    return OutputError(problem, remedy="look whether the disk and its file system are sound; nothing was changed")


def _free(path: Path) -> int:
    try:
        return shutil.disk_usage(path.parent).free
    except OSError:
        return _ROOM_MIN
