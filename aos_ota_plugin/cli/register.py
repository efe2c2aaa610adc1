"""``aos-ota register``."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Dict, Optional, Tuple

import click

from aos_ota_plugin.cli.options import CLOUD_FOLDER
from aos_ota_plugin.cli.output import echo_json, echo_table
from aos_ota_plugin.errors import OutputError, SettingsError
from aos_ota_plugin.files.transaction import NewFile, create_files, take_back


@click.command("register", short_help="register devices with the cloud on this machine")
@click.argument("product", metavar="PRODUCT_KEY")
@click.argument("devices", metavar="DEVICE_NAME...", nargs=-1, required=True)
@click.option(
    "--cloud",
    "directory",
    default=CLOUD_FOLDER,
    show_default=True,
    type=click.Path(file_okay=False),
    help="The folder that the cloud runs in.",
)
@click.option("--secure", is_flag=True, help="A new product gets secure upgrade: the cloud signs what it pushes.")
@click.option("--gateway", metavar="DEVICE_NAME", help="These are sub-devices, reached through that one.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    product: str, devices: Tuple[str, ...], directory: str, secure: bool, gateway: Optional[str], as_json: bool
) -> None:
    """Register devices of a product with the running cloud; the product is added where it is not there yet.

    What each device logs in with, its secret included, is written to DIRECTORY/devices/PRODUCT_KEY/DEVICE_NAME.json,
    readable by you alone, and shown nowhere. A device that is registered and has no such file gets one again.

    \b
    Example:
      aos-ota register demo device1 device2
    """
    from aos_ota_plugin.cloud.client import Client

    client = Client(Path(directory))
    client.add_product(product, secure=secure)  # which checks the name that is a folder's, too
    paths = _paths(Path(directory, "devices", product), devices)
    identities = client.add_devices(product, list(paths), gateway or "", again=True)
    create_files(
        [NewFile(paths[one["device_name"]], (json.dumps(one, indent=2) + "\n").encode(), 0o600) for one in identities]
    )
    rows = {name: str(path) for name, path in paths.items()}
    if as_json:
        echo_json({"product_key": product, "devices": rows})
        return
    echo_table(("device", "identity"), list(rows.items()))


def _paths(folder: Path, devices: Tuple[str, ...]) -> Dict[str, Path]:
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
