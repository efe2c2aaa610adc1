"""Describe what builds a release: the commits of its components, the compiler, the Python packages."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from aos_ota_plugin import __version__
from aos_ota_plugin.files.git import repository_of, run_git
from aos_ota_plugin.provenance.component import Component, Revision

if TYPE_CHECKING:
    from aos_ota_plugin.provenance.statement import Tool
    from aos_ota_plugin.workspace.packages import Package
    from aos_ota_plugin.workspace.solution import SolutionView

_SECONDS = 60
"""Time limit in seconds: for git in one repository, and for a compiler that prints its version."""
_VERSION = re.compile(r"(?<!\d)\d+(?:\.\d+)+")
_PATH_AT = {"1": 8, "2": 9, "u": 10}
"""Number of fields before the path, by the kind of entry in the output of git status --porcelain=v2."""


class BuildEnvironment(NamedTuple):
    """A build's workspace root, components in use, compiler's path, and Python packages that take part."""

    root: str
    components: Tuple[Component, ...]
    compiler: Optional[str] = None
    packages: Tuple[str, ...] = ()


def component_of(package: Package, view: SolutionView) -> Component:
    """Return a component's entry in the list of components, from its package.yaml."""
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
    """Return the commits of components by name; git is started once for each repository.

    Components outside of a repository are left out. ``modified`` counts tracked files only: a build leaves others.
    """
    by_repository: Dict[str, List[Tuple[str, str]]] = {}
    for component in components:
        folder = os.path.realpath(os.path.join(root, *component.folder.split("/")))
        top = repository_of(folder)
        if top is not None:
            by_repository.setdefault(top, []).append((component.name, folder))
    result: Dict[str, Revision] = {}
    for top, members in by_repository.items():
        commit, changed = _status(top)
        for name, folder in members if commit else ():
            inside = os.path.relpath(folder, top).replace(os.sep, "/")
            result[name] = Revision(commit, any(inside == "." or path.startswith(inside + "/") for path in changed))
    return result


def _status(top: str) -> Tuple[str, Sequence[str]]:
    """Return the commit that is checked out and the tracked files that differ; "" where git cannot say."""
    arguments = ("--no-optional-locks", "status", "--porcelain=v2", "--branch", "-z", "--untracked-files=no")
    output = run_git(*arguments, folder=top, seconds=_SECONDS) or b""
    commit, changed = "", []
    entries = iter(output.decode("utf-8", "surrogateescape").split("\0"))
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
    """Return the compiler with the version that it prints, None where it prints none."""
    if not compiler:
        return None
    from aos_ota_plugin.children import program_output
    from aos_ota_plugin.provenance.statement import Tool

    output = program_output([compiler, "--version"], seconds=_SECONDS) or b""
    line = output.decode("utf-8", "replace").partition("\n")[0].strip()
    versions = _VERSION.findall(line.rpartition(")")[2]) or _VERSION.findall(line)
    name = os.path.splitext(os.path.basename(compiler))[0]
    return Tool(name, versions[0], line) if versions else None


def package_tools(packages: Iterable[str]) -> Tuple[Tool, ...]:
    """Return this project and those of ``packages`` that are installed, by name and version."""
    from importlib.metadata import PackageNotFoundError, version

    from aos_ota_plugin.provenance.statement import Tool

    tools = [Tool("aos_ota_plugin", __version__)]
    for package in packages:
        try:
            tools.append(Tool(package, version(package)))
        except PackageNotFoundError:
            continue
    return tuple(tools)
