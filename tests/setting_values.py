"""Settings for tests, and the same with another value in one row of the table."""

from __future__ import annotations

from dataclasses import replace

from aos_ota_plugin.keys.reference import parse_reference
from aos_ota_plugin.settings.fields import OtaSettings, Row
from aos_ota_plugin.settings.raw import Origin, RawSetting
from aos_ota_plugin.settings.resolve import resolve
from aos_ota_plugin.settings.secretfile import Secrets
from aos_ota_plugin.settings.values import as_key_reference

_OTHER = {str: "other", int: 0x1000, type(None): "/other/path"}


def settings_of(solution_dir: str = "/w", secrets: Secrets = Secrets(), **values: str) -> OtaSettings:  # noqa: B008
    """The settings of a build with these values."""
    values = {"OTA_APP_VERSION": "app-1.0.0", "OTA_SIGNING_KEY": "k.pem", **values}
    layer = [RawSetting(name, value, value, Origin("test")) for name, value in values.items()]
    return resolve([layer], solution_dir=solution_dir, secrets=secrets)


def changed(settings: OtaSettings, row: Row) -> OtaSettings:
    """The settings with another value in one row, whatever the rules for settings say of it."""
    value = getattr(settings, row.attribute)
    if row.choice:
        other = next(symbol.on[0] for symbol in row.symbols if symbol.choice and symbol.on[0] != value)
    elif row.path_parser is as_key_reference:
        other = parse_reference("/other/path")
    else:
        other = not value if isinstance(value, bool) else _OTHER[type(value)]
    assert other != value
    return replace(settings, **{row.attribute: other})
