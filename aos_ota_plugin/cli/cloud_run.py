"""``aos-ota cloud run``."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Optional

import click

from aos_ota_plugin.children import on_ending_signals
from aos_ota_plugin.cli.options import CLOUD_FOLDER, FOLDER
from aos_ota_plugin.errors import WorkspaceError

_PORT = click.IntRange(0, 65535)


@click.command("run")
@click.argument("directory", default=CLOUD_FOLDER, type=FOLDER)
@click.option("--host", help="What devices call this machine: 10.0.2.2 in QEMU's own network.  [default: 127.0.0.1]")
@click.option(
    "--scheme",
    type=click.Choice(["https", "http"]),
    default="https",
    show_default=True,
    help="The protocol of download addresses; the server speaks both on one port.",
)
@click.option(
    "--mqtt-port", type=_PORT, help="For devices, MQTT over TLS.  [default: a free one, chosen at the first start]"
)
@click.option("--image-port", type=_PORT, help="For downloads.  [default: a free one, chosen at the first start]")
@click.option(
    "--api-port", type=_PORT, help="For commands and the page.  [default: a free one, chosen at the first start]"
)
@click.option(
    "--link", help="The radio link whose speed and losses downloads have: none, ble, nb-iot or 4g.  [default: none]"
)
def command(
    directory: str,
    host: Optional[str],
    scheme: str,
    mqtt_port: Optional[int],
    image_port: Optional[int],
    api_port: Optional[int],
    link: Optional[str],
) -> None:
    """Run a cloud on this computer (127.0.0.1) until Ctrl-C.

    Its products, devices, packages and rollouts are stored in DIRECTORY (default build/cloud); the next start goes
    on with them.

    \b
    Example:
      aos-ota cloud run &
      aos-ota cloud register demo device1 device2
      aos-ota cloud upload ota_rtos_ota.json --product demo
      aos-ota cloud push 1 --verify-on device1 --wait
    """
    from aos_ota_plugin.cloud import data_folder
    from aos_ota_plugin.cloud.server import Cloud, faults_of

    folder = Path(directory).absolute()
    faults = faults_of({"link": link} if link else {})
    try:
        config = data_folder.read_config(folder)
    except WorkspaceError:
        config = data_folder.new_config(host or "127.0.0.1")
    options: Dict[str, Any] = {"host": host, "mqtt_port": mqtt_port, "image_port": image_port, "api_port": api_port}
    config = replace(config, **{name: value for name, value in options.items() if value is not None})
    ended = threading.Event()
    with on_ending_signals(lambda *_: ended.set()):
        cloud = Cloud(folder, config, scheme=scheme, tell=click.echo)
        try:
            cloud.images.faults = faults
            _show(cloud)
            while not ended.wait(1):
                cloud.check()
        finally:
            cloud.stop()
    click.echo("the cloud has ended; nothing of it runs any more")


def _show(cloud: Any) -> None:
    config = cloud.config
    click.echo(f"the cloud runs in {cloud.folder}; Ctrl-C ends it")
    click.echo(f"devices    mqtts://{config.host}:{config.mqtt_port}, which trust {cloud.folder / 'ca.pem'}")
    click.echo(f"downloads  {cloud.scheme}://{config.host}:{config.image_port}")
    click.echo(f"page       http://127.0.0.1:{config.api_port}/")
    click.echo(
        f"signs with {cloud.signer.public_key.short_fingerprint}, for products with secure upgrade: "
        f"{cloud.folder / 'ota_key.pub.pem'}"
    )
