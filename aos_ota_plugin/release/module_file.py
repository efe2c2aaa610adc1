"""The user's list of modules (``OTA_MODULES``), read from YAML and checked. No I/O.

::

    modules:
      - name: panel                  # a sub-device: all files of a folder in one data-file pack
        version: panel-1.0.1
        folder: subdevices/panel
        store_path: /data/panel      # the folder that the pack is unpacked into
        unpacked: true
      - name: js
        version: js-1.0.0
        file: scripts/app.bin        # sent as it is
        store_path: /data/js/app.bin
      - name: radio
        version: radio-1.0.0
        file: radio/radio.bin        # through the OTA partition: with a trailer, signed as the firmware is
        magic: mcu

Paths are relative to the list's own folder. The list is not in package.yaml, because ``aos make -b`` rewrites
that file.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from aos_ota_plugin.device.version import check_version
from aos_ota_plugin.errors import Place, SettingsError
from aos_ota_plugin.files.yaml_text import Entry, YamlText, parse_yaml
from aos_ota_plugin.protocol.module_names import check_module_name
from aos_ota_plugin.release.manifest import MAGICS
from aos_ota_plugin.release.module import check_modules, check_store_path
from aos_ota_plugin.settings.foreign import nearest

if TYPE_CHECKING:
    from yaml.nodes import Node

_KEYS = ("name", "version", "file", "folder", "store_path", "unpacked", "magic")


@dataclass(frozen=True)
class DeclaredModule:
    """A module of the user's list.

    `source` is the absolute path of a file, or with `is_folder` of a folder to pack. `image_magic` is a name of
    ImageMagic where the file gets a trailer. The places are those of the values in the list.
    """

    name: str
    version: str
    source: str
    is_folder: bool
    store_path: Optional[str]
    unpacked: bool
    image_magic: Optional[str]
    version_place: Place
    source_place: Place


class ModuleSource(NamedTuple):
    """A module of the list and its content: the file's bytes, or the folder's files in a data-file pack."""

    declared: DeclaredModule
    data: bytes


def read_module_file(text: str, file: str) -> Tuple[DeclaredModule, ...]:
    """Read a list of modules; `file` is its absolute path.

    Raises:
        SettingsError: not YAML, an unknown or missing key, a value of another type or out of the limits of device and
            platform, two modules that would be mixed up; with line and column.
    """
    yaml_text = parse_yaml(text, file, error=SettingsError)
    top = _fields(yaml_text, yaml_text.root, yaml_text.value, ("modules",), "the list of modules")
    entry = top.get("modules")
    if entry is None or not isinstance(entry.value, list):
        raise SettingsError(
            "there is no list of modules in this file",
            place=entry.place if entry else Place(file, 1),
            remedy="write `modules:`, and under it a `- name: …` for each module",
        )
    declared: List[DeclaredModule] = []
    places: List[Place] = []
    for node, value in zip(entry.node.value, entry.value):
        fields = _fields(yaml_text, node, value, _KEYS, "a module")
        declared.append(_declared(fields, yaml_text.place(node), os.path.dirname(file)))
        places.append(fields["name"].place)
    check_modules(declared, places)
    return tuple(declared)


def _fields(
    yaml_text: YamlText, node: Optional[Node], value: object, names: Sequence[str], what: str
) -> Dict[str, Entry]:
    """Return a mapping's entries by key. Raises SettingsError for unknown and repeated keys."""
    from yaml.nodes import MappingNode

    if not isinstance(node, MappingNode):
        raise SettingsError(
            f"{what} is a mapping of names to values, this is not",
            place=yaml_text.place(node) if node else Place(yaml_text.file, 1),
            remedy=f"write `{names[0]}:` and what belongs to it",
        )
    places: Dict[str, Place] = {}
    for key_node, _ in node.value:
        key, place = str(key_node.value)[:80], yaml_text.place(key_node)
        if key not in names or key_node.tag != "tag:yaml.org,2002:str":
            near = nearest(key.lower(), names)
            raise SettingsError(
                f"{key}: {what} has no such key",
                place=place,
                remedy=f"did you mean {near}?" if near else f"the keys are {', '.join(names)}",
            )
        if key in places:
            raise SettingsError(f"{key} is set twice", place=place, remedy=f"keep one; the first is at {places[key]}")
        places[key] = place
    return {entry.key: entry for entry in yaml_text.entries(node, value)}


def _declared(fields: Dict[str, Entry], place: Place, folder: str) -> DeclaredModule:
    for key in ("name", "version"):
        if key not in fields:
            raise SettingsError(f"this module has no {key}", place=place, remedy=f"add `{key}: …` to it")
    name, version = _text(fields["name"]), _text(fields["version"])
    _check_at(fields["name"].place, lambda: check_module_name(name))
    check_version(version, field=f"the version of module {name}", place=fields["version"].place)
    source = _source(name, fields, place)
    magic = _magic(fields)
    unpacked = "unpacked" in fields and _flag(fields["unpacked"])
    store_path = _text(fields["store_path"]) if "store_path" in fields else None
    if magic is not None:
        for key in ("folder", "store_path", "unpacked"):
            if key in fields:
                raise SettingsError(
                    f"module {name} has a magic, so it goes through the OTA partition, and {key} means nothing to it",
                    place=fields[key].place,
                    remedy=f"take {key} out, or magic if devices keep it as a file",
                )
    if unpacked and store_path is None:
        raise SettingsError(
            f"module {name} is to be unpacked, and no folder is named",
            place=fields["unpacked"].place,
            remedy="add `store_path: /data/…`, the folder on the device",
        )
    if store_path is not None:
        path = store_path
        _check_at(fields["store_path"].place, lambda: check_store_path(name, path, unpacked=unpacked))
    return DeclaredModule(
        name,
        version,
        os.path.normpath(os.path.join(folder, os.path.expanduser(_text(source)))),
        source.key == "folder",
        store_path,
        unpacked,
        magic,
        fields["version"].place,
        source.place,
    )


def _source(name: str, fields: Dict[str, Entry], place: Place) -> Entry:
    sources = [fields[key] for key in ("file", "folder") if key in fields]
    if len(sources) != 1:
        raise SettingsError(
            f"module {name} has {'both a file and a folder' if sources else 'no file and no folder'}",
            place=sources[1].place if sources else place,
            remedy="say what devices get: `file: …` as it is, or `folder: …` in one pack",
        )
    text = _text(sources[0])
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise SettingsError(
            f"the {sources[0].key} of module {name} is not a path: it contains a control character",
            place=sources[0].place,
            remedy="give the path of a file or folder",
        )
    return sources[0]


def _magic(fields: Dict[str, Entry]) -> Optional[str]:
    if "magic" not in fields:
        return None
    magic = _text(fields["magic"]).upper()
    if magic not in MAGICS:
        raise SettingsError(
            f"{magic[:40]!a} is not an image_magic of devices",
            place=fields["magic"].place,
            remedy=f"use one of {', '.join(name.lower() for name in MAGICS)}",
        )
    return magic


def _text(entry: Entry) -> str:
    if isinstance(entry.value, str) and entry.value:
        return entry.value
    written = " ".join(entry.text.split())[:80]
    if entry.value is None or entry.value == "":
        raise SettingsError(f"{entry.key} has no value", place=entry.place, remedy=f"write `{entry.key}: …`")
    if isinstance(entry.value, (dict, list, set)):
        raise SettingsError(
            f"{entry.key} is a text, not a list or mapping",
            place=entry.place,
            remedy=f"write `{entry.key}: …` on one line",
        )
    raise SettingsError(
        f"{entry.key}: YAML reads {written} as {entry.value}, which is not text",
        place=entry.place,
        remedy=f"put it in quotes: {entry.key}: '{written}'",
    )


def _flag(entry: Entry) -> bool:
    if isinstance(entry.value, bool):
        return entry.value
    if entry.value in ("y", "n"):  # Kconfig's spelling, which YAML reads as text
        return entry.value == "y"
    raise SettingsError(
        f"{entry.key} is neither true nor false",
        place=entry.place,
        remedy=f"write {entry.key}: true or {entry.key}: false",
    )


def _check_at(place: Place, check: Callable[[], None]) -> None:
    """Call a check, and add the place to its error."""
    try:
        check()
    except SettingsError as error:
        raise SettingsError(error.problem, place=place, remedy=error.remedy) from None
