"""Which components a solution uses, in which order, and how their ``def_config`` sections add up.

All of it pure: components come from a function that returns one by name. The rules are aos-tools' own,
measured: dependencies depth first, the solution after them; what hangs on a condition goes behind the solution,
one by one, each judged with the settings of those before it; settings merge by type of component, not by order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, Iterable, List, Optional, Sequence, Set, Tuple

from aos_ota_plugin.errors import WorkspaceError
from aos_ota_plugin.settings.raw import RawSetting
from aos_ota_plugin.workspace.conditions import holds
from aos_ota_plugin.workspace.packages import Depend, Package

Lookup = Callable[[str], Optional[Package]]
Layer = Tuple[RawSetting, ...]

_MERGE_ORDER: Tuple[Tuple[str, ...], ...] = (
    ("common",), ("dynamic",), ("userspace_common",), ("kernel",),
    ("drv_core", "drv_peripheral", "drv_external_device"), ("arch",), ("chip",), ("sdk",), ("board",),
    ("solution",),
)


@dataclass(frozen=True)
class Closure:
    """Everything a solution may use: its components depth first, itself last, and what was not found."""

    packages: Tuple[Package, ...]
    missing: Tuple[Depend, ...]
    excluded: Tuple[str, ...]


def close(solution: Package, board_name: str, lookup: Lookup) -> Closure:
    """Follow every dependency of a solution, conditional ones too, but none to a board other than its own."""
    excluded = []
    for depend in solution.depends:
        package = lookup(depend.name)
        if package is not None and package.type == "board" and depend.name != board_name:
            excluded.append(depend.name)
    found: Dict[str, Package] = {}
    missing: Dict[str, Depend] = {}

    waiting: List[Depend] = list(reversed(_depends_of(solution, solution, board_name)))
    while waiting:
        depend = waiting.pop()
        if depend.name in excluded or depend.name in found or depend.name in missing:
            continue
        package = lookup(depend.name)
        if package is None:
            missing[depend.name] = depend
        elif package is not solution:
            found[depend.name] = package
            waiting.extend(reversed(package.depends))
    return Closure((*found.values(), solution), tuple(missing.values()), tuple(excluded))


def _depends_of(package: Package, solution: Package, board_name: str) -> List[Depend]:
    """Return a component's dependencies; a solution's with the supported board that was asked for."""
    depends = list(package.depends)
    if package is solution and all(depend.name != board_name for depend in depends):
        depends += [board for board in solution.supported_boards if board.name == board_name][:1]
    return depends


def in_use(
    closure: Closure,
    solution: Package,
    board_name: str,
    base: Dict[str, object],
    command_line: Sequence[RawSetting],
) -> Tuple[Package, ...]:
    """Return the components of a build in aos's order: unconditional ones, then those whose condition holds."""
    graph = _Graph(closure, solution, board_name)
    used = [package for package in closure.packages if not graph.conditional(package.name)]
    for package in closure.packages:
        if graph.conditional(package.name):
            variables = {**base, **variables_of(used, command_line)}
            if package.name in graph.reached(variables):
                used.append(package)
    return tuple(used)


class _Graph:
    """Who depends on whom, and on which conditions."""

    def __init__(self, closure: Closure, solution: Package, board_name: str) -> None:
        excluded = set(closure.excluded)
        self.edges: Dict[str, List[Depend]] = {}
        for package in closure.packages:
            depends = _depends_of(package, solution, board_name)
            self.edges[package.name] = [depend for depend in depends if depend.name not in excluded]
        self.certain = self._walk({solution.name, board_name}, lambda depend: not depend.optional)
        # What only an unreadable condition leads to has no condition in aos's book, and is always in.
        readable = self._walk(self.certain, lambda depend: not depend.optional or bool(depend.conditions))
        self.possible = readable - self.certain

    def conditional(self, name: str) -> bool:
        return name in self.possible

    def reached(self, variables: Dict[str, object]) -> Set[str]:
        def open_edge(depend: Depend) -> bool:
            return not depend.optional or (bool(depend.conditions) and holds(depend.conditions, variables))

        return self._walk(self.certain, open_edge)

    def _walk(self, start: Iterable[str], follow: Callable[[Depend], bool]) -> Set[str]:
        seen = set(start)
        waiting = list(seen)
        while waiting:
            for depend in self.edges.get(waiting.pop(), ()):
                if depend.name not in seen and follow(depend):
                    seen.add(depend.name)
                    waiting.append(depend.name)
        return seen


def merge_layers(packages: Sequence[Package]) -> Tuple[Layer, ...]:
    """Return the ``def_config`` of components as layers, lowest first; components without one have none."""
    ordered = [package for types in _MERGE_ORDER for package in packages if package.type in types]
    return tuple(package.def_config for package in ordered if package.def_config)


def variables_of(packages: Sequence[Package], command_line: Sequence[RawSetting]) -> Dict[str, object]:
    """Return the merged settings that conditions are judged by, the command line on top."""
    layers = (*merge_layers(packages), tuple(command_line))
    return {raw.name: raw.value for layer in layers for raw in layer}


def refuse_missing(closure: Closure, solution: Package, variables: Dict[str, object]) -> None:
    """Raise WorkspaceError for a component that the solution itself needs and that is not there.

    What other components lack is left to aos, which builds without it.
    """
    missing = {depend.name for depend in closure.missing}
    for depend in solution.depends:
        needed = not depend.optional or (depend.conditions and holds(depend.conditions, variables))
        if depend.name in missing and needed:
            raise WorkspaceError(
                f"there is no component {depend.name} in this workspace",
                place=depend.place,
                remedy=f"install it with `aos install {depend.name}`, or correct the name",
            )
