"""Kconfiglib's menu for a file of settings, which is saved whole or not at all."""

from __future__ import annotations

import os
from typing import Any

from aos_ota_plugin.errors import OutputError, SettingsError
from aos_ota_plugin.files.transaction import write_file
from aos_ota_plugin.settings.kconfig import load_kconfig


def edit_settings(config: str) -> None:
    """Open the menu for the file `config`. Raises SettingsError where it cannot be shown."""
    kconfig = load_kconfig()
    try:
        from menuconfig import menuconfig
    except ImportError as error:  # Windows has no curses of its own
        raise SettingsError(
            f"the menu cannot be shown here: {error}",
            remedy="pip install windows-curses, or edit ota.config or package.yaml",
        ) from None
    os.environ["KCONFIG_CONFIG"] = config
    kconfig.__class__ = _save_whole(type(kconfig))
    try:
        menuconfig(kconfig)
    except Exception as error:
        if type(error).__module__ not in ("_curses", "curses"):
            raise
        raise SettingsError(
            f"the terminal cannot show the menu (TERM is {os.environ.get('TERM', 'not set')!a})",
            remedy="set TERM to your terminal's kind, such as xterm-256color; or edit ota.config or package.yaml",
        ) from None


def _save_whole(kind: Any) -> Any:
    """Return a subclass of kconfiglib's class that saves a file whole; kconfiglib empties it first."""

    class WholeFileKconfig(kind):  # type: ignore[misc]  # a class of an untyped library
        __slots__ = ()

        def write_config(self, filename: str, *_: object, **__: object) -> str:
            try:
                changed = write_file(filename, self._config_contents(None).encode("utf-8"))
            except OutputError as error:
                raise OSError(0, error.problem) from None  # the menu shows it in a box
            return f"Configuration saved to '{filename}'" if changed else f"No change to '{filename}'"

    return WholeFileKconfig
