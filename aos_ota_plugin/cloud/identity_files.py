"""Files with the login of each registered device, readable by the owner only."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Dict, Sequence

from aos_ota_plugin.cloud.client import Client
from aos_ota_plugin.cloud.data_folder import IDENTITIES
from aos_ota_plugin.errors import OutputError, SettingsError
from aos_ota_plugin.files.transaction import NewFile, create_files, take_back


def register_devices(
    client: Client, folder: Path, product: str, devices: Sequence[str], *, gateway: str = ""
) -> Dict[str, str]:
    """Register devices of an existing product, write their identity files, return the paths.

    Raises:
        SettingsError: the cloud refuses, or two names would have one file.
        OutputError: a file is there already.
    """
    paths = _paths(folder / IDENTITIES / product, devices)
    identities = client.add_devices(product, devices, gateway, again=True)
    create_files(
        [
            NewFile(paths[identity["device_name"]], (json.dumps(identity, indent=2) + "\n").encode(), 0o600)
            for identity in identities
        ]
    )
    return {name: str(path) for name, path in paths.items()}


def _paths(folder: Path, devices: Sequence[str]) -> Dict[str, Path]:
    """Return each device's new file; files of a killed run are removed.

    Raises SettingsError when two devices have one file, OutputError when a file exists.
    """
    paths = {name: folder / f"{re.sub(r'[^A-Za-z0-9._@-]', '_', name)}.json" for name in devices}
    taken: Dict[Path, str] = {}
    for name, path in paths.items():
        if path in taken:
            raise SettingsError(
                f"the devices {taken[path]!a} and {name!a} would have one file, {path}",
                remedy="give one of them another name",
            )
        taken[path] = name
    take_back(list(taken))
    for name, path in paths.items():
        if os.path.lexists(path):
            raise OutputError(
                f"{path} is there already", remedy=f"leave {name} out, or move that file away: then it is written again"
            )
    return paths
