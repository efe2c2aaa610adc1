"""``aos-ota menuconfig``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Optional

import click

from aos_ota_plugin.errors import OutputError, SettingsError
from aos_ota_plugin.files.transaction import write_file
from aos_ota_plugin.settings.kconfig import load_kconfig
from aos_ota_plugin.workspace.disk import read_text
from aos_ota_plugin.workspace.find import find_solution


@click.command("menuconfig", short_help="change the solution's settings in a menu")
@click.option(
    "-C", "--directory", default=".", type=click.Path(file_okay=False), help="The solution, or the workspace."
)
@click.option(
    "-o", "--config", type=click.Path(dir_okay=False), help="The file to edit.  [default: the solution's ota.config]"
)
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
    _look_at(target)
    kconfig = load_kconfig()
    try:
        from menuconfig import menuconfig
    except ImportError as error:  # Windows has no curses of its own
        raise SettingsError(
            f"the menu cannot be shown here: {error}",
            remedy="pip install windows-curses, or edit ota.config or package.yaml",
        ) from None
    os.environ["KCONFIG_CONFIG"] = target
    kconfig.__class__ = _whole_files(type(kconfig))
    menuconfig(kconfig)


def _look_at(config: str) -> None:
    """A file that kconfiglib would read to no end is refused. Raises WorkspaceError."""
    if os.path.lexists(config):
        read_text(Path(config))


def _whole_files(kind: Any) -> Any:
    """Kconfiglib's class, but a file is saved whole or not at all; its own way empties it first."""

    class Whole(kind):  # type: ignore[misc]  # a class of an untyped library
        __slots__ = ()

        def write_config(self, filename: str, *_: object, **__: object) -> str:
            try:
                changed = write_file(filename, self._config_contents(None).encode("utf-8"))
            except OutputError as error:
                raise OSError(0, error.problem) from None  # what the menu shows in a box
            return f"Configuration saved to '{filename}'" if changed else f"No change to '{filename}'"

    return Whole
