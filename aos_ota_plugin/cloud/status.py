"""The platform's status: the content of its database, without secrets."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Dict, List, NamedTuple, Tuple

from aos_ota_plugin.cloud import rollout
from aos_ota_plugin.cloud.rollout import Job, Package, Task
from aos_ota_plugin.cloud.storage import Product, RegisteredDevice, Storage


class Content(NamedTuple):
    """The rows of the database; `versions` are {(product key, device name): {module: version}}."""

    products: List[Product]
    devices: List[RegisteredDevice]
    versions: Dict[Tuple[str, str], Dict[str, str]]
    packages: List[Package]
    jobs: List[Job]
    tasks: List[Task]


def read_content(storage: Storage) -> Content:
    """Read all rows of the database."""
    return Content(
        storage.products(), storage.devices(), storage.versions(), storage.packages(), storage.jobs(), storage.tasks()
    )


def status_document(content: Content) -> Dict[str, Any]:
    """Return products, devices, packages and jobs with their tasks, ready for JSON."""
    of_job: Dict[int, List[Task]] = {}
    for task in content.tasks:
        of_job.setdefault(task.job, []).append(task)
    return {
        "products": [asdict(product) for product in content.products],
        "devices": [
            {**asdict(device), "versions": content.versions.get((device.product_key, device.device_name), {})}
            for device in content.devices
        ],
        "packages": [{**asdict(package), "state": package.state.name} for package in content.packages],
        "jobs": [
            {
                **asdict(job),
                "counts": rollout.count(of_job.get(job.number, [])),
                "tasks": [{**asdict(task), "state": task.state.value} for task in of_job.get(job.number, [])],
            }
            for job in content.jobs
        ],
    }
