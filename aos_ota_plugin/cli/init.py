"""``aos-ota init``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from aos_ota_plugin.cli.options import FOLDER
from aos_ota_plugin.workspace.find import find_solution
from aos_ota_plugin.workspace.setup import WARNING, set_up


@click.command("init")
@click.argument("directory", default=".", type=FOLDER)
@click.option("--component", "as_component", is_flag=True, help="Set up the component instead of site_scons/.")
def command(directory: str, as_component: bool) -> None:
    """Set up the solution in DIRECTORY: the hook, a .gitignore entry, an example of settings.

    A second run changes nothing.

    \b
    Example:
      aos-ota init solutions/ota_demo
    """
    for line in set_up(Path(find_solution(os.path.abspath(directory))), as_component=as_component):
        click.echo(line, err=line.startswith(WARNING))
