"""The settings as rows of a table with the origins of values; secrets only as set or not set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List

from aos_ota_plugin.settings.raw import Origin
from aos_ota_plugin.settings.resolve import OtaSettings
from aos_ota_plugin.settings.secretfile import VARIABLES


@dataclass(frozen=True)
class SettingRow:
    """A line of ``aos-ota config``."""

    name: str
    value: str
    origin: str


def setting_rows(settings: OtaSettings) -> List[SettingRow]:
    """Return a row for every setting, in the order of the Kconfig file, and for every secret."""
    table = [SettingRow(name, value, str(settings.origins[name])) for name, value in settings.values().items()]
    for name, variable in VARIABLES.items():
        origin = settings.secrets.origins.get(name)
        state = "not set" if getattr(settings.secrets, name) is None else "set"
        table.append(SettingRow(name, state, _secret_origin(variable, origin) if origin else "-"))
    return table


def _secret_origin(variable: str, origin: Origin) -> str:
    return str(origin) if origin.place else f"{origin.kind} {variable}"
