"""The state machine of a rollout: packages, jobs, and one task a device. Times are seconds since 1970.

A package is verified on one device (or a few) before it may go to a batch. A task::

    QUEUED → NOTIFIED → IN_PROGRESS → SUCCEEDED    the device reported the target version, from whatever state
       ↑         └───────────┴──────→ FAILED       it reported a failure and no attempt is left, or time ran out
       └── a failure, and attempts are left        CANCELED: somebody gave up on it

A device that reports another version while its task runs has started anew without it, and is pushed to again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, IntEnum
from typing import Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from aos_ota_plugin.cloud import rules
from aos_ota_plugin.errors import ProofError, SettingsError


class PackageState(IntEnum):
    """The platform's numbers."""

    NOT_NEEDED = -1
    NOT_VERIFIED = 0
    VERIFIED = 1
    VERIFYING = 2
    FAILED = 3


class TaskState(str, Enum):
    """The platform's names."""

    QUEUED = "QUEUED"
    NOTIFIED = "NOTIFIED"
    IN_PROGRESS = "IN_PROGRESS"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens to the task."""
        return self in (TaskState.SUCCEEDED, TaskState.FAILED, TaskState.CANCELED)


RUNNING = tuple(state.value for state in TaskState if not state.is_final)
"""The names of the states that something still follows."""


@dataclass(frozen=True)
class Package:
    """A file that can be pushed, of one module of a product; `source_version` is a diff's. `size` in bytes, digests in
    lower-case hex, `digestsign` in base64 where the platform signs.
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
    """One push of a package to devices: `kind` is ``verify`` or ``batch``; `rate` pushes a minute, 0 all at once.

    A failed attempt is repeated up to `retries` times, `retry_after` seconds later; a task that hears nothing for
    `timeout` seconds is given up, and not repeated.
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
    """What a job is to one device. `due` is when it is pushed, `changed` when it was last heard of or pushed."""

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
    """A device as a new job sees it: what it runs of the package's module, and whether it is in another task."""

    device_name: str
    version: Optional[str]
    is_busy: bool


def plan(job: Job, package: Package, targets: Sequence[Target], now: float) -> Tuple[List[Task], Dict[str, str]]:
    """Return the tasks of a new job, and {device name: reason} of devices that are left out.

    Raises:
        ProofError: a batch of a package that no device has proven yet.
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
    """Whether it is time to push."""
    return task.state is TaskState.QUEUED and task.due <= now


def pushed(task: Task, now: float) -> Task:
    """The push went out."""
    return replace(task, state=TaskState.NOTIFIED, step=0, attempts=task.attempts + 1, changed=now, desc="")


def informed(task: Task, version: str, target: str, now: float) -> Tuple[Task, bool]:
    """The device reported a version: return the task, and whether the push has to be sent once more."""
    if task.state.is_final:
        return task, False
    if version == target:
        return replace(task, state=TaskState.SUCCEEDED, step=100, changed=now, desc=""), False
    if task.state is TaskState.QUEUED:
        return task, False
    return replace(task, state=TaskState.NOTIFIED, changed=now), True


def progressed(task: Task, job: Job, step: int, desc: str, now: float) -> Task:
    """The device reported progress, or a failure."""
    if task.state not in (TaskState.NOTIFIED, TaskState.IN_PROGRESS):
        return task
    if step >= 0:
        return replace(task, state=TaskState.IN_PROGRESS, step=step, desc=desc, changed=now)
    if task.attempts > job.retries:
        return replace(task, state=TaskState.FAILED, step=step, desc=desc, changed=now)
    return replace(task, state=TaskState.QUEUED, step=step, desc=desc, changed=now, due=now + job.retry_after)


def expired(task: Task, job: Job, now: float) -> Optional[Task]:
    """Return the task given up where nothing was heard for the job's time, else None.

    A queued one waits for its turn.
    """
    if task.state not in (TaskState.NOTIFIED, TaskState.IN_PROGRESS) or now - task.changed < job.timeout:
        return None
    return replace(task, state=TaskState.FAILED, changed=now, desc=f"timed out after {job.timeout:g} s")


def canceled(task: Task, now: float) -> Task:
    """Give up a task; one that has ended stays as it is."""
    return task if task.state.is_final else replace(task, state=TaskState.CANCELED, changed=now)


def verified(package: Package, states: Iterable[TaskState]) -> Package:
    """What a verify job's tasks say of its package: verified when all succeeded, failed when one ended otherwise."""
    seen = list(states)
    if any(state.is_final and state is not TaskState.SUCCEEDED for state in seen):
        return replace(package, state=PackageState.FAILED)
    if seen and all(state is TaskState.SUCCEEDED for state in seen):
        return replace(package, state=PackageState.VERIFIED)
    return replace(package, state=PackageState.VERIFYING)


def count(tasks: Iterable[Task]) -> Mapping[str, int]:
    """How many tasks are in each state."""
    counted = {state.value: 0 for state in TaskState}
    for task in tasks:
        counted[task.state.value] += 1
    return counted
