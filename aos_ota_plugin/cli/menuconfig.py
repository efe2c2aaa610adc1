"""``aos-ota menuconfig``."""

from __future__ import annotations

import os
from typing import Optional

import click

from aos_ota_plugin.errors import SettingsError
from aos_ota_plugin.settings.schema import load_kconfig
from aos_ota_plugin.workspace.find import find_solution


@click.command("menuconfig", short_help="change the solution's settings in a menu")
@click.option("-C", "--directory", default=".", type=click.Path(file_okay=False),
              help="The solution, or the workspace.")
@click.option("-o", "--config", type=click.Path(dir_okay=False), help="The file to edit.  [default: the solution's "
              "ota.config]")
def command(directory: str, config: Optional[str]) -> None:
    """Open kconfiglib's menu on the solution's ota.config. def_config and the command line still win over what is
    saved there; secrets are not set here.

    \b
    Example:
      aos-ota menuconfig -C solutions/ota_demo
    """
    import sys

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise SettingsError("the menu needs a terminal", remedy="run it in one, or edit ota.config or package.yaml")
    target = config or os.path.join(find_solution(os.path.abspath(directory)), "ota.config")
    kconfig = load_kconfig()
    try:
        from menuconfig import menuconfig
    except ImportError as error:  # Windows has no curses of its own
        raise SettingsError(f"the menu cannot be shown here: {error}",
                            remedy="pip install windows-curses, or edit ota.config or package.yaml") from None
    os.environ["KCONFIG_CONFIG"] = target
    menuconfig(kconfig)


