"""One value as its source wrote it, before anyone judged it."""

from __future__ import annotations

from typing import NamedTuple, Optional, Type

from aos_ota_plugin.errors import OtaError, Place, SettingsError

DEFAULT = "default"
OTA_CONFIG = "ota.config"
PACKAGE_YAML = "package.yaml"
COMMAND_LINE = "command line"
ENVIRONMENT = "environment"
SECRETS_YAML = "ota.secrets.yaml"


class Origin(NamedTuple):
    """What kind of source a value came from, and where in it when it is a file."""

    kind: str
    place: Optional[Place] = None

    def __str__(self) -> str:
        return str(self.place) if self.place else self.kind


class RawSetting(NamedTuple):
    """A name with its value as the source's own format reads it, and the text that stands there."""

    name: str
    value: object
    text: str
    origin: Origin

    def __repr__(self) -> str:  # what is set may be a secret
        return f"RawSetting({self.name!r}, from {self.origin})"


def complaint(raw: RawSetting, problem: str, remedy: str, error: Type[OtaError] = SettingsError) -> OtaError:
    """Make an error about one value, saying where it stands even when that is no file."""
    place = raw.origin.place
    where = "" if place else f" ({'on the ' if raw.origin.kind == COMMAND_LINE else ''}{raw.origin.kind})"
    return error(f"{raw.name}: {problem}{where}", place=place, remedy=remedy)
