"""Readers: the text of one source in, its settings with their places out. None of them touches a file."""

from __future__ import annotations

import re
from typing import Iterable, List, Tuple

from aos_ota_plugin.errors import Place, SettingsError, WorkspaceError
from aos_ota_plugin.settings.leaks import refuse_secret
from aos_ota_plugin.settings.raw import COMMAND_LINE, OTA_CONFIG, PACKAGE_YAML, Origin, RawSetting
from aos_ota_plugin.settings.secretfile import read_secrets_yaml
from aos_ota_plugin.settings.yamltext import YamlText, parse_yaml

__all__ = [
    "Origin", "RawSetting", "def_config_of", "read_command_line", "read_def_config", "read_ota_config",
    "read_secrets_yaml",
]

_SET = re.compile(r"(?:CONFIG_)?([A-Za-z0-9_]+)=(.*)")
_UNSET = re.compile(r"# (?:CONFIG_)?([A-Za-z0-9_]+) is not set")
_QUOTED = re.compile(r'"((?:[^\\"]|\\.)*)"')
_BARE = re.compile(r"[ynm]|-?[0-9]+|0[xX][0-9a-fA-F]+")


def read_def_config(text: str, file: str) -> List[RawSetting]:
    """Read the ``def_config`` section of a package.yaml.

    Raises WorkspaceError when the text is not a package.yaml, SecretError when the section holds a secret.
    """
    return def_config_of(parse_yaml(text, file))


def def_config_of(yaml_text: YamlText) -> List[RawSetting]:
    """Read the ``def_config`` section of a package.yaml that was parsed already."""
    if yaml_text.value is not None and not isinstance(yaml_text.value, dict):
        raise WorkspaceError(
            "a package.yaml is a mapping of fields, this is not",
            place=Place(yaml_text.file, 1),
            remedy="begin with `name:`, as the package.yaml of any component does",
        )
    section = yaml_text.top().get("def_config")
    if section is None or not section.value:  # aos skips a section without content
        return []
    if not isinstance(section.value, dict):
        raise WorkspaceError(
            "def_config is a mapping of names to values, this is not",
            place=section.place,
            remedy="write one `NAME: value` a line under def_config, without hyphens",
        )
    settings = []
    for entry in yaml_text.entries(section.node, section.value):
        origin = Origin(PACKAGE_YAML, entry.place)
        refuse_secret(entry.key, entry.text, origin)
        settings.append(RawSetting(entry.key, entry.value, entry.text, origin))
    return settings


def read_ota_config(text: str, file: str) -> List[RawSetting]:
    """Read a saved ``ota.config`` (Kconfig's own format, with or without the prefix ``CONFIG_``).

    Raises SettingsError for a line that is neither a setting nor a comment, SecretError for a secret.
    """
    settings: List[RawSetting] = []
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text.lstrip("\ufeff")), start=1):
        stripped = line.strip()
        unset = _UNSET.fullmatch(stripped)
        if unset:
            origin = Origin(OTA_CONFIG, Place(file, number, line.index("#") + 1))
            settings.append(RawSetting(unset[1], "n", stripped, origin))
            continue
        if not stripped or stripped.startswith("#"):
            continue
        start = len(line) - len(line.lstrip()) + 1
        settings.append(_config_line(stripped, Place(file, number, start)))
    return settings


def _config_line(line: str, place: Place) -> RawSetting:
    match = _SET.fullmatch(line)
    if match is None:
        raise SettingsError(
            "this line is no setting",
            place=place,
            remedy='write NAME=y, NAME=0x100 or NAME="text", or begin the line with # for a comment',
        )
    name, written = match[1], match[2].strip()
    column = place.column + match.start(2) + len(match[2]) - len(match[2].lstrip())
    origin = Origin(OTA_CONFIG, Place(place.file, place.line, column))
    refuse_secret(name, written, origin)
    quoted = _QUOTED.fullmatch(written)
    if quoted:
        return RawSetting(name, re.sub(r"\\(.)", r"\1", quoted[1]), written, origin)
    if _BARE.fullmatch(written):
        return RawSetting(name, written, written, origin)
    raise SettingsError(
        f"{name}: a text stands here without its double quotes",
        place=origin.place,
        remedy=f'write {name}="…", with \\" for a quote and \\\\ for a backslash inside',
    )


def read_command_line(pairs: Iterable[Tuple[str, str]]) -> List[RawSetting]:
    """Read the ``NAME=value`` arguments of ``aos make``; raises SecretError when one is a secret."""
    settings = []
    for name, text in pairs:
        origin = Origin(COMMAND_LINE)
        refuse_secret(name, text, origin)
        settings.append(RawSetting(name, text, text, origin))
    return settings
