"""``aos-ota device``."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Optional

import click

from aos_ota_plugin.children import on_ending_signals, unwind_on_signals
from aos_ota_plugin.cli.options import FILE, FOLDER
from aos_ota_plugin.cli.output import echo_note
from aos_ota_plugin.errors import BuildError
from aos_ota_plugin.files.transaction import write_file
from aos_ota_plugin.lab.demo.network_firmware import IMAGE_PLACE, build_network_firmware
from aos_ota_plugin.lab.simulate.credentials import read_certificate, read_identity
from aos_ota_plugin.lab.simulate.machine import FLASH, find_qemu
from aos_ota_plugin.lab.simulate.mcu import Mcu, McuBehavior
from aos_ota_plugin.lab.simulate.network import NETWORK_NEW, NETWORK_OLD, NetworkDevice, check, prepare

_MCU_FILE = "mcu.bin"


@click.command("device")
@click.argument("broker", metavar="BROKER")
@click.option(
    "--identity",
    "identity_file",
    required=True,
    type=FILE,
    metavar="FILE",
    help="JSON with product_key, device_name and device_secret, readable by you alone.",
)
@click.option(
    "--ca",
    "ca_file",
    type=FILE,
    metavar="FILE",
    help="Root certificate (PEM) that the firmware trusts; needed for mqtts:// and https://.",
)
@click.option(
    "--directory",
    default="build/device",
    show_default=True,
    type=FOLDER,
    help="Where the firmware is built, and the device has its flash.",
)
@click.option(
    "--mcu",
    "with_mcu",
    is_flag=True,
    help="Connect an MCU to UART1; the image that it accepted is written to mcu.bin beside the flash.",
)
@click.option("--keep", is_flag=True, help="Go on with the flash as the device left it.")
@click.option("--quiet", is_flag=True, help="Show no output of `aos make`.")
def command(
    broker: str, identity_file: str, ca_file: Optional[str], directory: str, with_mcu: bool, keep: bool, quiet: bool
) -> None:
    """Run an emulated device that connects to BROKER by itself, by MQTT and HTTP.

    The demo's firmware is built with a network stack of its own (lwIP, TLS, MQTT, HTTP) and runs on an emulated
    Cortex-M33. It logs in to BROKER (mqtts://NAME:PORT or mqtt://NAME:PORT) as devices log in to the platform. For
    the device every name and the address 10.0.2.2 are this computer; it reaches nothing else.

    \b
    Example:
      aos-ota device mqtts://10.0.2.2:8883 --ca ca.pem --identity device1.json
    """
    find_qemu()
    identity = read_identity(identity_file)
    check(identity, broker)
    if ca_file is None and broker.startswith("mqtts:"):
        raise click.UsageError("a broker with TLS needs --ca")
    ca = read_certificate(ca_file) if ca_file else ""
    root = Path(directory).absolute()
    with unwind_on_signals():
        built = build_network_firmware(root, ca, quiet=quiet, say=echo_note)
    folder = root / "devices" / f"{identity.product_key}.{identity.device_name.replace(':', '_')}"
    if not (keep and (folder / FLASH).is_file()):
        prepare(folder, built, built.firmware[NETWORK_OLD].payload, identity, broker)
    click.echo(f"the device's flash and console.log are in {folder}; Ctrl-C switches it off", err=True)
    click.echo(f"{NETWORK_NEW} to push: {root / IMAGE_PLACE}", err=True)
    if not with_mcu:
        _run(folder)
        return
    with Mcu(McuBehavior.TAKES) as mcu:
        _run(folder, mcu.port)
    if mcu.image:
        write_file(folder / _MCU_FILE, mcu.image)
        click.echo(f"the MCU has taken {len(mcu.image)} bytes: {folder / _MCU_FILE}", err=True)


def _run(folder: Path, mcu: Optional[int] = None) -> None:
    ended = threading.Event()
    with on_ending_signals(lambda *_: ended.set()), NetworkDevice(folder, mcu) as device:
        for text in device.follow(ended):
            click.echo(text, nl=False)
        if not ended.is_set():
            raise BuildError("the device has gone off by itself", remedy="its console shows why")
    click.echo("the device is off", err=True)
