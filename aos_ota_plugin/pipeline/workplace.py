"""Where a release comes from, asked of the machine that makes it: git, the compiler, the packages of this Python."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from aos_ota_plugin import __version__
from aos_ota_plugin.files.git import git_command, git_environment, repository_of
from aos_ota_plugin.provenance.component import Component, Revision

if TYPE_CHECKING:
    from aos_ota_plugin.provenance.statement import Tool
    from aos_ota_plugin.workspace.packages import Package
    from aos_ota_plugin.workspace.solution import SolutionView

_SECONDS = 60
"""What git may take for one repository, and a compiler for its version."""
_VERSION = re.compile(r"\d+(?:\.\d+)+")
_PATH_AT = {"1": 8, "2": 9, "u": 10}
"""By the kind of an entry in git's porcelain v2: how many fields stand before the path."""


class Workplace(NamedTuple):
    """A build's workspace: its root, the components in use, the compiler's file, and packages that took part."""

    root: str
    components: Tuple[Component, ...]
    compiler: Optional[str] = None
    packages: Tuple[str, ...] = ()


def component_of(package: Package, view: SolutionView) -> Component:
    """A component as the list names it, from its package.yaml."""
    folder = os.path.relpath(os.path.realpath(package.path), os.path.realpath(view.root)).replace(os.sep, "/")
    return Component(
        package.name,
        package.version,
        package.type,
        folder,
        package.license,
        tuple(sorted(set(view.depends.get(package.name, ())))),
    )


def revisions(root: str, components: Iterable[Component]) -> Dict[str, Revision]:
    """The commits of components by name, where git knows them: one question a repository.

    ``modified`` speaks of tracked files: what a build leaves in a folder is not tracked.
    """
    by_repository: Dict[str, List[Tuple[str, str]]] = {}
    for component in components:
        folder = os.path.realpath(os.path.join(root, *component.folder.split("/")))
        top = repository_of(folder)
        if top is not None:
            by_repository.setdefault(top, []).append((component.name, folder))
    found: Dict[str, Revision] = {}
    for top, members in by_repository.items():
        commit, changed = _status(top)
        for name, folder in members if commit else ():
            inside = os.path.relpath(folder, top).replace(os.sep, "/")
            found[name] = Revision(commit, any(inside == "." or path.startswith(inside + "/") for path in changed))
    return found


def _status(top: str) -> Tuple[str, Sequence[str]]:
    """The commit that is checked out and the tracked files that differ from it; "" where git cannot say."""
    try:
        done = subprocess.run(
            git_command("--no-optional-locks", "status", "--porcelain=v2", "--branch", "-z", "--untracked-files=no"),
            cwd=top,
            env=git_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return "", ()
    commit, changed = "", []
    entries = iter(done.stdout.decode("utf-8", "surrogateescape").split("\0") if done.returncode == 0 else ())
    for entry in entries:
        kind = entry[:1]
        if entry.startswith("# branch.oid "):
            commit = entry.rpartition(" ")[2]
        elif kind in _PATH_AT:
            changed.append(entry.split(" ", _PATH_AT[kind])[-1])
            if kind == "2":  # renamed: the old name follows
                changed.append(next(entries, ""))
    return (commit if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", commit) else ""), changed


def compiler_tool(compiler: Optional[str]) -> Optional[Tool]:
    """The compiler by what it says of itself, None where it does not start or says nothing."""
    if not compiler:
        return None
    from aos_ota_plugin.provenance.statement import Tool

    try:
        done = subprocess.run(
            [compiler, "--version"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    line = done.stdout.decode("utf-8", "replace").partition("\n")[0].strip()
    versions = _VERSION.findall(line.rpartition(")")[2]) or _VERSION.findall(line)
    name = os.path.splitext(os.path.basename(compiler))[0]
    return Tool(name, versions[0], line) if done.returncode == 0 and versions else None


def package_tools(packages: Iterable[str]) -> Tuple[Tool, ...]:
    """Return this project and installed packages, by name and version; without those that are not installed."""
    from importlib.metadata import PackageNotFoundError, version

    from aos_ota_plugin.provenance.statement import Tool

    tools = [Tool("aos_ota_plugin", __version__)]
    for package in packages:
        try:
            tools.append(Tool(package, version(package)))
        except PackageNotFoundError:
            continue
    return tuple(tools)
