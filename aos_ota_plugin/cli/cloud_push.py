"""``aos-ota cloud push``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Tuple

import click

from aos_ota_plugin.cli.options import cloud_option, json_option
from aos_ota_plugin.cli.output import echo_json, echo_table
from aos_ota_plugin.device.codes import name_codes, step_text
from aos_ota_plugin.errors import ProofError, SettingsError


@click.command("push")
@click.argument("package", type=int)
@click.argument("devices", metavar="[DEVICE_NAME...]", nargs=-1)
@cloud_option
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
    help="Seconds without a report from a device after which it counts as failed.",
)
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until every device has ended.")
@json_option()
def command(
    package: int,
    devices: Tuple[str, ...],
    directory: str,
    verify_on: Tuple[str, ...],
    to_all: bool,
    wait: bool,
    as_json: bool,
    **pace: Any,
) -> None:
    """Push PACKAGE to devices of the running cloud.

    PACKAGE is the number that `aos-ota cloud upload` printed. A package goes to many devices only after one device
    has verified it; --verify-on names that device and waits for it.

    Ends with status 1 when a device did not reach the new version, or was left out and does not run it.

    \b
    Example:
      aos-ota cloud push 1 --verify-on device1
      aos-ota cloud push 1 --all --rate 100 --retry 2
    """
    from aos_ota_plugin.cloud.client import Client
    from aos_ota_plugin.cloud.jobs import devices_of_product, failed_devices, run_job

    client = Client(Path(directory))
    if not verify_on and not devices and not to_all:
        raise SettingsError("no device is given", remedy="give --verify-on DEVICE_NAME, names of devices, or --all")
    options = {"package": package, **pace}
    batch = bool(devices or to_all)
    jobs: List[Dict[str, Any]] = []
    if verify_on:
        jobs.append(run_job(client, "verify", verify_on, options, wait=wait or batch))
    if batch and not failed_devices(jobs):
        names = list(devices) or devices_of_product(client, package)
        jobs.append(run_job(client, "batch", names, options, wait=wait))
    if as_json:
        echo_json({"jobs": jobs})
    else:
        for job in jobs:
            _show(job)
    failed = failed_devices(jobs)
    if failed:
        raise ProofError(
            f"{failed} devices did not get to the version",
            remedy="the table says why, and `aos-ota explain CODE` what to look at; `aos-ota cloud push` again reaches "
            "those that may be tried once more",
        )


def _show(job: Dict[str, Any]) -> None:
    counts = ", ".join(f"{number} {state}" for state, number in job["counts"].items() if number) or "no device"
    click.echo(f"job {job['number']}, {job['kind']}: {counts}")
    rows = [
        (task["device_name"], task["state"], step_text(task["step"]), name_codes(task["desc"])) for task in job["tasks"]
    ]
    rows += [(name, "left out", "", reason) for name, reason in sorted(job["skipped"].items())]
    if rows:
        echo_table(("device", "state", "step", "why"), rows)
