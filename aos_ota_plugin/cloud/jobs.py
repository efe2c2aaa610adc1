"""A rollout's jobs, as a client sees them: started, waited for, and counted."""

from __future__ import annotations

import time
from typing import Any, Dict, List, Mapping, Sequence

from aos_ota_plugin.cloud.client import Client

_POLL_SECONDS = 0.5
Job = Dict[str, Any]
"""What the cloud says of a job, with ``skipped``: the devices that were left out, and why."""


def run_job(client: Client, kind: str, devices: Sequence[str], options: Mapping[str, Any], *, wait: bool) -> Job:
    """Start a job, "verify" or "batch", and return what became of it: at once, or when every device has ended."""
    started = client.start_job(kind=kind, device_names=list(devices), **options)
    while wait and client.is_running(started["job"]):
        time.sleep(_POLL_SECONDS)
    job = next(job for job in client.status()["jobs"] if job["number"] == started["job"])
    return {**job, "skipped": started["skipped"]}


def devices_of_product(client: Client, package: int) -> List[str]:
    """Return the names of all devices of the product that a package is for."""
    status = client.status()
    product = next((one["product_key"] for one in status["packages"] if one["number"] == package), None)
    return [one["device_name"] for one in status["devices"] if one["product_key"] == product]


def failed_devices(jobs: Sequence[Job]) -> int:
    """Count the devices that failed, or were given up."""
    return sum(job["counts"]["FAILED"] + job["counts"]["CANCELED"] for job in jobs)
