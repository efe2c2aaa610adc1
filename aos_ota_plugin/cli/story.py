"""``aos-ota story``."""

from __future__ import annotations

import datetime
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Tuple

import click

from aos_ota_plugin.cli.ending import unwound
from aos_ota_plugin.cli.output import echo_note
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
_EXPECTED = {_FIRST: ("SUCCEEDED", NETWORK_NEW), _SECOND: ("SUCCEEDED", NETWORK_NEW), _KEYLESS: ("FAILED", NETWORK_OLD)}
_OPEN = {"QUEUED", "NOTIFIED", "IN_PROGRESS"}
_SECONDS = 120.0


class _World(NamedTuple):
    client: Any
    said: Dict[Tuple[int, str], str]


@click.command("story", short_help="a cloud and three emulated devices, from the first connection to the new version")
@click.argument("directory", default="build/story", type=click.Path(file_okay=False))
@click.option("--quiet", is_flag=True, help="Neither logs nor output of `aos make`: the result only.")
def command(directory: str, quiet: bool) -> None:
    """Tell the whole story over real protocols, with both ends' logs side by side: build 1.0.0 in DIRECTORY (default
    build/story), flash three emulated devices, connect them to a cloud on this computer by MQTT over TLS, upload
    1.0.1, push it to the first, then to the others. Two download it by HTTPS, verify it, restart and report 1.0.1; the
    third has a firmware without a public key, and has to refuse.

    \b
    Example:
      aos-ota story
    """
    from aos_ota_plugin.cloud import home
    from aos_ota_plugin.cloud.client import Client
    from aos_ota_plugin.cloud.server import Cloud

    find_qemu()
    root = Path(directory).absolute()
    home.prepare(root / "authority")
    with unwound(), ExitStack() as stack:
        folder = Path(stack.enter_context(temporary_folder("aos-story-")))
        home.adopt_authority(root / "authority", folder, datetime.datetime.now(datetime.timezone.utc))
        ca = (folder / home.CA).read_text(encoding="ascii")
        built = built_network_firmware(root / "firmware", ca, quiet=quiet, say=echo_note)
        cloud = Cloud(folder, home.new_config(ROUTER), tell=lambda line: _say("cloud", line, quiet=quiet))
        stack.callback(cloud.stop)
        world = _World(Client(folder), {})
        world.client.add_product(_PRODUCT)
        identities = world.client.add_devices(_PRODUCT, list(_EXPECTED))
        broker = f"mqtts://{ROUTER}:{cloud.config.mqtt_port}"
        for values in identities:
            _switch_on(stack, folder / "devices", built, Identity(**values), broker, quiet=quiet)
        found = _rollout(world, built, quiet=quiet)
    _judge(found)


def _switch_on(
    stack: ExitStack, folder: Path, built: NetworkBuilt, identity: Identity, broker: str, *, quiet: bool
) -> None:
    name = identity.device_name
    firmware = built.firmware[NETWORK_OLD].payload
    if name == _KEYLESS:
        firmware = without_key(firmware, load_signer(built.key, file="", passphrase=None).public_key)
    prepare(folder / name, built, firmware, identity, broker)
    device = stack.enter_context(NetworkDevice(folder / name))
    ended = threading.Event()
    reader = threading.Thread(target=_follow, args=(device, ended, name, quiet), daemon=True)
    reader.start()
    stack.callback(reader.join)
    stack.callback(ended.set)


def _follow(device: NetworkDevice, ended: threading.Event, name: str, quiet: bool) -> None:
    rest = ""
    for text in device.follow(ended):
        *lines, rest = (rest + text).split("\n")
        for line in lines:
            _say(name, line, quiet=quiet)


def _rollout(world: _World, built: NetworkBuilt, *, quiet: bool) -> Dict[str, Tuple[str, str]]:
    """Verify on the first, push to the others; {device: (what the cloud says, the version it reports)}."""
    _until(world, lambda status: all(one["versions"] for one in status["devices"]), "connect", quiet=quiet)
    package = world.client.upload(
        built.firmware[NETWORK_NEW].image, {"product_key": _PRODUCT, "version": NETWORK_NEW, "file": "ota_rtos_ota.bin"}
    )["package"]
    for kind, names in (("verify", [_FIRST]), ("batch", [_SECOND, _KEYLESS])):
        _say("cloud", f"{kind}: {NETWORK_NEW} to {', '.join(names)}", quiet=quiet)
        job = world.client.start_job(package=package, kind=kind, device_names=names)["job"]
        _until(
            world,
            lambda status, number=job: all(
                task["state"] not in _OPEN for one in status["jobs"] if one["number"] == number for task in one["tasks"]
            ),
            "finish",
            quiet=quiet,
        )
    status = world.client.status()
    versions = {one["device_name"]: str(one["versions"].get("default")) for one in status["devices"]}
    return {
        task["device_name"]: (str(task["state"]), versions[task["device_name"]])
        for job in status["jobs"]
        for task in job["tasks"]
    }


def _until(world: _World, reached: Any, what: str, *, quiet: bool) -> None:
    end = time.monotonic() + _SECONDS
    while True:
        status = world.client.status()
        _show(world, status, quiet=quiet)
        if reached(status):
            return
        if time.monotonic() > end:
            raise ProofError(f"the devices did not {what} within {_SECONDS:g} s", remedy="their logs stand above")
        time.sleep(0.1)


def _show(world: _World, status: Dict[str, Any], *, quiet: bool) -> None:
    """Say what is new in the cloud's eyes."""
    for device in status["devices"]:
        key, line = (0, device["device_name"]), f"{device['device_name']} reports {device['versions'].get('default')}"
        if device["versions"] and world.said.get(key) != line:
            world.said[key] = line
            _say("cloud", line, quiet=quiet)
    for job in status["jobs"]:
        for task in job["tasks"]:
            key = (job["number"], task["device_name"])
            line = f"{task['device_name']} {task['state']} {task['step']} {task['desc']}".rstrip()
            if world.said.get(key) != line:
                world.said[key] = line
                _say("cloud", line, quiet=quiet)


def _say(who: str, line: str, *, quiet: bool) -> None:
    if not quiet:
        click.echo(f"{who:>8} │ {line}")


def _judge(found: Dict[str, Tuple[str, str]]) -> None:
    wrong: List[str] = []
    for name, expected in _EXPECTED.items():
        seen = found.get(name, ("no task", "no version"))
        good = seen == expected
        click.echo(
            f"{'ok' if good else 'FAILED'}: {name}: expected {' and '.join(expected)}; seen {' and '.join(seen)}"
        )
        wrong += [] if good else [name]
    if wrong:
        raise ProofError(
            f"the story ended otherwise than expected for {', '.join(wrong)}", remedy="the logs above say what happened"
        )
