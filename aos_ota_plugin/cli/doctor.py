"""``aos-ota doctor``."""

from __future__ import annotations

import sys
from typing import List, Optional

import click

from aos_ota_plugin.cli.options import board_option, json_option, solution_option
from aos_ota_plugin.cli.output import echo_json
from aos_ota_plugin.verify.check import Check
from aos_ota_plugin.verify.setup_checks import examine


@click.command("doctor")
@solution_option
@board_option
@click.option(
    "--load-drivers", is_flag=True, help="Load the PKCS#11 drivers that the settings name, and ask their tokens."
)
@json_option()
def command(directory: str, board: Optional[str], load_drivers: bool, as_json: bool) -> None:
    """Check what a build needs, and say how to mend what is wrong; nothing is changed.

    Checked are aos-tools, SCons and git, the compiler, the workspace, the settings, the size of the OTA partition, keys
    and secrets with their permissions, the chip's description, the sources that get version and key, the clock, and
    whether git's history holds a secret.

    \b
    Example:
      aos-ota doctor -C solutions/ota_demo
    """
    checks: List[Check] = []
    for check in examine(directory, board, load_drivers=load_drivers):
        checks.append(check)
        if not as_json:
            mark = {True: "ok", False: "FAULT", None: "note"}[check.ok]
            click.echo(f"{mark:<6}{check.name}: {check.detail}")
            if check.remedy:
                click.echo(f"      fix: {check.remedy}")
    faults = sum(check.ok is False for check in checks)
    if as_json:
        listed = [
            {"name": check.name, "ok": check.ok, "seen": check.detail, "remedy": check.remedy} for check in checks
        ]
        echo_json({"faults": faults, "checks": listed})
    elif not faults:
        click.echo("nothing stands in the way of a build")
    sys.exit(1 if faults else 0)
