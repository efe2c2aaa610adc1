"""Follow links to where they lead, but for those to the system's devices and processes."""

from __future__ import annotations

import os

_MEMORY = "/dev/shm/"  # noqa: S108 - a folder of users' files, which nobody here relies on
_LINKS_MAX = 40
"""Links that Linux follows in a path; a file behind more of them cannot be opened."""


def leads_to_system(path: str) -> bool:
    """Return whether a path, or a link on its way, is below /dev or /proc, but for users' files in memory.

    Where a link leads in the end does not tell: /dev/stdout may lead to any file.
    """
    for _ in range(_LINKS_MAX if os.name == "posix" else 0):
        path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        if path.startswith(("/dev/", "/proc/")) and not path.startswith(_MEMORY):
            return True
        if not os.path.islink(path):
            break
        path = os.path.join(os.path.dirname(path), os.readlink(path))
    return False


def follow_link(path: str) -> str:
    """Return the path that a link leads to; of all else, and of a link to the system, the path itself."""
    return os.path.realpath(path) if os.path.islink(path) and not leads_to_system(path) else path
