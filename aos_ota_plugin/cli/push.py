"""``aos-ota push``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import click

from aos_ota_plugin.cli.options import CLOUD_FOLDER
from aos_ota_plugin.cli.output import echo_json, echo_table
from aos_ota_plugin.errors import ProofError, SettingsError

_POLL_SECONDS = 0.5


@click.command("push", short_help="push a package to devices: to one first, then to the others")
@click.argument("package", type=int, required=False)
@click.argument("devices", metavar="[DEVICE_NAME...]", nargs=-1)
@click.option(
    "--cloud",
    "directory",
    default=CLOUD_FOLDER,
    show_default=True,
    type=click.Path(file_okay=False),
    help="The folder that the cloud runs in.",
)
@click.option(
    "--verify-on",
    multiple=True,
    metavar="DEVICE_NAME",
    help="Prove the package on this device first, and go on only when it runs it; up to ten of them.",
)
@click.option("--all", "to_all", is_flag=True, help="Push to all devices of the product.")
@click.option("--rate", type=int, default=0, help="Pushes a minute, 10 to 10000.  [default: all at once]")
@click.option(
    "--retry",
    "retries",
    type=click.IntRange(0, 5),
    default=0,
    show_default=True,
    help="How often a failed device is pushed to again.",
)
@click.option("--retry-after", type=float, default=60, show_default=True, help="Seconds between failure and retry.")
@click.option(
    "--timeout",
    type=float,
    default=3600,
    show_default=True,
    help="Seconds without a word from a device after which it counts as failed.",
)
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until every device has ended.")
@click.option("--cancel", type=int, metavar="JOB", help="Push nothing; give up what has not ended of that job.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    package: Optional[int],
    devices: Tuple[str, ...],
    directory: str,
    verify_on: Tuple[str, ...],
    to_all: bool,
    rate: int,
    retries: int,
    retry_after: float,
    timeout: float,
    wait: bool,
    cancel: Optional[int],
    as_json: bool,
) -> None:
    """Push PACKAGE, the number that `aos-ota upload` gave, to devices. A package goes to a batch only after it was
    verified on a device; --verify-on waits for that.

    Ends with status 1 when a device did not get there.

    \b
    Example:
      aos-ota push 1 --verify-on device1
      aos-ota push 1 --all --rate 100 --retry 2
      aos-ota push --cancel 2
    """
    from aos_ota_plugin.cloud.client import Client

    client = Client(Path(directory))
    if cancel is not None:
        click.echo(f"job {cancel}: {client.cancel(cancel)} devices given up")
        return
    if package is None:
        raise click.UsageError("Missing argument 'PACKAGE': the number that `aos-ota upload` gave.")
    if not verify_on and not devices and not to_all:
        raise SettingsError("no device is given", remedy="give --verify-on DEVICE_NAME, names of devices, or --all")
    options = {"package": package, "rate": rate, "retries": retries, "retry_after": retry_after, "timeout": timeout}
    done: List[Dict[str, Any]] = []
    if verify_on:
        done.append(_job(client, list(verify_on), {**options, "kind": "verify"}, wait=wait or bool(devices or to_all)))
    if (devices or to_all) and not _failed(done):
        names = list(devices) or _all_of(client, package)
        done.append(_job(client, names, {**options, "kind": "batch"}, wait=wait))
    if as_json:
        echo_json({"jobs": done})
    else:
        for job in done:
            _show(job)
    failed = _failed(done)
    if failed:
        raise ProofError(
            f"{failed} devices did not get to the version",
            remedy="the table says why; `aos-ota push` again reaches those that may be tried once more",
        )


def _job(client: Any, names: List[str], options: Dict[str, Any], *, wait: bool) -> Dict[str, Any]:
    started = client.start_job(device_names=names, **options)
    while wait and client.is_running(started["job"]):
        time.sleep(_POLL_SECONDS)
    job = next(job for job in client.status()["jobs"] if job["number"] == started["job"])
    return {**job, "skipped": started["skipped"]}


def _all_of(client: Any, package: int) -> List[str]:
    status = client.status()
    product = next((one["product_key"] for one in status["packages"] if one["number"] == package), None)
    return [one["device_name"] for one in status["devices"] if one["product_key"] == product]


def _failed(jobs: List[Dict[str, Any]]) -> int:
    return sum(job["counts"]["FAILED"] + job["counts"]["CANCELED"] for job in jobs)


def _show(job: Dict[str, Any]) -> None:
    counts = ", ".join(f"{number} {state}" for state, number in job["counts"].items() if number) or "no device"
    click.echo(f"job {job['number']}, {job['kind']}: {counts}")
    rows = [(task["device_name"], task["state"], _step(task), task["desc"]) for task in job["tasks"]]
    rows += [(name, "left out", "", reason) for name, reason in sorted(job["skipped"].items())]
    if rows:
        echo_table(("device", "state", "step", "why"), rows)


def _step(task: Dict[str, Any]) -> str:
    return str(task["step"])
