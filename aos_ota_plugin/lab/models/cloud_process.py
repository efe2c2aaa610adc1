"""A cloud in a separate process, and a rollout to a fleet of device models."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, List, Optional

from aos_ota_plugin.children import delay_signals, die_with_parent, end_process
from aos_ota_plugin.cloud.client import Client
from aos_ota_plugin.errors import BuildError, WorkspaceError
from aos_ota_plugin.lab.models import fleet as fleets

_START_SECONDS = 30
_END_SECONDS = 20


class CloudProcess:
    """A process that runs ``aos-ota cloud run`` and can be restarted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process: Optional[subprocess.Popen[bytes]] = None

    def __enter__(self) -> CloudProcess:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the process, and wait until the cloud answers. Raises BuildError."""
        try:
            with delay_signals():
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "aos_ota_plugin", "cloud", "run", str(self.folder)],
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
        until = time.monotonic() + _START_SECONDS
        while True:
            if self._process is None or self._process.poll() is not None:
                raise BuildError("the cloud did not start", remedy="its messages are above")
            try:
                Client(self.folder).status()
                return
            except WorkspaceError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)

    def stop(self) -> None:
        """Stop the process with all that it started."""
        if self._process is not None and self._process.poll() is None:
            end_process(self._process, _END_SECONDS)

    def restart(self) -> None:
        """Stop and start the process."""
        self.stop()
        self.start()

    def kill_broker(self) -> None:
        """Kill the broker of the cloud."""
        pid = Client(self.folder).status()["broker"]
        if pid:
            os.kill(pid, signal.SIGKILL)


def roll_out(cloud: CloudProcess, devices: int, size: int, seed: int, *, faults: bool) -> fleets.Outcome:
    """Push an image of `size` bytes to `devices` models that log in to `cloud`; return how each ended.

    With `faults` downloads are lost and damaged, and the broker is killed and the cloud restarted meanwhile; `seed`
    decides which downloads.
    """
    from aos_ota_plugin.images.full import build
    from aos_ota_plugin.keys.generate import generate_private_pem
    from aos_ota_plugin.keys.signer import load_signer
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
            cloud.restart()
            Client(cloud.folder).set_faults(**faulty)

        events: List[Any] = []
        if faults:
            client.set_faults(**faulty)
            events = [(0.1, cloud.kill_broker), (0.4, restart)]
        return fleet.push(package["package"], events)
    finally:
        fleet.stop()
