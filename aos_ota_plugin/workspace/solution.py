"""A solution with all components that it uses, as ``aos make`` in its folder reads them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Dict, FrozenSet, Iterable, List, Mapping, Optional, Tuple

from aos_ota_plugin.errors import Place, WorkspaceError
from aos_ota_plugin.settings.fields import SYMBOLS
from aos_ota_plugin.settings.foreign import nearest
from aos_ota_plugin.settings.raw import RawSetting
from aos_ota_plugin.settings.sources import read_command_line
from aos_ota_plugin.workspace.depends import Depend
from aos_ota_plugin.workspace.disk import PACKAGE_FILE, load_package
from aos_ota_plugin.workspace.find import find_components, find_root
from aos_ota_plugin.workspace.hardware import merge_hardware, variables_from
from aos_ota_plugin.workspace.layers import Member, Notice, member_of, read_members
from aos_ota_plugin.workspace.merge import (
    Closure,
    Graph,
    Layer,
    Selection,
    find_closure,
    refuse_missing,
    select_components,
)
from aos_ota_plugin.workspace.packages import Package


@dataclass(frozen=True)
class SolutionView:
    """A solution with all components that it uses, as a build reads them."""

    root: str
    solution: Package
    board: Optional[Package]
    chip: Optional[Package]
    hardware: Mapping[str, str]  # the fields of hw_info in effect
    components: Tuple[Package, ...]  # in aos's order
    depends: Mapping[str, Tuple[str, ...]]  # of each component: the names whose condition holds
    layers: Tuple[Layer, ...]  # def_config, lowest first; the command line is not among them
    foreign_names: FrozenSet[str]
    variables: Mapping[str, object]  # for conditions
    missing: Tuple[str, ...]  # components that others depend on; aos builds without them
    notices: Tuple[Notice, ...]


def load_solution(
    solution_dir: str, board: Optional[str] = None, command_line: Iterable[Tuple[str, str]] = ()
) -> SolutionView:
    """Read a solution and all components that it uses, as ``aos make`` in its folder does.

    ``board`` replaces the solution's own, as in `aos make -b`; ``command_line`` are the `NAME=value` arguments, which
    conditions use, too.

    Raises:
        WorkspaceError: a part is missing or malformed.
        SecretError: a secret is in a component in use.
        SettingsError: a setting of ours is there twice.
    """
    folder = Path(solution_dir).resolve()
    root = find_root(str(folder))
    lookup, solution = _solution(folder, root, board or "")
    _refuse_unknown_board(lookup, solution, solution.board_name)
    closure = find_closure(solution, solution.board_name, lookup)
    refuse_missing(closure, solution)
    graph = Graph(closure, solution, solution.board_name)
    unconditional = {
        package.name: package for package in reversed(closure.packages) if not graph.conditional(package.name)
    }
    board_package = _board(unconditional, solution)
    chip = _chip(unconditional, solution, board_package)
    hardware_packages = [package for package in (chip, board_package) if package is not None]
    always = [
        package
        for package in closure.packages
        if unconditional.get(package.name) is package
        and (package.type not in ("board", "chip") or any(package is each for each in hardware_packages))
    ]
    hardware = merge_hardware([package.hardware for package in (*hardware_packages, solution)], solution.file)
    arguments = read_command_line(command_line)
    selection = select_components(closure, graph, always, variables_from(hardware), [_as_aos(raw) for raw in arguments])
    settings = read_members(_members(closure, graph, selection), solution.name, arguments, SYMBOLS)
    return SolutionView(
        root=root,
        solution=solution,
        board=board_package,
        chip=chip,
        hardware=hardware,
        components=selection.packages,
        depends=selection.depends,
        layers=settings.layers,
        foreign_names=settings.foreign,
        variables=selection.variables,
        missing=tuple(depend.name for depend in closure.missing),
        notices=settings.notices,
    )


class _Lookup:
    """Components by name, each read once."""

    def __init__(self, paths: Mapping[str, str]) -> None:
        self.paths = paths
        self.packages: Dict[str, Package] = {}

    def __call__(self, name: str) -> Optional[Package]:
        if name not in self.packages and name in self.paths:
            self.packages[name] = load_package(Path(self.paths[name]))
        return self.packages.get(name)


def _solution(folder: Path, root: str, board: str) -> Tuple[_Lookup, Package]:
    """Return all components of the workspace, and the solution in `folder`, for `board`."""
    paths = find_components(root)
    other = paths.setdefault(folder.name, str(folder))
    if Path(other).resolve() != folder:
        raise WorkspaceError(
            f"the component {folder.name} is in this workspace twice",
            place=Place(str(folder / PACKAGE_FILE)),
            remedy=f"remove or rename one; the other is {other}",
        )
    lookup = _Lookup(paths)
    solution = _for_board(load_package(folder), board)
    lookup.packages[folder.name] = solution
    if solution.type != "solution":
        raise WorkspaceError(
            f"{solution.name} is a component of type {solution.type}, not a solution",
            place=Place(solution.file),
            remedy="change into the folder of a solution",
        )
    return lookup, solution


def _for_board(solution: Package, board: str) -> Package:
    """Return a solution as `aos make -b` writes it for another board, whose dependency comes last."""
    if not board:
        return solution
    depends = [depend for depend in solution.depends if depend.name != solution.board_name]
    depends.append(Depend(board, solution.version, False, None, Place(solution.file)))
    hardware = solution.hardware._replace(board_name=board, values={**solution.hardware.values, "board_name": board})
    return solution._replace(depends=tuple(depends), hardware=hardware)


def _refuse_unknown_board(lookup: _Lookup, solution: Package, board_name: str) -> None:
    package = lookup(board_name) if board_name else None
    if not board_name or (package is not None and package.type == "board"):
        return
    near = nearest(board_name, lookup.paths)
    raise WorkspaceError(
        f"there is no board {board_name} in this workspace",
        place=Place(solution.file),
        remedy=f"install it with `aos install {board_name}`" + (f"; did you mean {near}?" if near else ""),
    )


def _board(unconditional: Mapping[str, Package], solution: Package) -> Optional[Package]:
    board_name = solution.board_name
    # aos-tools looks at the solution's own list first, and fails on a board that only another component depends on.
    if board_name in unconditional and any(depend.name == board_name for depend in solution.depends):
        return unconditional[board_name]
    if board_name:
        raise WorkspaceError(
            f"the solution {solution.name} does not depend on its board {board_name}, and aos-tools ends without it",
            place=Place(solution.file),
            remedy=f"add `- {board_name}: master` under depends:, or build with `aos make -b {board_name}`",
        )
    if (
        solution.hardware.cpu_name
        or solution.hardware.ld_script
        or (solution.chip_name and all(depend.name in unconditional for depend in solution.depends))
    ):
        return None
    raise WorkspaceError(
        f"the solution {solution.name} has no board",
        place=Place(solution.file),
        remedy="set `board_name:` under hw_info, or build with `aos make -b BOARD`",
    )


def _chip(unconditional: Mapping[str, Package], solution: Package, board: Optional[Package]) -> Optional[Package]:
    owner = board or solution
    name = owner.chip_name
    if name in unconditional:
        return unconditional[name]
    if not name and board is None:
        return None
    raise WorkspaceError(
        f"the chip {name} is not in this workspace, or nothing in use depends on it"
        if name
        else f"the board {owner.name} names no chip",
        place=Place(owner.file),
        remedy=f"install it with `aos install {name}` and add it under depends:, or correct chip_name"
        if name
        else "set `chip_name:` under hw_info",
    )


def _members(closure: Closure, graph: Graph, selection: Selection) -> List[Member]:
    """Return the components in use, in order, then those whose condition does not hold."""
    used = set(map(id, selection.packages))
    return [
        *(member_of(package, True) for package in selection.packages),
        *(
            member_of(package, False)
            for package in closure.packages
            if id(package) not in used and graph.conditional(package.name)
        ),
    ]


def _as_aos(raw: RawSetting) -> RawSetting:
    """Return a command-line argument as aos reads it: digits become a number."""
    return RawSetting(raw.name, int(raw.text) if raw.text.isdecimal() else raw.text, raw.text, raw.origin)
