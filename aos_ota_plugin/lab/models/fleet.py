"""A fleet of device models in one process, with faults, and the check of a rollout's outcome.

Every kind of device has one expected end: the new version, or its own refusal with the old version. A device is lost
when its task did not end, ended otherwise, or when the cloud has another version for it than it runs.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import ssl
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from aos_ota_plugin.cloud.client import Client
from aos_ota_plugin.cloud.data_folder import read_config
from aos_ota_plugin.cloud.rollout import RUNNING
from aos_ota_plugin.device.acceptance import Device, DeviceVerdict
from aos_ota_plugin.device.codes import name_codes, with_name
from aos_ota_plugin.device.limits import HAAS100_RTOS_SIZE
from aos_ota_plugin.errors import ProofError
from aos_ota_plugin.keys.rsa import PublicKey
from aos_ota_plugin.lab.models.device_model import DeviceModel, Settings
from aos_ota_plugin.protocol.login import Identity
from aos_ota_plugin.protocol.reports import failure_of

PRODUCT = "fleet"
OLD, NEW, BEYOND = "app-1.0.0", "app-1.0.1", "app-1.0.2"
DAMAGED = DeviceVerdict.OTA_VERIFY_SHA2_FAIL
"""The verdict that any device may end with when the link flips bits."""
_REGISTER_AT_ONCE = 500
_POLL_SECONDS = 0.25
_END_SECONDS = 10.0


class Kind(NamedTuple):
    """A kind of device: its share (of 20), its checks, and the verdict expected of it."""

    name: str
    share: int
    device: Device
    version: str = OLD
    verdict: DeviceVerdict = DeviceVerdict.OTA_SUCCESS
    power_cut: float = 0.0
    secure_download: bool = True


def kinds(key: PublicKey, other: PublicKey) -> Tuple[Kind, ...]:
    """Return the kinds of a fleet whose images are signed with `key`; `other` is another key."""
    right = Device(key, local_rsa=True, partition_size=HAAS100_RTOS_SIZE)
    refused = DeviceVerdict.OTA_VERIFY_RSA_FAIL
    return (
        Kind("as it should be", 10, right),
        Kind("downloads over http", 3, right, secure_download=False),
        Kind("loses power in downloads", 3, right, power_cut=0.3),
        Kind("trusts another key", 1, right._replace(public_key=other), verdict=refused),
        Kind("has no key", 1, right._replace(public_key=PublicKey(0)), verdict=refused),
        Kind("partition too small", 1, right._replace(partition_size=1024), verdict=DeviceVerdict.OTA_INIT_FAIL),
        Kind("runs a newer version", 1, right, version=BEYOND, verdict=DeviceVerdict.OTA_TRANSPORT_VER_FAIL),
    )


def spread(all_kinds: Sequence[Kind], devices: int) -> List[Kind]:
    """Return a kind for each device, in their shares; the first device has the first kind."""
    cycle = [kind for kind in all_kinds for _ in range(kind.share)]
    return [cycle[number % len(cycle)] for number in range(devices)]


class Member(NamedTuple):
    """A device of the fleet."""

    kind: Kind
    model: DeviceModel

    @property
    def name(self) -> str:
        """Return the device's name."""
        return self.model.identity.device_name


@dataclass(frozen=True)
class Outcome:
    """The outcome of a rollout to a fleet.

    `right` is {kind: number of devices that ended as expected}, `lost` a sentence for each of the others. Times in
    seconds: until all were online, were pushed to, had ended. `memory` in bytes per device, None where unknown.
    """

    right: Dict[str, int]
    lost: Tuple[str, ...]
    online_seconds: float
    notified_seconds: float
    ended_seconds: float
    memory: Optional[int]
    resumed: int
    power_cuts: int
    connections: int

    def to_document(self, devices: int, size: int) -> Dict[str, Any]:
        """Return it for JSON, with the number of devices and the payload's size in bytes."""
        return {
            "devices": devices,
            "bytes": size,
            "lost": list(self.lost),
            "right": self.right,
            "online_seconds": round(self.online_seconds, 2),
            "notified_seconds": round(self.notified_seconds, 2),
            "pushes_per_second": round((devices - 1) / max(self.notified_seconds, 0.01)),
            "ended_seconds": round(self.ended_seconds, 2),
            "memory_per_device": self.memory,
            "resumed_downloads": self.resumed,
            "power_cuts": self.power_cuts,
            "connections": self.connections,
        }


class Fleet:
    """The devices registered with a cloud, running until `stop`."""

    def __init__(self, folder: Path, fleet: Sequence[Kind], context: ssl.SSLContext, *, seed: int) -> None:
        self._folder = folder
        client = Client(folder)
        client.add_product(PRODUCT)
        names = [f"device{number:05d}" for number in range(len(fleet))]
        identities = [
            Identity(**values)
            for start in range(0, len(names), _REGISTER_AT_ONCE)
            for values in client.add_devices(PRODUCT, names[start : start + _REGISTER_AT_ONCE])
        ]
        port = read_config(folder).mqtt_port
        before = memory_used()
        self.members = [
            Member(
                kind,
                DeviceModel(
                    identity,
                    kind.device,
                    {"default": kind.version},
                    Settings(port, context, secure_download=kind.secure_download, power_cut=kind.power_cut, seed=seed),
                ),
            )
            for kind, identity in zip(fleet, identities)
        ]
        began = time.monotonic()
        for member in self.members:
            member.model.start()
        try:
            self._wait_online()
        except BaseException:
            self.stop()
            raise
        self._online_seconds = time.monotonic() - began
        after = memory_used()
        self._memory = None if before is None or after is None else (after - before) // len(self.members)

    def stop(self) -> None:
        """Stop all devices; those that hang in the network end with the process."""
        for member in self.members:
            member.model.stop()
        until = time.monotonic() + _END_SECONDS
        for member in self.members:
            member.model.join(max(until - time.monotonic(), 0))

    def push(self, package: int, events: Sequence[Tuple[float, Any]] = ()) -> Outcome:
        """Verify the package on the first device, push it to all, and wait for the end.

        `events` are (share of ended devices, function called then). Raises ProofError when the first device refuses.
        """
        client = Client(self._folder)
        first = client.start_job(
            package=package, kind="verify", device_names=[self.members[0].name], retries=5, retry_after=1.0
        )["job"]
        self._ended(first, [], time.monotonic())
        if client.counts(first)["SUCCEEDED"] != 1:
            raise ProofError("the first device did not take the package", remedy="look at `aos-ota cloud status`")
        began = time.monotonic()
        names = [member.name for member in self.members[1:]]
        job = client.start_job(package=package, kind="batch", device_names=names, retries=5, retry_after=1.0)["job"]
        notified = self._ended(job, list(events), began)
        ended = time.monotonic() - began
        right, lost = self._judge(first, job)
        states = [member.model.state for member in self.members]
        return Outcome(
            right,
            lost,
            self._online_seconds,
            notified,
            ended,
            self._memory,
            sum(state.resumed for state in states),
            sum(state.power_cuts for state in states),
            sum(state.connections for state in states),
        )

    def _wait_online(self) -> None:
        client = Client(self._folder)
        names = {member.name for member in self.members}
        until = time.monotonic() + 60 + len(names)
        while True:
            online = {device["device_name"] for device in client.status()["devices"] if device["versions"]}
            if names <= online:
                return
            if time.monotonic() > until:
                raise ProofError(
                    f"{len(names - online)} of {len(names)} devices are not online",
                    remedy="try fewer, or look at `aos-ota cloud status`",
                )
            time.sleep(_POLL_SECONDS)

    def _ended(self, job: int, events: List[Tuple[float, Any]], began: float) -> float:
        """Wait until a job has ended, running `events`; return seconds until all were notified."""
        notified = 0.0
        while True:
            counts = Client(self._folder).counts(job)
            whole = sum(counts.values()) or 1
            left = sum(counts[state] for state in RUNNING)
            if not notified and not counts["QUEUED"]:
                notified = time.monotonic() - began
            if not left:
                return notified or time.monotonic() - began
            if events and 1 - left / whole >= events[0][0]:
                events.pop(0)[1]()
            time.sleep(_POLL_SECONDS)

    def _judge(self, *jobs: int) -> Tuple[Dict[str, int], Tuple[str, ...]]:
        status = Client(self._folder).status()
        tasks = {task["device_name"]: task for job in status["jobs"] if job["number"] in jobs for task in job["tasks"]}
        versions = {device["device_name"]: device["versions"].get("default") for device in status["devices"]}
        right: Counter[str] = Counter()
        lost = []
        for member in self.members:
            problem = problem_of(member, tasks.get(member.name), versions.get(member.name))
            if problem is None:
                right[member.kind.name] += 1
            else:
                lost.append(f"{member.name} ({member.kind.name}): {problem}")
        return dict(right), tuple(lost)


def problem_of(member: Member, task: Optional[Dict[str, Any]], reported: Optional[str]) -> Optional[str]:
    """Return None when a device ended as expected, else a sentence."""
    kind, runs = member.kind, member.model.state.versions["default"]
    if task is None:
        return "it has no task"
    if reported != runs:
        return f"it runs {runs}, and the cloud believes {reported}"
    ended = f"{task['state']} {name_codes(task['desc'])}"
    good = kind.verdict == DeviceVerdict.OTA_SUCCESS
    if good:
        return None if (task["state"], runs) == ("SUCCEEDED", NEW) else f"{ended}, runs {runs}"
    allowed = {failure_of(int(verdict)).desc for verdict in (kind.verdict, DAMAGED)}
    if task["state"] != "FAILED" or task["desc"] not in allowed or runs != kind.version:
        return f"{ended}, runs {runs}; it has to refuse with {with_name(int(kind.verdict))}"
    return None


def make_payload(size: int) -> bytes:
    """Return `size` pseudorandom bytes, always the same."""
    return hashlib.shake_256(b"fleet").digest(size)


def memory_used() -> Optional[int]:
    """Return this process's resident memory in bytes, None where /proc does not have it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    return None


def allow_many_files() -> None:
    """Set the limit of open files to its maximum, and threads' stacks to 512 KiB."""
    if os.name == "posix":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    threading.stack_size(512 * 1024)
