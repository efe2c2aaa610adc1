"""SCons' own record of a build, ``.sconsign.dblite``, which it writes last, and whether the build succeeded."""

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


def when_built(then: Callable[[], None]) -> None:
    """Call `then` once SCons has built all it was asked for and has its record on the disk; never after anything else.

    Where it cannot write its record, SCons would show a traceback: from now on it shows an error of ours, and ends with
    status 2.
    """
    SCons.SConsign.write = _explaining(SCons.SConsign.write)
    # SCons writes its record after failed and interrupted builds, too, and says that it is done building where an
    # exception ends it. This function returns only when it was through with all jobs, interrupted or not.
    SCons.Script.Main._build_targets = _noting_success(SCons.Script.Main._build_targets, then)


def recorded_targets(folder: str) -> Optional[Set[str]]:
    """List what SCons has built, by its record in `folder`: absolute paths, by ``os.path.normcase``.

    None where it keeps its records in another form than aos-tools has it do.
    """
    if SCons.SConsign.DB_Module is not SCons.dblite:
        return None
    try:
        database = SCons.dblite.open(os.path.join(folder, SCons.SConsign.DB_Name), "r")
    except OSError:
        return set()
    return {
        os.path.normcase(os.path.normpath(os.path.join(folder, where, name)))
        for where in list(database.keys())
        for name, entry in _entries(database[where]).items()
        if getattr(getattr(entry, "binfo", None), "bactsig", None)
    }


def _entries(pickled: bytes) -> Dict[str, Any]:
    """Read what SCons recorded of one folder; what nobody can read is built anew."""
    try:
        entries = pickle.loads(pickled)  # noqa: S301 (SCons loads the same bytes)
    except Exception:
        return {}
    return entries if isinstance(entries, dict) else {}


def _noting_success(build: Callable[..., Any], then: Callable[[], None]) -> Callable[..., Any]:
    def build_and_note(*arguments: Any, **options: Any) -> Any:
        nodes = build(*arguments, **options)
        main = SCons.Script.Main
        # A status of 0 is not enough: with -i, and after sys.exit(0) in an action, SCons has failed with that.
        failed = main.exit_status or main.this_build_status or main.GetBuildFailures()
        if nodes and not failed and not SCons.Script.GetOption("no_exec"):
            then()
        return nodes

    return build_and_note


def _explaining(write: Callable[[], None]) -> Callable[[], None]:
    def write_or_explain() -> None:
        try:
            write()
        except OSError as error:
            databases = list(SCons.SConsign.DB_sync_list)
            for database in databases:
                _give_up(database)
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

    return write_or_explain


def _give_up(database: Any) -> None:
    """No second attempt when Python takes the object apart, and no half of a record left behind."""
    database._needs_sync = False
    temporary = getattr(database, "_tmp_name", None)
    if temporary:
        with contextlib.suppress(OutputError):
            remove_file(temporary)


def _name(databases: Any, error: OSError) -> str:
    names = [str(database._file_name) for database in databases if hasattr(database, "_file_name")]
    return os.path.abspath(names[0] if names else error.filename or ".sconsign.dblite")
