"""``aos-ota cloud register``."""

from __future__ import annotations

from pathlib import Path
from typing import Optional, Tuple

import click

from aos_ota_plugin.cli.options import cloud_option, json_option
from aos_ota_plugin.cli.output import echo_json, echo_table


@click.command("register")
@click.argument("product", metavar="PRODUCT_KEY")
@click.argument("devices", metavar="DEVICE_NAME...", nargs=-1, required=True)
@cloud_option
@click.option("--secure", is_flag=True, help="A new product gets secure upgrade: the cloud signs what it pushes.")
@click.option("--gateway", metavar="DEVICE_NAME", help="Register the devices as sub-devices of this gateway.")
@json_option()
def command(
    product: str, devices: Tuple[str, ...], directory: str, secure: bool, gateway: Optional[str], as_json: bool
) -> None:
    """Register devices of a product with the running cloud.

    A product that is not there yet is added. The file DIRECTORY/devices/PRODUCT_KEY/DEVICE_NAME.json gets each
    device's credentials, its secret included. Only you can read it, and they are shown nowhere else. A device that
    is registered already and has no such file gets a new one.

    \b
    Example:
      aos-ota cloud register demo device1 device2
    """
    from aos_ota_plugin.cloud.client import Client
    from aos_ota_plugin.cloud.identity_files import register_devices

    client = Client(Path(directory))
    client.add_product(product, secure=secure)  # which checks the name that is a folder's, too
    rows = register_devices(client, Path(directory), product, devices, gateway=gateway or "")
    if as_json:
        echo_json({"product_key": product, "devices": rows})
        return
    echo_table(("device", "identity"), list(rows.items()))
