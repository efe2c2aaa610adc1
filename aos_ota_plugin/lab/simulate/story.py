"""A cloud and three emulated devices, from the first connection to the new version, over real protocols."""

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
from aos_ota_plugin.errors import ProofError
from aos_ota_plugin.files.folders import temporary_folder
from aos_ota_plugin.keys.signer import load_signer
from aos_ota_plugin.lab.demo.network_firmware import built_network_firmware
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

_PRODUCT = "story"
_FIRST, _SECOND, _KEYLESS = "first", "second", "keyless"
EXPECTED = {_FIRST: ("SUCCEEDED", NETWORK_NEW), _SECOND: ("SUCCEEDED", NETWORK_NEW), _KEYLESS: ("FAILED", NETWORK_OLD)}
_OPEN = {"QUEUED", "NOTIFIED", "IN_PROGRESS"}
_SECONDS = 120.0


Say = Callable[[str, str], None]
"""Gets who says something, and the line."""
Ends = Dict[str, Tuple[str, str]]
"""How each device ended: its task's state in the cloud, and the version that it reports."""


class _World(NamedTuple):
    client: Any
    said: Dict[Tuple[int, str], str]
    say: Say
    broker: str


def tell_story(root: Path, *, quiet: bool, say: Say, note: Callable[[str], None]) -> Ends:
    """Build in `root`, start a cloud and three devices, and take these through a rollout; return how each ended.

    `say` gets what cloud and devices say, `note` what is being built; `quiet` hides the output of `aos make`.
    Raises OtaError: a tool is missing, a build fails, or the devices do not answer in time.
    """
    find_qemu()
    data_folder.prepare(root / "authority")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(temporary_folder("aos-story-")))
        data_folder.adopt_authority(root / "authority", folder, datetime.datetime.now(datetime.timezone.utc))
        ca = (folder / data_folder.CA).read_text(encoding="ascii")
        built = built_network_firmware(root / "firmware", ca, quiet=quiet, say=note)
        cloud = Cloud(folder, data_folder.new_config(ROUTER), tell=lambda line: say("cloud", line))
        stack.callback(cloud.stop)
        world = _World(Client(folder), {}, say, f"mqtts://{ROUTER}:{cloud.config.mqtt_port}")
        world.client.add_product(_PRODUCT)
        identities = world.client.add_devices(_PRODUCT, list(EXPECTED))
        for values in identities:
            _switch_on(stack, folder / "devices", built, Identity(**values), world)
        return _rollout(world, built)


def _switch_on(stack: ExitStack, folder: Path, built: NetworkBuilt, identity: Identity, world: _World) -> None:
    name = identity.device_name
    firmware = built.firmware[NETWORK_OLD].payload
    if name == _KEYLESS:
        firmware = without_key(firmware, load_signer(built.key, file="", passphrase=None).public_key)
    prepare(folder / name, built, firmware, identity, world.broker)
    device = stack.enter_context(NetworkDevice(folder / name))
    ended = threading.Event()
    reader = threading.Thread(target=_follow, args=(device, ended, name, world.say), daemon=True)
    reader.start()
    stack.callback(reader.join)
    stack.callback(ended.set)


def _follow(device: NetworkDevice, ended: threading.Event, name: str, say: Say) -> None:
    rest = ""
    for text in device.follow(ended):
        *lines, rest = (rest + text).split("\n")
        for line in lines:
            say(name, line)


def _rollout(world: _World, built: NetworkBuilt) -> Ends:
    """Verify on the first, push to the others; {device: (what the cloud says, the version it reports)}."""
    _until(world, lambda status: all(one["versions"] for one in status["devices"]), "connect")
    package = world.client.upload(
        built.firmware[NETWORK_NEW].image, {"product_key": _PRODUCT, "version": NETWORK_NEW, "file": "ota_rtos_ota.bin"}
    )["package"]
    for kind, names in (("verify", [_FIRST]), ("batch", [_SECOND, _KEYLESS])):
        world.say("cloud", f"{kind}: {NETWORK_NEW} to {', '.join(names)}")
        job = world.client.start_job(package=package, kind=kind, device_names=names)["job"]
        _until(
            world,
            lambda status, number=job: all(
                task["state"] not in _OPEN for one in status["jobs"] if one["number"] == number for task in one["tasks"]
            ),
            "finish",
        )
    status = world.client.status()
    versions = {one["device_name"]: str(one["versions"].get("default")) for one in status["devices"]}
    return {
        task["device_name"]: (str(task["state"]), versions[task["device_name"]])
        for job in status["jobs"]
        for task in job["tasks"]
    }


def _until(world: _World, reached: Any, what: str) -> None:
    end = time.monotonic() + _SECONDS
    while True:
        status = world.client.status()
        _show(world, status)
        if reached(status):
            return
        if time.monotonic() > end:
            raise ProofError(f"the devices did not {what} within {_SECONDS:g} s", remedy="their logs stand above")
        time.sleep(0.1)


def _show(world: _World, status: Dict[str, Any]) -> None:
    """Say what is new in the cloud's eyes."""
    for device in status["devices"]:
        key, line = (0, device["device_name"]), f"{device['device_name']} reports {device['versions'].get('default')}"
        if device["versions"] and world.said.get(key) != line:
            world.said[key] = line
            world.say("cloud", line)
    for job in status["jobs"]:
        for task in job["tasks"]:
            key = (job["number"], task["device_name"])
            line = f"{task['device_name']} {task['state']} {task['step']} {task['desc']}".rstrip()
            if world.said.get(key) != line:
                world.said[key] = line
                world.say("cloud", line)
