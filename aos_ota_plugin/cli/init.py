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
@click.option("--releases-in-git", is_flag=True, help="Leave releases/ out of .gitignore: kept releases go into git.")
def command(directory: str, as_component: bool, releases_in_git: bool) -> None:
    """Set up the solution in DIRECTORY: the hook, a .gitignore entry, an example of settings.

    A second run changes nothing.

    \b
    Example:
      aos-ota init solutions/ota_demo
    """
    for line in set_up(
        Path(find_solution(os.path.abspath(directory))), as_component=as_component, ignore_releases=not releases_in_git
    ):
        click.echo(line, err=line.startswith(WARNING))
