"""Find the workspace, the solution and the components on disk, as aos-tools does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Dict, Iterator, List, Tuple

from aos_ota_plugin.errors import Place, WorkspaceError
from aos_ota_plugin.files.yaml_text import parse_foreign_yaml
from aos_ota_plugin.workspace.disk import PACKAGE_FILE, load_package, read_text

_TOPS = ("hardware", "kernel", "components", "examples", "test", "documentation")


def find_root(start: str) -> str:
    """Return the workspace around a folder.

    The nearest ``.aos`` marks it, else ``kernel/rhino/package.yaml``. Raises WorkspaceError when there is none.
    """
    here = Path(start).resolve()
    for marks in ((".aos",), ("kernel", "rhino", PACKAGE_FILE)):
        for folder in (here, *here.parents):
            if folder.joinpath(*marks).is_file():
                return str(folder)
    raise WorkspaceError(
        "this folder is not inside an AliOS Things workspace",
        place=Place(str(here)),
        remedy="change into a workspace, or make one with `aos init` in the folder that holds components and solutions",
    )


def find_solution(start: str) -> str:
    """Return the folder of the solution in `start`.

    In a workspace's root it is the one that ``.config`` names. Raises WorkspaceError when there is none.
    """
    here = Path(start).resolve()
    if (here / PACKAGE_FILE).is_file() and load_package(here).type == "solution":
        return str(here)
    root = Path(find_root(str(here)))
    solution, _ = read_configuration(str(root))
    if here != root or not solution:
        raise WorkspaceError(
            "there is no solution in this folder",
            place=Place(str(here)),
            remedy=f"change into one, below {root / 'solutions'}, or choose one with "
            "`aos make SOLUTION@BOARD -c config`",
        )
    folder = root / "solutions" / solution
    if not (folder / PACKAGE_FILE).is_file():
        raise WorkspaceError(
            f"there is no solution {solution} in this workspace",
            place=Place(str(root / ".config")),
            remedy="choose one that exists with `aos make SOLUTION@BOARD -c config`",
        )
    return str(folder)


def find_build(start: str, named: str = "", board: str = "") -> Tuple[str, str]:
    """Return the folder of the solution to build, and its board, "" for the board in package.yaml.

    `named` is ``SOLUTION@BOARD``, or "" for the solution in `start`, or the one that the workspace's ``.config`` names.
    Raises WorkspaceError.
    """
    if named:
        folder, board = _named_solution(start, named)
    else:
        folder = find_solution(start)
        root = find_root(folder)
        if os.path.realpath(start) == os.path.realpath(root):
            board = board or read_configuration(root)[1]
    package = load_package(Path(folder))
    if board in ("", package.board_name):
        return folder, ""
    if board not in {depend.name for depend in package.depends}:
        # aos-tools 1.1.43 fails inside; with `-b` it writes the board there, and rewrites the whole file.
        raise WorkspaceError(
            f"{package.name} does not depend on the board {board}, so aos-tools cannot build it for that board",
            place=Place(package.file),
            remedy=f"add `- {board}: master` under depends:",
        )
    return folder, board


def _named_solution(start: str, named: str) -> Tuple[str, str]:
    root = find_root(start)
    solution, _, board = named.partition("@")
    if not solution or not board or "@" in board:
        raise WorkspaceError(
            f"{named[:80]!a} is no SOLUTION@BOARD",
            place=Place(root),
            remedy="write the solution's name, @, and the board's name",
        )
    path = find_components(root).get(solution)
    if path is None or load_package(Path(path)).type != "solution":
        raise WorkspaceError(
            f"there is no solution {solution} in this workspace",
            place=Place(root),
            remedy="name the folder of one, below solutions/",
        )
    return path, board


def read_configuration(root: str) -> Tuple[str, str]:
    """Return the solution and board in a workspace's ``.config``; "" for one that it does not name."""
    path = Path(root, ".config")
    if not os.path.lexists(path):
        return "", ""
    value = parse_foreign_yaml(read_text(path), str(path)).value
    names = value if isinstance(value, dict) else {}
    solution, board = names.get("solution"), names.get("board")
    return str(solution) if solution else "", str(board) if board else ""


def find_components(root: str) -> Dict[str, str]:
    """Return the folders of all components by name (a component's folder has its name).

    Folders below one with a package.yaml are not searched. Raises WorkspaceError for a name that exists twice.
    """
    folders: Dict[str, str] = {}
    for folder in _package_folders(Path(root)):
        if folder.name in folders:
            raise WorkspaceError(
                f"the component {folder.name} is in this workspace twice",
                place=Place(str(folder / PACKAGE_FILE)),
                remedy=f"remove or rename one; the other is {folders[folder.name]}",
            )
        folders[folder.name] = str(folder)
    return folders


def _package_folders(root: Path) -> Iterator[Path]:
    tops = [root / top for top in _TOPS if (root / top).is_dir()]
    tops += [folder for folder in _folders(root) if folder.name.startswith("solutions")]
    waiting: List[Tuple[Path, Tuple[str, ...]]] = [(top, ()) for top in tops]
    for folder, above in waiting:  # grows while it is walked, as aos's own list does
        if (folder / PACKAGE_FILE).is_file():
            yield folder
            continue
        real = os.path.realpath(folder)
        if real not in above:  # else a link to a folder around itself
            waiting.extend((inner, (*above, real)) for inner in _folders(folder))


def _folders(folder: Path) -> List[Path]:
    try:
        return sorted(Path(entry.path) for entry in os.scandir(folder) if entry.is_dir())
    except OSError:
        return []
