"""The state machine of a rollout: packages, jobs, and one task a device. Times are seconds since 1970.

A package is verified on one device (or a few) before it may go to a batch. A task::

    QUEUED → NOTIFIED → IN_PROGRESS → SUCCEEDED    the device reported the target version, from whatever state
       ↑         └───────────┴──────→ FAILED       it reported a failure and no attempt is left, or time ran out
       └── a failure, and attempts are left        CANCELED: a user canceled it

A device that reports another version while its task runs has started anew without it, and is pushed to again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, IntEnum
from typing import Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from aos_ota_plugin.cloud import rules
from aos_ota_plugin.errors import ProofError, SettingsError


class PackageState(IntEnum):
    """The state of a package, with the platform's numbers."""

    NOT_NEEDED = -1
    NOT_VERIFIED = 0
    VERIFIED = 1
    VERIFYING = 2
    FAILED = 3


class TaskState(str, Enum):
    """The state of a task, with the platform's names."""

    QUEUED = "QUEUED"
    NOTIFIED = "NOTIFIED"
    IN_PROGRESS = "IN_PROGRESS"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"

    @property
    def is_final(self) -> bool:
        """Return whether the task has ended."""
        return self in (TaskState.SUCCEEDED, TaskState.FAILED, TaskState.CANCELED)


RUNNING = tuple(state.value for state in TaskState if not state.is_final)
"""The names of the states of unfinished tasks."""


@dataclass(frozen=True)
class Package:
    """An uploaded file of one module of a product.

    `size` is in bytes, digests are in lower-case hex, `digestsign` is in base64 when the platform signs,
    `source_version` is the version that a diff starts from.
    """

    number: int
    product_key: str
    name: str
    module: str
    version: str
    file: str
    size: int
    md5: str
    sha256: str
    sign_method: str
    digestsign: Optional[str] = None
    source_version: Optional[str] = None
    state: PackageState = PackageState.NOT_VERIFIED


@dataclass(frozen=True)
class Job:
    """One push of a package to devices.

    `kind` is ``verify`` or ``batch``; `rate` is in pushes a minute, 0 for all at once.

    A failed attempt is repeated up to `retries` times, `retry_after` seconds later; a task that hears nothing for
    `timeout` seconds fails and is not repeated.
    """

    number: int
    package: int
    kind: str
    rate: int = 0
    retries: int = 0
    retry_after: float = 60.0
    timeout: float = 3600.0

    def __post_init__(self) -> None:
        if self.kind not in ("verify", "batch"):
            raise SettingsError(f"a job of the kind {self.kind[:20]!a}", remedy="it is verify or batch")
        if self.rate:
            rules.check_rate(self.rate)
        if not 0 <= self.retries <= 5 or not 0 <= self.retry_after <= 86400 or not 0 < self.timeout <= 30 * 86400:
            raise SettingsError("a job has 0 to 5 retries, up to a day after a failure, and up to 30 days of time")


@dataclass(frozen=True)
class Task:
    """The part of a job for one device.

    `due` is the time of the push, `changed` that of the last push or report.
    """

    job: int
    product_key: str
    device_name: str
    state: TaskState
    due: float
    changed: float
    step: int = 0
    attempts: int = 0
    desc: str = ""


class Target(NamedTuple):
    """A device for a new job: its version of the package's module, and whether it has another task."""

    device_name: str
    version: Optional[str]
    is_busy: bool


def plan(job: Job, package: Package, targets: Sequence[Target], now: float) -> Tuple[List[Task], Dict[str, str]]:
    """Return the tasks of a new job, and {device name: reason} of the devices left out.

    Raises:
        ProofError: a batch of a package that was not verified on a device.
        SettingsError: too many or no devices.
    """
    if job.kind == "batch" and package.state not in (PackageState.VERIFIED, PackageState.NOT_NEEDED):
        state = package.state.name.lower().replace("_", " ")
        raise ProofError(
            f"package {package.number} ({package.version}) is {state}",
            remedy="verify it on one device first; `aos-ota cloud push --verify-on DEVICE` does both",
        )
    most = rules.VERIFY_DEVICES_MAX if job.kind == "verify" else rules.BATCH_DEVICES_MAX
    if not 1 <= len(targets) <= most:
        raise SettingsError(f"{len(targets)} devices; a {job.kind} job takes 1 to {most}")
    skipped = {target.device_name: reason for target in targets for reason in [_why_not(target, package)] if reason}
    chosen = [target.device_name for target in targets if target.device_name not in skipped]
    gap = 60 / job.rate if job.rate else 0
    return [
        Task(job.number, package.product_key, name, TaskState.QUEUED, now + place * gap, now)
        for place, name in enumerate(chosen)
    ], skipped


def _why_not(target: Target, package: Package) -> Optional[str]:
    if target.version == package.version:
        return f"runs {package.version} already"
    if target.is_busy:
        return "is in another task that has not ended"
    if package.source_version is not None and target.version != package.source_version:
        return f"reported {target.version or 'nothing'}, and the diff is from {package.source_version}"
    return None


def is_due(task: Task, now: float) -> bool:
    """Return whether the task is to be pushed now."""
    return task.state is TaskState.QUEUED and task.due <= now


def record_push(task: Task, now: float) -> Task:
    """Return the task after its push was sent."""
    return replace(task, state=TaskState.NOTIFIED, step=0, attempts=task.attempts + 1, changed=now, desc="")


def record_version(task: Task, version: str, target: str, now: float) -> Tuple[Task, bool]:
    """Return the task after a report of `version`, and whether to send the push again."""
    if task.state.is_final:
        return task, False
    if version == target:
        return replace(task, state=TaskState.SUCCEEDED, step=100, changed=now, desc=""), False
    if task.state is TaskState.QUEUED:
        return task, False
    return replace(task, state=TaskState.NOTIFIED, changed=now), True


def record_progress(task: Task, job: Job, step: int, desc: str, now: float) -> Task:
    """Return the task after a report of progress, or of a failure (`step` below 0)."""
    if task.state not in (TaskState.NOTIFIED, TaskState.IN_PROGRESS):
        return task
    if step >= 0:
        return replace(task, state=TaskState.IN_PROGRESS, step=step, desc=desc, changed=now)
    if task.attempts > job.retries:
        return replace(task, state=TaskState.FAILED, step=step, desc=desc, changed=now)
    return replace(task, state=TaskState.QUEUED, step=step, desc=desc, changed=now, due=now + job.retry_after)


def expire(task: Task, job: Job, now: float) -> Optional[Task]:
    """Return the failed task when its device was silent for the job's timeout, else None.

    A queued task does not expire.
    """
    if task.state not in (TaskState.NOTIFIED, TaskState.IN_PROGRESS) or now - task.changed < job.timeout:
        return None
    return replace(task, state=TaskState.FAILED, changed=now, desc=f"timed out after {job.timeout:g} s")


def cancel(task: Task, now: float) -> Task:
    """Cancel a task; an ended one stays as it is."""
    return task if task.state.is_final else replace(task, state=TaskState.CANCELED, changed=now)


def record_verification(package: Package, states: Iterable[TaskState]) -> Package:
    """Return the package in the state that its verify job's tasks imply.

    It is verified when all tasks succeeded, failed when one failed or was canceled.
    """
    states = list(states)
    if any(state.is_final and state is not TaskState.SUCCEEDED for state in states):
        return replace(package, state=PackageState.FAILED)
    if states and all(state is TaskState.SUCCEEDED for state in states):
        return replace(package, state=PackageState.VERIFIED)
    return replace(package, state=PackageState.VERIFYING)


def count(tasks: Iterable[Task]) -> Mapping[str, int]:
    """Return {state: number of tasks}, for every state."""
    counted = {state.value: 0 for state in TaskState}
    for task in tasks:
        counted[task.state.value] += 1
    return counted
