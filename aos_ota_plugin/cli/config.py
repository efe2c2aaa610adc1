"""``aos-ota config``."""

from __future__ import annotations

import os
from typing import Optional, Tuple

import click

from aos_ota_plugin.cli.options import board_option, json_option, solution_option, split_pairs
from aos_ota_plugin.cli.output import echo_json, echo_table, echo_warning
from aos_ota_plugin.settings.report import setting_rows
from aos_ota_plugin.workspace.solution_settings import load_settings


@click.command("config")
@click.argument("values", nargs=-1, metavar="[KEY=VALUE]...")
@solution_option
@board_option
@json_option()
def command(values: Tuple[str, ...], directory: str, board: Optional[str], as_json: bool) -> None:
    """Show every setting with its value and where the value comes from.

    Later sources win: Kconfig default, ota.config, def_config in package.yaml (the board's, then the solution's),
    command line. Secrets are shown as `set` or `not set`.

    \b
    Example:
      aos-ota config OTA_APP_VERSION=app-1.0.1
    """
    settings = load_settings(
        os.path.abspath(directory), board=board, command_line=split_pairs(values), warn=echo_warning
    )
    table = setting_rows(settings)
    if as_json:
        echo_json({row.name: {"value": row.value, "origin": row.origin} for row in table})
        return
    echo_table(("setting", "value", "origin"), [(row.name, row.value, row.origin) for row in table])
