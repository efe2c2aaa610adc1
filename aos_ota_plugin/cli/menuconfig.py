"""``aos-ota menuconfig``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Optional

import click

from aos_ota_plugin.cli.options import FILE, solution_option
from aos_ota_plugin.errors import SettingsError
from aos_ota_plugin.settings.menu import edit_settings
from aos_ota_plugin.workspace.disk import read_text
from aos_ota_plugin.workspace.find import find_solution


@click.command("menuconfig")
@solution_option
@click.option("-o", "--config", type=FILE, help="The file to edit.  [default: the solution's ota.config]")
def command(directory: str, config: Optional[str]) -> None:
    """Change the solution's settings (ota.config) in kconfiglib's menu.

    def_config in package.yaml and the command line still win over what is saved here. Secrets are not set here.

    \b
    Example:
      aos-ota menuconfig -C solutions/ota_demo
    """
    import sys

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise SettingsError("the menu needs a terminal", remedy="run it in one, or edit ota.config or package.yaml")
    target = config or os.path.join(find_solution(os.path.abspath(directory)), "ota.config")
    if os.path.lexists(target):
        read_text(Path(target))  # refuses a file that kconfiglib would read without end
    edit_settings(target)
