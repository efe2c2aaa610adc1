"""Ask git about a file: whether it is tracked, and in which repository it is."""

from __future__ import annotations

import os
from typing import Dict, Iterator, List, Optional

_TIMEOUT_SECONDS = 20


def tracked_by_git(path: str) -> bool:
    """Return whether ``path``, or what it links to, is in the index of its git repository.

    False as well when there is no repository, no git program, or git cannot say: only git knows what it tracks,
    and a machine that builds from an exported tree has none.
    """
    # A link may lead out of the repository that tracks it, and into one that tracks what it leads to.
    return any(_tracked(name) for name in dict.fromkeys((os.path.abspath(path), os.path.realpath(path))))


def _tracked(path: str) -> bool:
    folder, name = os.path.split(path)
    if not in_repository(folder):
        return False
    return run_git("ls-files", "--error-unmatch", "--", name, folder=folder, seconds=_TIMEOUT_SECONDS) is not None


def run_git(*arguments: str, folder: str, seconds: float) -> Optional[bytes]:
    """Return what a git command writes to standard output; None where it fails.

    It fails when there is no git program, the command ends with another status than 0 or takes longer than ``seconds``.
    """
    from aos_ota_plugin.children import program_output  # only files in a repository pay for it

    return program_output(git_command(*arguments), folder=folder, environment=git_environment(), seconds=seconds)


def in_repository(folder: str) -> bool:
    """Return whether a folder, by its absolute path, lies in a git repository's work tree."""
    return repository_of(folder) is not None


def repository_of(folder: str) -> Optional[str]:
    """Return the git repository's work tree that a folder is in, None when it is in none."""
    return next(
        (parent for parent in _upwards(os.path.abspath(folder)) if os.path.exists(os.path.join(parent, ".git"))), None
    )


def git_command(*arguments: str) -> List[str]:
    """Return a git command that reads a repository of any owner and runs no program that it names."""
    return [
        "git",
        "--literal-pathspecs",
        "-c",
        "safe.directory=*",  # a container that builds as root may read
        "-c",
        "core.fsmonitor=false",
        *arguments,
    ]


def git_environment() -> Dict[str, str]:
    """Return the environment without GIT_DIR and the like, with which git would read another repository."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}


def _upwards(folder: str) -> Iterator[str]:
    while True:
        yield folder
        parent = os.path.dirname(folder)
        if parent == folder:
            return
        folder = parent
