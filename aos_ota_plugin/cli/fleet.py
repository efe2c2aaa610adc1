"""``aos-ota fleet``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, List, Optional

import click

from aos_ota_plugin.cli.ending import unwound
from aos_ota_plugin.cli.output import echo_json, echo_table
from aos_ota_plugin.errors import BuildError, ProofError, WorkspaceError
from aos_ota_plugin.files.folders import temporary_folder

_START_SECONDS = 30
_END_SECONDS = 20


@click.command("fleet", short_help="take hundreds of device models through a rollout, with faults")
@click.option("--devices", type=click.IntRange(20, 20_000), default=200, show_default=True, help="How many.")
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
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, other faults.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(devices: int, size: int, faults: bool, seed: int, as_json: bool) -> None:
    """Start a cloud in a folder of its own, switch on many device models in this process, and push a signed image to
    them all. Some of them lose power while they download, some trust another key or none, some have no room or run a
    newer version. Each has to end on the new version, or with its own refusal and the old one.

    Ends with status 1 when a device is lost.

    \b
    Example:
      aos-ota fleet --devices 200
    """
    from aos_ota_plugin.cloud.broker import find_mosquitto
    from aos_ota_plugin.cloud.mqtt import import_mqtt
    from aos_ota_plugin.lab.models.fleet import allow_many_files

    find_mosquitto()
    import_mqtt()
    allow_many_files()
    with unwound(), temporary_folder("aos_ota_plugin-") as name, _CloudProcess(Path(name)) as cloud:
        outcome = _play(cloud, devices, size, seed, faults=faults)
    values = {
        "devices": devices,
        "bytes": size,
        "lost": list(outcome.lost),
        "right": outcome.right,
        "online_seconds": round(outcome.online_seconds, 2),
        "notified_seconds": round(outcome.notified_seconds, 2),
        "pushes_per_second": round((devices - 1) / max(outcome.notified_seconds, 0.01)),
        "ended_seconds": round(outcome.ended_seconds, 2),
        "memory_per_device": outcome.memory,
        "resumed_downloads": outcome.resumed,
        "power_cuts": outcome.power_cuts,
        "connections": outcome.connections,
    }
    if as_json:
        echo_json(values)
    else:
        _show(values)
    if outcome.lost:
        raise ProofError(
            f"{len(outcome.lost)} of {devices} devices did not end as they have to", remedy="each is named above"
        )


class _CloudProcess:
    """``aos-ota cloud`` in a process of its own, that can be ended and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process: Optional[subprocess.Popen[bytes]] = None

    def __enter__(self) -> _CloudProcess:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        from aos_ota_plugin.children import die_with_parent, uninterrupted

        try:
            with uninterrupted():
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "aos_ota_plugin", "cloud", str(self.folder)],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    start_new_session=os.name == "posix",
                    preexec_fn=die_with_parent(),  # noqa: PLW1509
                )
            self._wait_for_answer()
        except BaseException:
            self.stop()
            raise

    def _wait_for_answer(self) -> None:
        from aos_ota_plugin.cloud.client import Client

        until = time.monotonic() + _START_SECONDS
        while True:
            if self._process is None or self._process.poll() is not None:
                raise BuildError("the cloud did not start", remedy="its own words stand above")
            try:
                Client(self.folder).status()
                return
            except WorkspaceError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)

    def stop(self) -> None:
        """End it, with all that it started."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def again(self) -> None:
        """Restart it."""
        self.stop()
        self.start()

    def kill_broker(self) -> None:
        """Kill the broker that it started."""
        from aos_ota_plugin.cloud.client import Client

        pid = Client(self.folder).status()["broker"]
        if pid:
            os.kill(pid, signal.SIGKILL)


def _play(cloud: _CloudProcess, devices: int, size: int, seed: int, *, faults: bool) -> Any:
    from aos_ota_plugin.cloud.client import Client
    from aos_ota_plugin.images.full import build
    from aos_ota_plugin.keys.generate import generate_private_pem
    from aos_ota_plugin.keys.signer import load_signer
    from aos_ota_plugin.lab.models import fleet as fleets
    from aos_ota_plugin.lab.models.download import client_context

    signer, other = (load_signer(generate_private_pem(None), file="the fleet's key", passphrase=None) for _ in "12")
    kinds = fleets.kinds(signer.public_key, other.public_key)
    fleet = fleets.Fleet(
        cloud.folder, fleets.spread(kinds, devices), client_context(str(cloud.folder / "ca.pem")), seed=seed
    )
    try:
        client = Client(cloud.folder)
        image = build(fleets.make_payload(size), sign=signer.sign_hash)
        package = client.upload(image, {"product_key": fleets.PRODUCT, "version": fleets.NEW, "file": "ota.bin"})
        faulty = {
            "loss": 0.2,
            "error": 0.1,
            "corrupt": 0.02,
            "delay": 0.02,
            "rate": max(size // 2, 20_000),
            "seed": seed,
        }

        def restart() -> None:
            cloud.again()
            Client(cloud.folder).set_faults(**faulty)

        events: List[Any] = []
        if faults:
            client.set_faults(**faulty)
            events = [(0.1, cloud.kill_broker), (0.4, restart)]
        return fleet.push(package["package"], events)
    finally:
        fleet.stop()


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
