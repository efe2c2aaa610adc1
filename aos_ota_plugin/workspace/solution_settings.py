"""The settings of a solution as the next ``aos make`` would read them."""

from __future__ import annotations

import os
from typing import Callable, Optional, Sequence, Tuple

from aos_ota_plugin.settings.resolve import OtaSettings, resolve
from aos_ota_plugin.settings.secretfile import load_secrets
from aos_ota_plugin.settings.sources import read_command_line
from aos_ota_plugin.workspace.disk import all_layers
from aos_ota_plugin.workspace.find import find_root, find_solution, read_configuration
from aos_ota_plugin.workspace.solution import SolutionView, load_solution

Warn = Callable[[str], None]
"""A function that gets the warnings about the workspace, a line each."""


def ignore_warning(_line: str) -> None:
    """Ignore a warning."""


def load_settings(
    start: str,
    *,
    board: Optional[str] = None,
    command_line: Sequence[Tuple[str, str]] = (),
    warn: Warn = ignore_warning,
) -> OtaSettings:
    """Resolve the settings of the solution in ``start``, or of the one that ``.config`` names.

    Raises:
        OtaError: as a build would.
    """
    return resolve_view(load_view(start, board=board, command_line=command_line, warn=warn), command_line, warn)


def load_view(
    start: str,
    *,
    board: Optional[str] = None,
    command_line: Sequence[Tuple[str, str]] = (),
    warn: Warn = ignore_warning,
) -> SolutionView:
    """Read the solution in ``start``, or the one that ``.config`` names with its board.

    Raises:
        OtaError: as a build would.
    """
    folder = find_solution(start)
    root = find_root(folder)
    if board is None and os.path.realpath(start) == os.path.realpath(root):
        board = read_configuration(root)[1] or None
    view = load_solution(folder, board=board, command_line=command_line)
    for notice in view.notices:
        warn(str(notice))
    for name in missing_of(view):
        warn(f"{view.solution.file}: there is no component {name} in this workspace, and aos make builds without it")
    return view


def resolve_view(
    view: SolutionView, command_line: Sequence[Tuple[str, str]] = (), warn: Warn = ignore_warning
) -> OtaSettings:
    """Resolve the settings of a solution that was read with the same command line; errors as in a build."""
    folder = view.solution.path
    settings = resolve(
        all_layers(folder, view.layers, read_command_line(command_line)),
        solution_dir=folder,
        secrets=load_secrets(folder, os.environ),
        foreign_names=view.foreign_names,
    )
    for notice in settings.notices:
        warn(notice)
    return settings


def missing_of(view: SolutionView) -> Sequence[str]:
    """Return the components that the solution itself needs unconditionally and that are missing."""
    needed = {depend.name for depend in view.solution.depends if not depend.optional}
    return [name for name in view.missing if name in needed]
