"""Read SCons' record of a build, ``.sconsign.dblite``, and call back once a build has succeeded."""

from __future__ import annotations

import contextlib
import errno
import os
import pickle
from typing import Any, Callable, Dict, Optional, Set

import SCons.dblite
import SCons.SConsign
import SCons.Script

from aos_ota_plugin.errors import OutputError
from aos_ota_plugin.files.transaction import remove_file
from aos_ota_plugin.scons.actions import show


def on_success(callback: Callable[[], None]) -> None:
    """Call `callback` once SCons has built all targets and written its record; not after a failure.

    If SCons cannot write its record, it shows an error of ours from now on in place of a traceback, and ends with
    status 2.
    """
    SCons.SConsign.write = _reporting_errors(SCons.SConsign.write)
    # SCons writes its record after failed and interrupted builds, too, and says "done building" even after an
    # exception. _build_targets returns only after all jobs, interrupted or not.
    SCons.Script.Main._build_targets = _calling_on_success(SCons.Script.Main._build_targets, callback)


def recorded_targets(folder: str) -> Optional[Set[str]]:
    """Return the targets in SCons' record in `folder`: absolute paths, by ``os.path.normcase``.

    None where the record is not in SCons' format dblite, which aos-tools uses.
    """
    if SCons.SConsign.DB_Module is not SCons.dblite:
        return None
    try:
        database = SCons.dblite.open(os.path.join(folder, SCons.SConsign.DB_Name), "r")
    except OSError:
        return set()
    return {
        os.path.normcase(os.path.normpath(os.path.join(folder, subfolder, name)))
        for subfolder in list(database.keys())
        for name, entry in _entries(database[subfolder]).items()
        if getattr(getattr(entry, "binfo", None), "bactsig", None)
    }


def _entries(pickled: bytes) -> Dict[str, Any]:
    """Return the entries for one folder; {} if they cannot be read: its files are built again."""
    try:
        entries = pickle.loads(pickled)  # noqa: S301 (SCons loads the same bytes)
    except Exception:
        return {}
    return entries if isinstance(entries, dict) else {}


def _calling_on_success(build: Callable[..., Any], callback: Callable[[], None]) -> Callable[..., Any]:
    def build_and_call(*arguments: Any, **options: Any) -> Any:
        nodes = build(*arguments, **options)
        main = SCons.Script.Main
        # A status of 0 is not enough: with -i, and after sys.exit(0) in an action, a failed build has it, too.
        failed = main.exit_status or main.this_build_status or main.GetBuildFailures()
        if nodes and not failed and not SCons.Script.GetOption("no_exec"):
            callback()
        return nodes

    return build_and_call


def _reporting_errors(write: Callable[[], None]) -> Callable[[], None]:
    def write_or_report() -> None:
        try:
            write()
        except OSError as error:
            databases = list(SCons.SConsign.DB_sync_list)
            for database in databases:
                _abandon(database)
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            show(
                OutputError(
                    f"SCons cannot write its record of this build, {_name(databases, error)}: "
                    f"{error.strerror or error}",
                    remedy=("free some space" if full else "make the file and its folder writable")
                    + " and build again; what was not recorded is built anew",
                )
            )
            SCons.Script.Exit(2)

    return write_or_report


def _abandon(database: Any) -> None:
    """Prevent a second attempt when the object is destroyed, and remove a half-written record."""
    database._needs_sync = False
    temporary = getattr(database, "_tmp_name", None)
    if temporary:
        with contextlib.suppress(OutputError):
            remove_file(temporary)


def _name(databases: Any, error: OSError) -> str:
    names = [str(database._file_name) for database in databases if hasattr(database, "_file_name")]
    return os.path.abspath(names[0] if names else error.filename or ".sconsign.dblite")
