"""A rollout from a cloud to three emulated devices, over real protocols."""

from __future__ import annotations

import datetime
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Callable, Dict, NamedTuple, Tuple

from aos_ota_plugin.cloud import data_folder
from aos_ota_plugin.cloud.client import Client
from aos_ota_plugin.cloud.server import Cloud
from aos_ota_plugin.device.codes import name_codes, step_text
from aos_ota_plugin.errors import ProofError
from aos_ota_plugin.files.folders import temporary_folder
from aos_ota_plugin.keys.signer import load_signer
from aos_ota_plugin.lab.demo.network_firmware import build_network_firmware
from aos_ota_plugin.lab.simulate.machine import find_qemu
from aos_ota_plugin.lab.simulate.network import (
    NETWORK_NEW,
    NETWORK_OLD,
    ROUTER,
    Identity,
    NetworkBuilt,
    NetworkDevice,
    prepare,
    without_key,
)
from aos_ota_plugin.printable import shown

_PRODUCT = "story"
_FIRST, _SECOND, _KEYLESS = "first", "second", "keyless"
EXPECTED = {_FIRST: ("SUCCEEDED", NETWORK_NEW), _SECOND: ("SUCCEEDED", NETWORK_NEW), _KEYLESS: ("FAILED", NETWORK_OLD)}
_OPEN = {"QUEUED", "NOTIFIED", "IN_PROGRESS"}
_SECONDS = 120.0


Say = Callable[[str, str], None]
"""A callback that gets the speaker ("cloud" or a device) and a line."""
Ends = Dict[str, Tuple[str, str]]
"""{device name: (state of its task, version that it reports)}."""


class _Session(NamedTuple):
    client: Any
    lines: Dict[Tuple[int, str], str]
    say: Say
    broker: str


def tell_story(root: Path, *, quiet: bool, say: Say, note: Callable[[str], None]) -> Ends:
    """Build in `root`, run a rollout from a cloud to three devices, return the end of each.

    `say` gets lines of cloud and devices, `note` those of the build; `quiet` hides the output of `aos make`.
    Raises OtaError: a tool is missing, a build fails, or the devices do not answer in time.
    """
    find_qemu()
    data_folder.prepare(root / "authority")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(temporary_folder("aos-story-")))
        data_folder.adopt_authority(root / "authority", folder, datetime.datetime.now(datetime.timezone.utc))
        ca = (folder / data_folder.CA).read_text(encoding="ascii")
        built = build_network_firmware(root / "firmware", ca, quiet=quiet, say=note)
        cloud = Cloud(folder, data_folder.new_config(ROUTER), tell=lambda line: say("cloud", line))
        stack.callback(cloud.stop)
        session = _Session(Client(folder), {}, say, f"mqtts://{ROUTER}:{cloud.config.mqtt_port}")
        session.client.add_product(_PRODUCT)
        identities = session.client.add_devices(_PRODUCT, list(EXPECTED))
        for values in identities:
            _switch_on(stack, folder / "devices", built, Identity(**values), session)
        return _rollout(session, built)


def _switch_on(stack: ExitStack, folder: Path, built: NetworkBuilt, identity: Identity, session: _Session) -> None:
    name = identity.device_name
    firmware = built.firmware[NETWORK_OLD].payload
    if name == _KEYLESS:
        firmware = without_key(firmware, load_signer(built.key, file="", passphrase=None).public_key)
    prepare(folder / name, built, firmware, identity, session.broker)
    device = stack.enter_context(NetworkDevice(folder / name))
    ended = threading.Event()
    reader = threading.Thread(target=_follow, args=(device, ended, name, session.say), daemon=True)
    reader.start()
    stack.callback(reader.join)
    stack.callback(ended.set)


def _follow(device: NetworkDevice, ended: threading.Event, name: str, say: Say) -> None:
    rest = ""
    for text in device.follow(ended):
        *lines, rest = (rest + text).split("\n")
        for line in lines:
            say(name, line)


def _rollout(session: _Session, built: NetworkBuilt) -> Ends:
    """Verify the package on the first device, push it to the others, return the end of each."""
    _until(session, lambda status: all(device["versions"] for device in status["devices"]), "connect")
    package = session.client.upload(
        built.firmware[NETWORK_NEW].image, {"product_key": _PRODUCT, "version": NETWORK_NEW, "file": "ota_rtos_ota.bin"}
    )["package"]
    for kind, names in (("verify", [_FIRST]), ("batch", [_SECOND, _KEYLESS])):
        session.say("cloud", f"{kind}: {NETWORK_NEW} to {', '.join(names)}")
        job = session.client.start_job(package=package, kind=kind, device_names=names)["job"]
        _until(
            session,
            lambda status, number=job: all(
                task["state"] not in _OPEN for job in status["jobs"] if job["number"] == number for task in job["tasks"]
            ),
            "finish",
        )
    status = session.client.status()
    versions = {device["device_name"]: str(device["versions"].get("default")) for device in status["devices"]}
    return {
        task["device_name"]: (str(task["state"]), versions[task["device_name"]])
        for job in status["jobs"]
        for task in job["tasks"]
    }


def _until(session: _Session, reached: Any, what: str) -> None:
    end = time.monotonic() + _SECONDS
    while True:
        status = session.client.status()
        _show(session, status)
        if reached(status):
            return
        if time.monotonic() > end:
            raise ProofError(f"the devices did not {what} within {_SECONDS:g} s", remedy="their logs are above")
        time.sleep(0.1)


def _show(session: _Session, status: Dict[str, Any]) -> None:
    """Show reports and task states that are new."""
    for device in status["devices"]:
        key, line = (0, device["device_name"]), f"{device['device_name']} reports {device['versions'].get('default')}"
        if device["versions"] and session.lines.get(key) != line:
            session.lines[key] = line
            session.say("cloud", line)
    for job in status["jobs"]:
        for task in job["tasks"]:
            key = (job["number"], task["device_name"])
            words = (task["device_name"], task["state"], step_text(task["step"]), name_codes(task["desc"]))
            line = shown(" ".join(words).rstrip())
            if session.lines.get(key) != line:
                session.lines[key] = line
                session.say("cloud", line)
