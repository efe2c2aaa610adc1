"""``aos-ota cloud status``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

import click

from aos_ota_plugin.cli.options import cloud_option, json_option
from aos_ota_plugin.cli.output import echo_json, echo_table


@click.command("status")
@cloud_option
@json_option()
def command(directory: str, as_json: bool) -> None:
    """Show devices, packages and rollouts of the running cloud.

    Devices are shown with their versions, packages with their state, rollouts with their progress.

    \b
    Example:
      aos-ota cloud status
    """
    from aos_ota_plugin.cloud.client import Client

    status = Client(Path(directory)).status()
    if as_json:
        echo_json(status)
        return
    _show(status)


def _show(status: Dict[str, Any]) -> None:
    online = set(status["online"])
    echo_table(
        ("device", "product", "online", "versions"),
        [
            (
                device["device_name"],
                device["product_key"],
                _online(device, online),
                ", ".join(f"{module} {version}" for module, version in sorted(device["versions"].items())),
            )
            for device in status["devices"]
        ],
    )
    click.echo()
    echo_table(
        ("package", "product", "module", "version", "bytes", "state"),
        [
            [str(package[name]) for name in ("number", "product_key", "module", "version", "size", "state")]
            for package in status["packages"]
        ],
    )
    click.echo()
    echo_table(
        ("job", "kind", "package", "devices"),
        [
            (
                str(job["number"]),
                job["kind"],
                str(job["package"]),
                ", ".join(f"{number} {state}" for state, number in job["counts"].items() if number),
            )
            for job in status["jobs"]
        ],
    )


def _online(device: Dict[str, Any], online: Any) -> str:
    if device["gateway"]:
        return f"by {device['gateway']}"
    return "yes" if f"{device['device_name']}&{device['product_key']}" in online else "no"
