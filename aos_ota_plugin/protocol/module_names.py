"""Names of modules that the platform accepts and devices have room for."""

from __future__ import annotations

import re

from aos_ota_plugin.device.limits import MODULE_NAME_MAX
from aos_ota_plugin.errors import SettingsError

DEFAULT = "default"
"""The name of the module that is the whole firmware."""
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def check_module_name(name: str) -> None:
    """Raise SettingsError unless the platform and devices accept this module name."""
    if not _NAME.fullmatch(name) or len(name) > MODULE_NAME_MAX:
        raise SettingsError(
            f"the module name {name[:80]!a} is not 1 to {MODULE_NAME_MAX} letters, digits, '.', '-' and '_'",
            remedy="choose a name like front-panel",
        )
