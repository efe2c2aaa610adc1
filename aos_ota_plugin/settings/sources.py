"""Reading settings with their places from the texts of their sources. No I/O.

>>> read_ota_config("OTA_DIFF=y", "ota.config")[0].value
'y'
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from aos_ota_plugin.errors import Place, SettingsError, WorkspaceError
from aos_ota_plugin.files.yaml_text import Entry, YamlText, parse_foreign_yaml
from aos_ota_plugin.settings.leaks import refuse_secret
from aos_ota_plugin.settings.raw import COMMAND_LINE, OTA_CONFIG, PACKAGE_YAML, Origin, RawSetting
from aos_ota_plugin.settings.secretfile import read_secrets_yaml

if TYPE_CHECKING:
    from yaml.nodes import Node

__all__ = [
    "DroppedSetting",
    "Origin",
    "RawSetting",
    "read_command_line",
    "read_def_config",
    "read_ota_config",
    "read_secrets_yaml",
    "read_sections",
]

_SECTIONS = ("def_config", "defconfig")
_SET = re.compile(r"(?:CONFIG_)?([A-Za-z0-9_]+)=(.*)")
_UNSET = re.compile(r"# (?:CONFIG_)?([A-Za-z0-9_]+) is not set")
_QUOTED = re.compile(r'"((?:[^\\"]|\\.)*)"')
_BARE = re.compile(r"[ynm]|-?[0-9]+|0[xX][0-9a-fA-F]+")


class DroppedSetting(NamedTuple):
    """A setting of a ``def_config`` that YAML drops, because its name or the whole section is repeated."""

    raw: RawSetting
    key: str
    """The repeated key: the setting's name, ``<<``, or the section's name."""
    repeated_at: Place


class Sections(NamedTuple):
    """The settings of a ``def_config``, the settings that YAML drops, and the first name that is not text."""

    settings: Sequence[RawSetting] = ()
    dropped: Sequence[DroppedSetting] = ()
    non_text_name: Optional[Place] = None


def read_def_config(text: str, file: str) -> List[RawSetting]:
    """Read the ``def_config`` section of a package.yaml.

    Raises WorkspaceError when the text is not a package.yaml, SecretError when the section holds a secret.
    """
    sections = read_sections(parse_foreign_yaml(text, file))
    for raw in (*sections.settings, *(dropped.raw for dropped in sections.dropped)):
        refuse_secret(raw.name, raw.text, raw.origin)
    return list(sections.settings)


def read_sections(yaml_text: YamlText) -> Sections:
    """Read the ``def_config`` section of a parsed package.yaml.

    aos-tools also accepts the name ``defconfig``; of several sections the last with content counts. Raises
    WorkspaceError when the text is not a package.yaml.
    """
    if yaml_text.value is not None and not isinstance(yaml_text.value, dict):
        raise WorkspaceError(
            "a package.yaml is a mapping of fields, this is not",
            place=Place(yaml_text.file, 1),
            remedy="begin with `name:`, as the package.yaml of any component does",
        )
    sections = [entry for entry in yaml_text.top().values() if entry.key in _SECTIONS]
    section = next((entry for entry in reversed(sections) if entry.value), None)
    if section is not None and not isinstance(section.value, dict):
        raise WorkspaceError(
            "def_config is a mapping of names to values, this is not",
            place=section.place,
            remedy="write `NAME: value` lines under def_config, without hyphens",
        )
    dropped = [
        DroppedSetting(_raw(yaml_text, name, None, node), entry.key, entry.place)
        for entry in sections
        if entry is not section
        for name, node in yaml_text.pairs(entry.node)
    ]
    for repeated in yaml_text.repeated_in(yaml_text.root) if yaml_text.root is not None else ():
        if repeated.key.value in _SECTIONS:
            dropped += [
                DroppedSetting(_raw(yaml_text, name, None, node), repeated.key.value, yaml_text.place(repeated.key))
                for name, node in yaml_text.pairs(repeated.lost)
            ]
    if section is None:
        return Sections((), dropped)
    settings = [
        _raw(yaml_text, entry.key, entry.value, entry.node) for entry in yaml_text.entries(section.node, section.value)
    ]
    return Sections(settings, dropped + _dropped_in(yaml_text, section.node), _find_non_text_name(yaml_text, section))


def _dropped_in(yaml_text: YamlText, node: Node) -> List[DroppedSetting]:
    """Return the settings that repeated keys drop, in a section or in the mappings that ``<<`` adds to it."""
    dropped = [
        DroppedSetting(
            _raw(yaml_text, repeated.key.value, None, repeated.lost), repeated.key.value, yaml_text.place(repeated.key)
        )
        for repeated in yaml_text.repeated_in(node)
        if not repeated.key.tag.endswith(":merge")
    ]
    for merges in yaml_text.merges_of(node):
        # Which of two merged mappings wins is not the same in all versions of PyYAML.
        counted = dict(yaml_text.pairs(merges.mapping))
        merged_values: Dict[str, Dict[int, Node]] = {}
        for merged in merges.merged:
            for name, value in dict(yaml_text.pairs(merged)).items():
                merged_values.setdefault(name, {})[id(value)] = value
        for name, values in merged_values.items():
            if len(values) > 1 and id(counted.get(name)) in values:
                first, second = list(values.values())[:2]
                dropped.append(DroppedSetting(_raw(yaml_text, name, None, first), "<<", yaml_text.place(second)))
    return dropped


def _raw(yaml_text: YamlText, name: str, value: object, node: Node) -> RawSetting:
    return RawSetting(name, value, yaml_text.written(node), Origin(PACKAGE_YAML, yaml_text.place(node)))


def _find_non_text_name(yaml_text: YamlText, section: Entry) -> Optional[Place]:
    """Return the place of a name that YAML does not read as text: aos-tools fails on it."""
    if all(isinstance(name, str) for name in section.value):  # type: ignore[attr-defined]
        return None
    keys = [key for key, _ in section.node.value if key.tag != "tag:yaml.org,2002:str"]
    return yaml_text.place(keys[0]) if keys else section.place


def read_ota_config(text: str, file: str) -> List[RawSetting]:
    """Read a saved ``ota.config`` (Kconfig's own format, with or without the prefix ``CONFIG_``).

    Raises SettingsError for a line that is neither a setting nor a comment and for a name that is set twice,
    SecretError for a secret.
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
    _refuse_repeated(settings)
    return settings


def _refuse_repeated(settings: Sequence[RawSetting]) -> None:
    """Raise SettingsError for a name that is set twice in a file: only the last would count."""
    first: Dict[str, RawSetting] = {}
    for raw in settings:
        earlier = first.setdefault(raw.name, raw)
        if earlier is not raw:
            line = earlier.origin.place.line if earlier.origin.place else 0
            last_line = raw.origin.place.line if raw.origin.place else 0
            raise SettingsError(
                f"{raw.name}: it is set twice, in lines {line} and {last_line}",
                place=raw.origin.place,
                remedy="take one of the two out",
            )


def _config_line(line: str, place: Place) -> RawSetting:
    match = _SET.fullmatch(line)
    if match is None:
        raise SettingsError(
            "this line is not a setting",
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
        f"{name}: this text needs double quotes",
        place=origin.place,
        remedy=f'write {name}="…", with \\" for a quote and \\\\ for a backslash inside',
    )


def read_command_line(pairs: Iterable[Tuple[str, str]]) -> List[RawSetting]:
    """Read the ``NAME=value`` arguments of ``aos make``. Raises SecretError for a secret."""
    settings = []
    for name, text in pairs:
        origin = Origin(COMMAND_LINE)
        refuse_secret(name, text, origin)
        settings.append(RawSetting(name, text, text, origin))
    return settings
