"""Values of settings as their sources have them, not yet checked."""

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
    """The kind of source of a value, and its place where the source is a file."""

    kind: str
    place: Optional[Place] = None

    def __str__(self) -> str:
        return str(self.place) if self.place else self.kind


class RawSetting(NamedTuple):
    """A setting's name, its value as the source's format reads it, and its text in the source."""

    name: str
    value: object
    text: str
    origin: Origin

    def __repr__(self) -> str:  # what is set may be a secret
        return f"RawSetting({self.name!r}, from {self.origin})"


def setting_error(raw: RawSetting, problem: str, remedy: str, error: Type[OtaError] = SettingsError) -> OtaError:
    """Return an error about a value with its place, or its source where that is not a file."""
    place = raw.origin.place
    where = "" if place else f" ({'on the ' if raw.origin.kind == COMMAND_LINE else ''}{raw.origin.kind})"
    return error(f"{raw.name}: {problem}{where}", place=place, remedy=remedy)
