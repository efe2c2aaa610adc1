"""A solution with everything it uses, as ``aos make`` in its folder would see it."""

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
from aos_ota_plugin.workspace.hardware import add_up, variables_from
from aos_ota_plugin.workspace.layers import Member, Notice, member_of, read_members
from aos_ota_plugin.workspace.merge import Closure, Graph, Layer, Use, close, in_use, refuse_missing
from aos_ota_plugin.workspace.packages import Package


@dataclass(frozen=True)
class SolutionView:
    """A solution with all it uses, as a build of it would see them."""

    root: str
    solution: Package
    board: Optional[Package]
    chip: Optional[Package]
    hardware: Mapping[str, str]  # the fields of hw_info in effect
    components: Tuple[Package, ...]  # in aos's order
    depends: Mapping[str, Tuple[str, ...]]  # of each component, those whose condition holds
    layers: Tuple[Layer, ...]  # def_config, lowest first; the command line is not among them
    known_foreign: FrozenSet[str]
    missing: Tuple[str, ...]  # components that others depend on and that are not there; aos builds without them
    notices: Tuple[Notice, ...]


def load_solution(
    solution_dir: str, board: Optional[str] = None, command_line: Iterable[Tuple[str, str]] = ()
) -> SolutionView:
    """Read a solution and everything it uses, as ``aos make`` in its folder would.

    ``board`` is another one than the solution's, as for `aos make -b`; ``command_line`` are the `NAME=value`
    arguments, which turn conditions too.
    Raises WorkspaceError for what is missing or malformed; SecretError for a secret, and SettingsError for a setting
    of ours that stands twice, in what is built.
    """
    folder = Path(solution_dir).resolve()
    root = find_root(str(folder))
    lookup, solution = _solution(folder, root, board or "")
    board_name = solution.board_name
    if board_name:
        _refuse_strange_board(lookup, solution, board_name)
    closure = close(solution, board_name, lookup)
    refuse_missing(closure, solution)
    graph = Graph(closure, solution, board_name)
    steady = {package.name: package for package in reversed(closure.packages) if not graph.conditional(package.name)}
    board_package = _board(steady, solution)
    chip = _chip(steady, solution, board_package)
    always = [
        package
        for package in closure.packages
        if steady.get(package.name) is package
        and (package.type not in ("board", "chip") or package is board_package or package is chip)
    ]
    owners = [package.hardware for package in (chip, board_package, solution) if package is not None]
    hardware = add_up(owners, solution.file)
    arguments = read_command_line(command_line)
    use = in_use(closure, graph, always, variables_from(hardware), [_as_aos(raw) for raw in arguments])
    members = _members(closure, graph, use)
    reading = read_members(members, solution.name, arguments, SYMBOLS)
    return SolutionView(
        root=root,
        solution=solution,
        board=board_package,
        chip=chip,
        hardware=hardware,
        components=use.packages,
        depends=use.depends,
        layers=reading.layers,
        known_foreign=reading.foreign,
        missing=tuple(depend.name for depend in closure.missing),
        notices=reading.notices,
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
    """Return all components of the workspace, and the one in a folder, which must be a solution, for a board."""
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
    """Return a solution as `aos make -b` would write it for another board, whose dependency comes last then."""
    if not board:
        return solution
    depends = [depend for depend in solution.depends if depend.name != solution.board_name]
    depends.append(Depend(board, solution.version, False, None, Place(solution.file)))
    hardware = solution.hardware._replace(board_name=board, values={**solution.hardware.values, "board_name": board})
    return solution._replace(depends=tuple(depends), hardware=hardware)


def _refuse_strange_board(lookup: _Lookup, solution: Package, board_name: str) -> None:
    package = lookup(board_name)
    if package is not None and package.type == "board":
        return
    near = nearest(board_name, lookup.paths)
    raise WorkspaceError(
        f"there is no board {board_name} in this workspace",
        place=Place(solution.file),
        remedy=f"install it with `aos install {board_name}`" + (f"; did you mean {near}?" if near else ""),
    )


def _board(steady: Mapping[str, Package], solution: Package) -> Optional[Package]:
    board_name = solution.board_name
    # aos-tools looks at the solution's own list first, and fails on a board that only another component depends on.
    if board_name in steady and any(depend.name == board_name for depend in solution.depends):
        return steady[board_name]
    if board_name:
        raise WorkspaceError(
            f"the solution {solution.name} does not depend on its board {board_name}, and aos-tools ends without it",
            place=Place(solution.file),
            remedy=f"add `- {board_name}: master` under depends:, or build with `aos make -b {board_name}`",
        )
    if (
        solution.hardware.cpu_name
        or solution.hardware.ld_script
        or (solution.chip_name and all(depend.name in steady for depend in solution.depends))
    ):
        return None
    raise WorkspaceError(
        f"the solution {solution.name} has no board",
        place=Place(solution.file),
        remedy="set `board_name:` under hw_info, or build with `aos make -b BOARD`",
    )


def _chip(steady: Mapping[str, Package], solution: Package, board: Optional[Package]) -> Optional[Package]:
    owner = board or solution
    name = owner.chip_name
    if name in steady:
        return steady[name]
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


def _members(closure: Closure, graph: Graph, use: Use) -> List[Member]:
    """Return what is in use in its order, then what would be in use if another condition held."""
    used = set(map(id, use.packages))
    return [
        *(member_of(package, True) for package in use.packages),
        *(
            member_of(package, False)
            for package in closure.packages
            if id(package) not in used and graph.conditional(package.name)
        ),
    ]


def _as_aos(raw: RawSetting) -> RawSetting:
    """Return a command-line argument as aos sees it: digits become a number."""
    return RawSetting(raw.name, int(raw.text) if raw.text.isdecimal() else raw.text, raw.text, raw.origin)
