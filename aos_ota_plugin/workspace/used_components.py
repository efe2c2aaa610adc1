"""The components that a build uses, with the sources that it compiles.

>>> list(UsedComponent("ota", "/ws/ota", "", ("./hal/a.c", "b.c")).sources())
['hal/a.c', 'b.c']
"""

from __future__ import annotations

import glob
import os
import posixpath
from typing import TYPE_CHECKING, Iterable, Iterator, Mapping, NamedTuple, Optional, Tuple

from aos_ota_plugin.workspace.conditions import holds
from aos_ota_plugin.workspace.depends import read_conditions, with_variables

# Imported for types only: a build takes the components of aos-tools, and reads none itself.
if TYPE_CHECKING:
    from aos_ota_plugin.workspace.packages import Package
    from aos_ota_plugin.workspace.solution import SolutionView


class UsedComponent(NamedTuple):
    """A component in use: name, folder, ``cflag``, and the entries of ``source_file`` that count."""

    name: str
    path: str
    cflag: str
    entries: Tuple[str, ...]

    def sources(self) -> Iterator[str]:
        """Yield the sources, as ``source_files``."""
        return source_files(self.path, self.entries)

    def find_source(self, name: str) -> Optional[str]:
        """Return the path below the component, with forward slashes, of its source file called ``name``."""
        return next((path for path in self.sources() if os.path.basename(path) == name), None)


class BuildInputs(NamedTuple):
    """The components of a build by name, the solution among them, and the flags of every C source."""

    solution: UsedComponent
    components: Mapping[str, UsedComponent]
    cflags: str


def inputs_of(view: SolutionView) -> BuildInputs:
    """Return the components of a solution as it was read from the disk."""
    components = {package.name: _component(package, view.variables) for package in view.components}
    owners = (package for package in (view.chip, view.board, view.solution) if package is not None)
    return BuildInputs(
        components[view.solution.name], components, " ".join(components[package.name].cflag for package in owners)
    )


def _component(package: Package, variables: Mapping[str, object]) -> UsedComponent:
    entries = (_entry(text, variables) for text in package.source_files)
    return UsedComponent(package.name, package.path, package.cflag, tuple(entry for entry in entries if entry))


def _entry(text: str, variables: Mapping[str, object]) -> str:
    """Return an entry with ``<NAME>`` replaced by the variable, "" where its condition fails."""
    conditions = read_conditions(text)
    if conditions is not None:
        if not conditions or not holds(conditions, variables):
            return ""
        text = text.partition("?")[0].strip()
    return with_variables(text, variables)


def source_files(folder: str, entries: Iterable[object]) -> Iterator[str]:
    """Yield the sources that entries of ``source_file`` name, in their order.

    They are paths below the component's folder, with forward slashes.
    """
    for entry in entries:
        pattern = str(entry).replace("\\", "/")
        if any(mark in pattern for mark in "*?["):
            for path in sorted(glob.glob(os.path.join(glob.escape(folder), pattern), recursive=True)):
                yield os.path.relpath(path, folder).replace(os.sep, "/")
        elif not pattern.startswith("#"):  # that one is a target, added by us
            yield posixpath.normpath(pattern)
