"""Keep files from the other users of a machine; Windows is left as it is.

A build whose firmware holds a secret writes thousands of files, most of them by programs of others: the umask is what
all of them inherit.
"""

from __future__ import annotations

import contextlib
import os
import stat
from typing import Iterable

from aos_ota_plugin.errors import OutputError
from aos_ota_plugin.files.steps import PathLike, cannot_write

_OTHERS = 0o077
OWNER_ONLY = 0o600


def create_private() -> None:
    """Let this process, and all that it starts from now on, create files that only their owner can open."""
    if os.name == "posix":
        os.umask(os.umask(_OTHERS) | _OTHERS)


def take_from_others(path: PathLike) -> bool:
    """Take all permissions of others from a file or folder; return whether they had any.

    Raises OutputError.
    """
    try:
        mode = os.stat(path).st_mode
        if os.name != "posix" or not mode & _OTHERS:
            return False
        os.chmod(path, stat.S_IMODE(mode) & ~_OTHERS)
    except OSError as error:
        raise cannot_write(os.fspath(path), error) from None
    return True


def close_files(paths: Iterable[str]) -> None:
    """Take regular files away from others; one that is not there, or another user's, stays as it is."""
    for path in paths:
        with contextlib.suppress(OSError, OutputError):
            if stat.S_ISREG(os.lstat(path).st_mode):
                take_from_others(path)


def close_folders(folders: Iterable[str]) -> None:
    """Take every file below folders away from others; links are not followed."""
    if os.name != "posix":
        return
    for folder in folders:
        for place, _, names in os.walk(folder):
            close_files(os.path.join(place, name) for name in names)
