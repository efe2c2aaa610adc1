"""Keep files from the other users of a machine; Windows is left as it is.

A build whose firmware holds a secret writes thousands of files, most of them by programs of others: the umask is what
all of them inherit.
"""

from __future__ import annotations

import contextlib
import os
import stat
from typing import Iterable

_OTHERS = 0o077
OWNER_ONLY = 0o600


def create_private() -> None:
    """Let this process, and all that it starts from now on, create files that only their owner can open."""
    if os.name == "posix":
        os.umask(os.umask(_OTHERS) | _OTHERS)


def close_files(paths: Iterable[str]) -> None:
    """Take regular files away from others; one that is not there, or another user's, stays as it is."""
    if os.name != "posix":
        return
    for path in paths:
        with contextlib.suppress(OSError):
            mode = os.lstat(path).st_mode
            if stat.S_ISREG(mode) and mode & _OTHERS:
                os.chmod(path, stat.S_IMODE(mode) & ~_OTHERS)


def close_folders(folders: Iterable[str]) -> None:
    """Take every file below folders away from others; links are not followed."""
    if os.name != "posix":
        return
    for folder in folders:
        for place, _, names in os.walk(folder):
            close_files(os.path.join(place, name) for name in names)
