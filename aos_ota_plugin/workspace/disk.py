"""Read the text files of a workspace: package.yaml, ota.config and others."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import List, Sequence

from aos_ota_plugin.errors import Place, WorkspaceError
from aos_ota_plugin.files.read import read_bytes
from aos_ota_plugin.settings.raw import RawSetting
from aos_ota_plugin.settings.sources import read_ota_config
from aos_ota_plugin.workspace.packages import Package, parse_package

PACKAGE_FILE = "package.yaml"
_DEPENDS = re.compile(r"^depends\s*:", re.MULTILINE)


def read_text(path: Path) -> str:
    """Return a UTF-8 file's text. Raises WorkspaceError when it cannot be read."""
    try:
        data = read_bytes(path)
    except OSError as error:
        raise WorkspaceError(
            f"the file cannot be read: {error.strerror}",
            place=Place(str(path)),
            remedy="check that it is a file and that you may open it",
        ) from None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise WorkspaceError(
            "this file is not UTF-8 text",
            place=Place(str(path), data.count(b"\n", 0, error.start) + 1),
            remedy="save it as UTF-8, as aos needs it",
        ) from None


def depends_place(file: str) -> Place:
    """Return the place of ``depends:`` in a package.yaml, or of the file where it has none."""
    match = _DEPENDS.search(read_text(Path(file)))
    return Place(file, match.string.count("\n", 0, match.start()) + 1, 1) if match else Place(file)


def load_package(folder: Path) -> Package:
    """Read the component in a folder; raises like ``read_text`` and ``parse_package``."""
    return parse_package(read_text(folder / PACKAGE_FILE), str(folder))


def all_layers(
    folder: str, layers: Sequence[Sequence[RawSetting]], arguments: Sequence[RawSetting]
) -> List[Sequence[RawSetting]]:
    """Return a solution's settings, lowest layer first: ota.config, ``layers``, the command line.

    Raises:
        WorkspaceError, SettingsError, SecretError: as ``read_text`` and ``read_ota_config`` do.
    """
    saved = Path(folder) / "ota.config"
    below: List[Sequence[RawSetting]] = []
    if os.path.lexists(saved):  # a link to nowhere is a mistake, not no settings
        below.append(read_ota_config(read_text(saved), str(saved)))
    return [*below, *layers, arguments]
