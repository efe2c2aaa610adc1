"""The settings of a solution as the next ``aos make`` would see them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import List, Optional, Sequence, Tuple

from aos_ota_plugin.settings.raw import RawSetting
from aos_ota_plugin.settings.resolve import OtaSettings, resolve
from aos_ota_plugin.settings.schema import load_schema
from aos_ota_plugin.settings.secretfile import load_secrets
from aos_ota_plugin.settings.sources import read_command_line, read_ota_config
from aos_ota_plugin.workspace.disk import read_text
from aos_ota_plugin.workspace.find import configured, find_root, find_solution
from aos_ota_plugin.workspace.solution import load_solution


def load_settings(
    start: str, *, board: Optional[str] = None, command_line: Sequence[Tuple[str, str]] = (),
) -> OtaSettings:
    """Resolve the settings of the solution in ``start``, or of the one that the workspace's ``.config`` names.

    Raises:
        OtaError: as a build would.
    """
    folder = find_solution(start)
    root = find_root(folder)
    if board is None and os.path.realpath(start) == os.path.realpath(root):
        board = configured(root)[1] or None
    view = load_solution(folder, board=board, command_line=command_line)
    layers: List[Sequence[RawSetting]] = []
    saved = Path(folder) / "ota.config"
    if os.path.lexists(saved):  # a link to nowhere is a mistake, not no settings
        layers.append(read_ota_config(read_text(saved), str(saved)))
    layers += view.layers
    layers.append(read_command_line(command_line))
    return resolve(layers, schema=load_schema(), solution_dir=folder, secrets=load_secrets(folder, os.environ),
                   known_foreign=view.known_foreign)
