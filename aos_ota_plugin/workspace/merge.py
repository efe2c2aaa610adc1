"""The components that a solution uses, their order, and how their ``def_config`` sections merge.

No I/O: a function returns each component by its name. The rules come from aos-tools' sources, and tests compare them
with aos-tools: first the dependencies, depth first; then the solution; then dependencies with conditions, one by one,
each evaluated with the settings of the components before it. Settings merge by type, not by order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Set, Tuple

from aos_ota_plugin.errors import WorkspaceError
from aos_ota_plugin.settings.raw import RawSetting
from aos_ota_plugin.workspace.conditions import holds, keeps_dependency
from aos_ota_plugin.workspace.depends import Depend, refuse_unusable
from aos_ota_plugin.workspace.packages import Package

Lookup = Callable[[str], Optional[Package]]
Layer = Tuple[RawSetting, ...]

MERGE_ORDER: Tuple[Tuple[str, ...], ...] = (
    ("common",),
    ("dynamic",),
    ("userspace_common",),
    ("kernel",),
    ("drv_core", "drv_peripheral", "drv_external_device"),
    ("arch",),
    ("chip",),
    ("sdk",),
    ("board",),
    ("solution",),
)
"""The types of component in the order in which aos-tools merges their def_config; it ignores other types."""


@dataclass(frozen=True)
class Closure:
    """All components that a solution may use: depth first, the solution last, and those that are missing."""

    packages: Tuple[Package, ...]
    missing: Tuple[Depend, ...]
    excluded: Tuple[str, ...]
    circular: bool
    """Whether a component depends on the solution."""


def find_closure(solution: Package, board_name: str, lookup: Lookup) -> Closure:
    """Follow every dependency of a solution, conditional ones too, but none to a board other than its own.

    Raises WorkspaceError for a dependency that aos-tools fails on.
    """
    boards = [
        depend.name
        for depend in solution.depends
        if (package := lookup(depend.name)) is not None and package.type == "board"
    ]
    excluded = tuple(name for name in boards if name != board_name)
    packages: Dict[int, Package] = {}
    missing: Dict[str, Depend] = {}
    waiting: List[Depend] = list(reversed(solution.depends))
    while waiting:
        depend = waiting.pop()
        refuse_unusable(depend)
        package = lookup(depend.name) if depend.name not in excluded else None
        if depend.name in excluded or (package is not None and id(package) in packages):
            continue
        if package is None:
            missing.setdefault(depend.name, depend)
        else:
            packages[id(package)] = package
            waiting.extend(reversed(package.depends))
    circular = id(solution) in packages
    packages.setdefault(id(solution), solution)
    return Closure(tuple(packages.values()), tuple(missing.values()), excluded, circular)


class Graph:
    """The dependencies between components, with their conditions."""

    def __init__(self, closure: Closure, solution: Package, board_name: str) -> None:
        excluded = set(closure.excluded)
        self.edges = {
            package.name: [depend for depend in package.depends if depend.name not in excluded]
            for package in closure.packages
        }
        self.certain = self._walk({solution.name, board_name}, lambda depend: not depend.optional)
        # A component that is needed only under an unreadable condition is unconditional for aos, and always in use.
        self.possible = self._walk(self.certain, lambda depend: not depend.optional or depend.conditions is not None)
        self.possible -= self.certain

    def conditional(self, name: str) -> bool:
        """Return whether a component is in use only if conditions hold."""
        return name in self.possible

    def reached(self, variables: Mapping[str, object]) -> Set[str]:
        """Return the unconditional components, and those whose conditions hold."""
        return self._walk(
            self.certain,
            lambda depend: (
                not depend.optional or (depend.conditions is not None and holds(depend.conditions, variables))
            ),
        )

    def _walk(self, start: Iterable[str], follow: Callable[[Depend], bool]) -> Set[str]:
        visited = set(start)
        waiting = list(visited)
        while waiting:
            for depend in self.edges.get(waiting.pop(), ()):
                if depend.name not in visited and follow(depend):
                    visited.add(depend.name)
                    waiting.append(depend.name)
        return visited


@dataclass(frozen=True)
class Selection:
    """The components of a build in aos's order, with the final variables and the dependencies in effect."""

    packages: Tuple[Package, ...]
    variables: Mapping[str, object]
    depends: Mapping[str, Tuple[str, ...]]
    """By component: the names whose condition holds."""


def select_components(
    closure: Closure,
    graph: Graph,
    unconditional: Sequence[Package],
    base: Mapping[str, object],
    command_line: Sequence[RawSetting],
) -> Selection:
    """Return the components of a build: ``unconditional`` ones, then those whose condition holds.

    ``base`` are the hardware's variables; in ``command_line`` a value of digits is a number already.
    """
    used = list(unconditional)
    remaining: Dict[str, List[Depend]] = {}
    variables: Dict[str, object] = {}

    def evaluate() -> None:
        variables.update(variables_of(used, command_line))
        variables.update(base)
        for package in used:
            depends = remaining.get(package.name, list(package.depends))
            remaining[package.name] = [depend for depend in depends if keeps_dependency(depend.conditions, variables)]

    evaluate()
    for package in closure.packages:
        twice = any(package.name == other.name for other in used)
        if graph.conditional(package.name) and not twice and package.name in graph.reached(variables):
            used.append(package)
            evaluate()
    names = {name: tuple(depend.name for depend in depends) for name, depends in remaining.items()}
    return Selection(tuple(used), variables, names)


def merge_layers(packages: Sequence[Package]) -> Tuple[Layer, ...]:
    """Return the ``def_config`` of components as layers, lowest first, without empty ones."""
    ordered = [package for types in MERGE_ORDER for package in packages if package.type in types]
    return tuple(package.def_config for package in ordered if package.def_config)


def variables_of(packages: Sequence[Package], command_line: Sequence[RawSetting]) -> Dict[str, object]:
    """Return the variables for conditions: the merged settings and the components' versions, as in aos."""
    variables: Dict[str, object] = {}
    for types in MERGE_ORDER:
        for package in packages:
            if package.type in types:
                variables.update(_with_version(package))
    variables.update({raw.name: raw.value for raw in command_line})
    return variables


def _with_version(package: Package) -> Dict[str, object]:
    """Return a component's def_config with the variable that aos adds for the component's version."""
    values = {raw.name: raw.value for raw in package.def_config}
    version = f"{package.name}_{package.version}"
    if package.type == "solution" and "SW_VERSION" in values:
        version += f"_{values['SW_VERSION']}"
    return {**values, f"{package.name.upper()}_SW_VERSION": version}


def refuse_missing(closure: Closure, solution: Package) -> None:
    """Raise WorkspaceError for a missing component without which aos-tools ends; it ignores others.

    aos-tools evaluates conditions differently here: it looks for each name in every component, the solution only if a
    component depends on it, and only the last name counts.
    """
    settings = [_with_version(package) for package in closure.packages if package is not solution or closure.circular]
    for depend in closure.missing:
        needed = False
        for condition in (depend.conditions or ()) if settings else ():
            negated = condition.startswith("!")
            values = [values.get(condition[negated:]) for values in settings]
            needed = all(value is None or value == 0 for value in values) is negated
        if needed:
            raise WorkspaceError(
                f"there is no component {depend.name} in this workspace",
                place=depend.place,
                remedy=f"install it with `aos install {depend.name}`, or correct the name",
            )
