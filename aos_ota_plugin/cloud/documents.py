"""Documents of the platform: its status for JSON, the broker's access list, push messages. No I/O."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Dict, List, Mapping, NamedTuple, Sequence, Set, Tuple

from aos_ota_plugin.cloud import rollout
from aos_ota_plugin.cloud.rollout import Job, Package, Task
from aos_ota_plugin.cloud.storage import Product, RegisteredDevice
from aos_ota_plugin.device.codes import report_text
from aos_ota_plugin.protocol import topics
from aos_ota_plugin.protocol.module_names import DEFAULT
from aos_ota_plugin.protocol.push import PushMessage


class State(NamedTuple):
    """The platform's records; ``versions`` are those reported, by module, under product key and name."""

    products: Sequence[Product]
    devices: Sequence[RegisteredDevice]
    versions: Mapping[Tuple[str, str], Mapping[str, str]]
    packages: Sequence[Package]
    jobs: Sequence[Job]
    tasks: Sequence[Task]


def status_document(state: State) -> Dict[str, Any]:
    """Return all that may be shown, ready for JSON: no secret is in it."""
    of_job: Dict[int, List[Task]] = {}
    for task in state.tasks:
        of_job.setdefault(task.job, []).append(task)
    return {
        "products": [asdict(product) for product in state.products],
        "devices": [
            {**asdict(device), "versions": state.versions.get((device.product_key, device.device_name), {})}
            for device in state.devices
        ],
        "packages": [{**asdict(package), "state": package.state.name} for package in state.packages],
        "jobs": [
            {
                **asdict(job),
                "counts": rollout.count(of_job.get(job.number, [])),
                "tasks": [
                    {**asdict(task), "state": task.state.value, "report": report_text(task.step, task.desc)}
                    for task in of_job.get(job.number, [])
                ],
            }
            for job in state.jobs
        ],
    }


def _nested(devices: Sequence[RegisteredDevice]) -> Set[RegisteredDevice]:
    """Return the sub-devices of sub-devices, which earlier versions registered."""
    subs = {(device.product_key, device.device_name) for device in devices if device.gateway is not None}
    return {device for device in devices if (device.product_key, device.gateway) in subs}


def nested_warnings(devices: Sequence[RegisteredDevice]) -> List[str]:
    """Return a line about each sub-device of a sub-device: the access list has no rights for it."""
    nested = _nested(devices)
    return [
        f"WARNING: {device.device_name} of {device.product_key} is registered as a sub-device of {device.gateway}, "
        "which is a sub-device itself and may not speak for it; register it anew, under another name, for a gateway"
        for device in devices
        if device in nested
    ]


def access_list(devices: Sequence[RegisteredDevice]) -> List[str]:
    """Return the broker's access list: a gateway may use the topics of its sub-devices."""
    subs: Dict[Tuple[str, str], List[str]] = {}
    nested = _nested(devices)
    for device in devices:
        if device.gateway is not None and device not in nested:
            subs.setdefault((device.product_key, device.gateway), []).append(
                f"{device.product_key}/{device.device_name}"
            )
    return [
        line
        for device in devices
        for line in topics.access_of(
            device.product_key, device.device_name, subs.get((device.product_key, device.device_name), [])
        )
    ]


def push_of(package: Package, url: str) -> PushMessage:
    """Return the message that offers a package at `url`. Raises FormatError: the URL is none, or too long."""
    digest = package.md5 if package.sign_method == "Md5" else package.sha256
    return PushMessage(
        package.size,
        package.version,
        url,
        package.sign_method,
        digest,
        package.md5,
        package.digestsign,
        None if package.module == DEFAULT else package.module,
    )
