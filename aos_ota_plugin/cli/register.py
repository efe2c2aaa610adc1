"""``aos-ota register``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Optional, Tuple

import click

from aos_ota_plugin.cli.cloud import DIRECTORY
from aos_ota_plugin.cli.output import echo_json, echo_table


@click.command("register", short_help="register devices with the cloud on this machine")
@click.argument("product", metavar="PRODUCT_KEY")
@click.argument("devices", metavar="DEVICE_NAME...", nargs=-1, required=True)
@click.option("--cloud", "directory", default=DIRECTORY, show_default=True, type=click.Path(file_okay=False),
              help="The folder that the cloud runs in.")
@click.option("--secure", is_flag=True, help="A new product gets secure upgrade: the cloud signs what it pushes.")
@click.option("--gateway", metavar="DEVICE_NAME", help="These are sub-devices, reached through that one.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(product: str, devices: Tuple[str, ...], directory: str, secure: bool, gateway: Optional[str],
            as_json: bool) -> None:
    """Register devices of a product with the running cloud; the product is added where it is not there yet.

    What each device logs in with, its secret included, is written to DIRECTORY/devices/PRODUCT_KEY/DEVICE_NAME.json,
    readable by you alone, and shown nowhere.

    \b
    Example:
      aos-ota register demo device1 device2
    """
    from aos_ota_plugin.cli.keygen import create_private
    from aos_ota_plugin.cloud.client import Client

    client = Client(Path(directory))
    client.add_product(product, secure=secure)
    rows = []
    for identity in client.add_devices(product, list(devices), gateway or ""):
        path = Path(directory, "devices", product, f"{identity['device_name'].replace(':', '_')}.json")
        create_private(path, (json.dumps(identity, indent=2) + "\n").encode())
        rows.append((identity["device_name"], str(path)))
    if as_json:
        echo_json({"product_key": product, "devices": dict(rows)})
        return
    echo_table(("device", "identity"), rows)
