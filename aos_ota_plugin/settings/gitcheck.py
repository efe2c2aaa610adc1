"""Asks git whether it keeps a copy of a file."""

from __future__ import annotations

import os
from typing import Iterator

_TIMEOUT_SECONDS = 20


def tracked_by_git(path: str) -> bool:
    """Tell whether ``path`` is in the index of the git repository around it.

    False as well when there is no repository, no git program, or git cannot say: only git knows what it tracks,
    and a machine that builds from an exported tree has none.
    """
    folder, name = os.path.split(os.path.abspath(path))  # realpath() would follow a link out of the repository
    if not any(os.path.exists(os.path.join(parent, ".git")) for parent in _upwards(folder)):
        return False
    import subprocess  # only files in a repository pay for it

    # Variables such as GIT_DIR, set inside a hook, would make git answer for another repository.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = [
        "git",
        "--literal-pathspecs",
        "-c", "safe.directory=*",  # we only read the index: a container that builds as root may do that
        "-c", "core.fsmonitor=false",  # and never run a program the repository names
        "ls-files", "--error-unmatch", "--", name,
    ]
    try:
        done = subprocess.run(
            command, cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, timeout=_TIMEOUT_SECONDS, check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def _upwards(folder: str) -> Iterator[str]:
    while True:
        yield folder
        parent = os.path.dirname(folder)
        if parent == folder:
            return
        folder = parent
