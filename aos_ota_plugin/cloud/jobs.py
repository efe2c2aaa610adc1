"""Starting, waiting for and counting rollout jobs through the client."""

from __future__ import annotations

import time
from typing import Any, Dict, List, Mapping, Sequence

from aos_ota_plugin.cloud.client import Client

_POLL_SECONDS = 0.5
Job = Dict[str, Any]
"""A job as the API returns it, with ``skipped``: {device name: why it was left out}, and ``current``, who runs it."""


def run_job(client: Client, kind: str, devices: Sequence[str], options: Mapping[str, Any], *, wait: bool) -> Job:
    """Start a job ("verify" or "batch") and return it, with `wait` after every task has ended."""
    started = client.start_job(kind=kind, device_names=list(devices), **options)
    while wait and client.is_running(started["job"]):
        time.sleep(_POLL_SECONDS)
    job = next(job for job in client.status()["jobs"] if job["number"] == started["job"])
    return {**job, "skipped": started["skipped"], "current": started["current"]}


def devices_of_product(client: Client, package: int) -> List[str]:
    """Return the names of all devices of the product that a package is for."""
    status = client.status()
    product = next((entry["product_key"] for entry in status["packages"] if entry["number"] == package), None)
    return [device["device_name"] for device in status["devices"] if device["product_key"] == product]


def failed_devices(jobs: Sequence[Job]) -> int:
    """Count the devices that failed, were canceled, or were left out and do not run the version."""
    return sum(
        job["counts"]["FAILED"] + job["counts"]["CANCELED"] + len(set(job["skipped"]) - set(job["current"]))
        for job in jobs
    )
