"""A solution with everything it uses, as ``aos make`` in its folder would see it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Dict, FrozenSet, Iterable, Mapping, Optional, Sequence, Set, Tuple

from aos_ota_plugin.errors import Place, WorkspaceError
from aos_ota_plugin.settings.foreign import nearest
from aos_ota_plugin.settings.raw import RawSetting
from aos_ota_plugin.settings.schema import load_schema
from aos_ota_plugin.settings.sources import read_command_line
from aos_ota_plugin.workspace.disk import load_package
from aos_ota_plugin.workspace.find import find_components, find_root
from aos_ota_plugin.workspace.merge import (
    Layer,
    close,
    in_use,
    merge_layers,
    refuse_missing,
    variables_of,
)
from aos_ota_plugin.workspace.packages import Package


@dataclass(frozen=True)
class SolutionView:
    """A solution with all it uses, as a build of it would see them."""

    root: str
    solution: Package
    board: Optional[Package]
    chip: Optional[Package]
    components: Tuple[Package, ...]  # in aos's order
    layers: Tuple[Layer, ...]  # def_config, lowest first; the command line is not among them
    known_foreign: FrozenSet[str]
    missing: Tuple[str, ...]  # components that others depend on and that are not there; aos builds without them


def load_solution(
    solution_dir: str, board: Optional[str] = None, command_line: Iterable[Tuple[str, str]] = ()
) -> SolutionView:
    """Read a solution and everything it uses, as ``aos make`` in its folder would.

    ``board`` is what `--board` says; ``command_line`` are the `NAME=value` arguments, which turn conditions too.
    Raises WorkspaceError for what is missing or malformed, SecretError for a secret in a package.yaml.
    """
    folder = Path(solution_dir).resolve()
    root = find_root(str(folder))
    paths = find_components(root)
    solution = load_package(folder)
    if solution.type != "solution":
        raise WorkspaceError(
            f"{solution.name} is a component of type {solution.type}, not a solution",
            place=Place(solution.file),
            remedy="change into the folder of a solution",
        )
    lookup = _Lookup(paths, solution)
    board_name = board or solution.board_name
    _refuse_strange_board(lookup, solution, board_name)
    board_package = lookup(board_name) if board_name else None
    closure = close(solution, board_name, lookup)
    chip = _chip(lookup, solution, board_package)
    arguments = read_command_line(command_line)
    variables = _hardware_variables(solution, board_package, chip)
    typed = [_as_aos(raw) for raw in arguments]
    used = in_use(closure, solution, board_name, variables, typed)
    refuse_missing(closure, solution, {**variables, **variables_of(used, typed)})
    components = tuple(
        package for package in used
        if package.type not in ("board", "chip") or package is board_package or package is chip
    )
    return SolutionView(
        root=root,
        solution=solution,
        board=board_package,
        chip=chip,
        components=components,
        layers=merge_layers(components),
        known_foreign=_known_foreign(closure.packages, solution, arguments),
        missing=tuple(depend.name for depend in closure.missing),
    )


class _Lookup:
    """Components by name, each read once."""

    def __init__(self, paths: Mapping[str, str], solution: Package) -> None:
        self.paths = paths
        self.packages: Dict[str, Package] = {solution.name: solution}

    def __call__(self, name: str) -> Optional[Package]:
        if name not in self.packages and name in self.paths:
            self.packages[name] = load_package(Path(self.paths[name]))
        return self.packages.get(name)


def _refuse_strange_board(lookup: _Lookup, solution: Package, board_name: str) -> None:
    if not board_name:
        if solution.chip_name or solution.hardware.cpu_name:
            return
        raise WorkspaceError(
            f"the solution {solution.name} has no board",
            place=Place(solution.file),
            remedy="set `board_name:` under hw_info, or build with `aos make -b BOARD`",
        )
    package = lookup(board_name)
    if package is not None and package.type == "board":
        return
    near = nearest(board_name, lookup.paths)
    raise WorkspaceError(
        f"there is no board {board_name} in this workspace",
        place=Place(solution.file),
        remedy=f"install it with `aos install {board_name}`" + (f"; did you mean {near}?" if near else ""),
    )


def _chip(lookup: _Lookup, solution: Package, board: Optional[Package]) -> Optional[Package]:
    name = board.chip_name if board else solution.chip_name
    chip = lookup(name) if name else None
    if name and chip is None:
        owner = board or solution
        raise WorkspaceError(
            f"there is no chip {name} in this workspace",
            place=Place(owner.file),
            remedy=f"install it with `aos install {name}`, or correct chip_name",
        )
    return chip


def _hardware_variables(
    solution: Package, board: Optional[Package], chip: Optional[Package]
) -> Dict[str, object]:
    """Return what aos sets from the hardware sections, of the kind that conditions can test."""
    variables: Dict[str, object] = {"compiler": "gcc"}
    merged: Dict[str, str] = {}
    owners = [package.hardware for package in (chip, board, solution) if package]
    cpu_id = next((hardware.cpu_id for hardware in reversed(owners) if hardware.cpu_id), "")
    for hardware in owners:
        fields = {"cpu_name": hardware.cpu_name, "arch_name": hardware.arch_name}
        fields.update(hardware.cpus.get(cpu_id, {}))
        merged.update({name: value for name, value in fields.items() if value})
    cpu, arch = merged.get("cpu_name", ""), merged.get("arch_name", "")
    if cpu:
        variables[f"__ARCH_{arch.upper()}__"] = 1
        variables[f"__CPU_{cpu.upper().replace('-', '').replace('.', '')}__"] = 1
    return variables


def _as_aos(raw: RawSetting) -> RawSetting:
    """Return a command-line argument as aos sees it: digits become a number."""
    return RawSetting(raw.name, int(raw.text) if raw.text.isdecimal() else raw.text, raw.text, raw.origin)


def _known_foreign(
    packages: Sequence[Package], solution: Package, arguments: Sequence[RawSetting]
) -> FrozenSet[str]:
    """Return the names that are someone else's: other components' settings, conditions, the solution's own."""
    names: Set[str] = set()
    own = f"{solution.name.upper()}_"
    ours = load_schema().symbols
    for package in packages:
        names.update(package.condition_names)
        if package.type not in ("solution", "board"):
            # A chip sets ours, too, for its boards: what is nearly one of them is a slip.
            names.update(raw.name for raw in package.def_config
                         if package.type != "chip" or not nearest(raw.name, ours, cutoff=0.85))
    if own != "OTA_":
        written = [raw.name for raw in (*solution.def_config, *arguments) if raw.name.startswith(own)]
        # In a solution called ota_app, OTA_APP_VERSON is a slip of ours rather than a macro of its own.
        names.update(name for name in written if not nearest(name, ours, cutoff=0.85))
    return frozenset(names)
