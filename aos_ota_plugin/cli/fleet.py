"""``aos-ota fleet``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from aos_ota_plugin.children import unwind_on_signals
from aos_ota_plugin.cli.options import json_option
from aos_ota_plugin.cli.output import echo_json, echo_table
from aos_ota_plugin.errors import ProofError
from aos_ota_plugin.files.folders import temporary_folder


@click.command("fleet")
@click.option(
    "--devices", type=click.IntRange(20, 20_000), default=200, show_default=True, help="The number of device models."
)
@click.option(
    "--size",
    type=click.IntRange(1024, 5_000_000),
    default=100_000,
    show_default=True,
    help="Bytes of the image's payload.",
)
@click.option(
    "--faults/--no-faults",
    default=True,
    show_default=True,
    help="Cut and damaged downloads, a killed broker and a restart of the whole cloud on the way.",
)
@click.option(
    "--seed", type=int, default=1, show_default=True, help="The seed of the faults: the same number, the same faults."
)
@json_option()
def command(devices: int, size: int, faults: bool, seed: int, as_json: bool) -> None:
    """Take many device models through a rollout, with faults.

    A cloud is started in a folder of its own, the device models run in this process, and a signed image is pushed
    to them all. Some lose power while they download, some trust another key or none, some have no room or run a
    newer version. Each has to end on the new version, or with its own refusal and the old version.

    Ends with status 1 when a device is lost.

    \b
    Example:
      aos-ota fleet --devices 200
    """
    from aos_ota_plugin.cloud.broker import find_mosquitto
    from aos_ota_plugin.cloud.mqtt import import_mqtt
    from aos_ota_plugin.lab.models.cloud_process import CloudProcess, roll_out
    from aos_ota_plugin.lab.models.fleet import allow_many_files

    find_mosquitto()
    import_mqtt()
    allow_many_files()
    with unwind_on_signals(), temporary_folder("aos_ota_plugin-") as name, CloudProcess(Path(name)) as cloud:
        outcome = roll_out(cloud, devices, size, seed, faults=faults)
    values = outcome.to_document(devices, size)
    if as_json:
        echo_json(values)
    else:
        _show(values)
    if outcome.lost:
        raise ProofError(
            f"{len(outcome.lost)} of {devices} devices did not end as they have to", remedy="each is named above"
        )


def _show(values: Any) -> None:
    echo_table(("device", "ended as it has to"), [(name, str(number)) for name, number in values["right"].items()])
    for line in values["lost"]:
        click.echo(f"LOST: {line}")
    memory = values["memory_per_device"]
    click.echo(
        f"{values['devices']} devices online after {values['online_seconds']} s; all pushed to after "
        f"{values['notified_seconds']} s ({values['pushes_per_second']} a second); all ended after "
        f"{values['ended_seconds']} s"
    )
    click.echo(
        f"{values['connections']} connections, {values['resumed_downloads']} downloads resumed, "
        f"{values['power_cuts']} power cuts" + (f", {memory // 1024} KiB a device" if memory is not None else "")
    )
