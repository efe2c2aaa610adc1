"""``aos-ota cloud cancel``."""

from __future__ import annotations

from pathlib import Path

import click

from aos_ota_plugin.cli.options import cloud_option, json_option
from aos_ota_plugin.cli.output import echo_json


@click.command("cancel")
@click.argument("job", type=int)
@cloud_option
@json_option()
def command(job: int, directory: str, as_json: bool) -> None:
    """Cancel a rollout: no further device of JOB is upgraded.

    JOB is a number that `aos-ota cloud status` shows. A device that has begun its upgrade goes on with it.

    \b
    Example:
      aos-ota cloud cancel 2
    """
    from aos_ota_plugin.cloud.client import Client

    devices = Client(Path(directory)).cancel(job)
    if as_json:
        echo_json({"job": job, "canceled": devices})
        return
    click.echo(f"job {job}: {devices} devices given up")
