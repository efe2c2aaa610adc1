"""The files that devices log in with: one a device, written when it is registered, for their owner alone."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Dict, Sequence

from aos_ota_plugin.cloud.client import Client
from aos_ota_plugin.errors import OutputError, SettingsError
from aos_ota_plugin.files.transaction import NewFile, create_files, take_back


def register_devices(
    client: Client, folder: Path, product: str, devices: Sequence[str], *, gateway: str = ""
) -> Dict[str, str]:
    """Register devices of a product that is there, and write what they log in with; return each one's file.

    Raises:
        SettingsError: the cloud refuses, or two names would have one file.
        OutputError: a file is there already.
    """
    paths = _paths(folder / "devices" / product, devices)
    identities = client.add_devices(product, list(paths), gateway, again=True)
    create_files(
        [NewFile(paths[one["device_name"]], (json.dumps(one, indent=2) + "\n").encode(), 0o600) for one in identities]
    )
    return {name: str(path) for name, path in paths.items()}


def _paths(folder: Path, devices: Sequence[str]) -> Dict[str, Path]:
    """Each device's file, none of which is there yet: what a killed run of the same devices left is taken back."""
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
