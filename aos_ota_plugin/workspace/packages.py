"""A component as its ``package.yaml`` describes it."""

from __future__ import annotations

import os
import re
from typing import Dict, List, Mapping, NamedTuple, Optional, Tuple

from aos_ota_plugin.errors import Place, WorkspaceError
from aos_ota_plugin.files.yaml_text import Entry, YamlText, parse_foreign_yaml
from aos_ota_plugin.settings.raw import PACKAGE_YAML, Origin, RawSetting
from aos_ota_plugin.settings.sources import DroppedSetting, read_sections
from aos_ota_plugin.workspace.depends import Depend, condition_names, read_depends
from aos_ota_plugin.workspace.hardware import SECTIONS, Hardware, read_hardware

TYPES = frozenset(
    (
        "solution",
        "board",
        "chip",
        "arch",
        "drv_core",
        "drv_peripheral",
        "drv_external_device",
        "kernel",
        "common",
        "sdk",
        "document",
        "dynamic",
        "userspace_common",
    )
)
_NAME = re.compile(r"[A-Za-z_]\w*")
_CHINESE = re.compile("[\u4e00-\u9fa5]")
_FLAGS = ("cflag", "cxxflag", "asmflag", "shcflag", "icc_cflag", "icc_cxxflag", "armcc_cflag", "armcc_cxxflag")
_DEFINE = re.compile(r"-D\s*([A-Za-z_]\w*)(?:=(\S*))?")


class Repeat(NamedTuple):
    """A key that is repeated in a mapping; lines count from 1."""

    key: str
    first_line: int
    again: Place


class Package(NamedTuple):
    """A component: its identity, dependencies and definitions. ``path`` is its folder."""

    name: str
    version: str
    type: str
    path: str
    depends: Tuple[Depend, ...]
    def_config: Tuple[RawSetting, ...]
    hardware: Hardware
    source_files: Tuple[str, ...]  # as written, conditions included
    postimage_script: str
    cflag: str
    condition_names: Tuple[str, ...]  # every name between < and > anywhere in the file
    license: str = ""
    macros: Tuple[RawSetting, ...] = ()  # its `-D` macros: from build_config's define and flags
    repeats: Tuple[Repeat, ...] = ()
    dropped: Tuple[DroppedSetting, ...] = ()  # entries of def_config that YAML drops, because their key comes again
    unusable: Optional[Place] = None  # a name in def_config that is no text

    @property
    def file(self) -> str:
        """Return the path of the package.yaml."""
        return os.path.join(self.path, "package.yaml")

    @property
    def board_name(self) -> str:
        """Return the board that a solution is for, or a board's own name."""
        return self.hardware.board_name

    @property
    def chip_name(self) -> str:
        """Return the chip that a board has."""
        return self.hardware.chip_name


def parse_package(text: str, path: str) -> Package:
    """Parse the package.yaml of the component in folder ``path`` as aos-tools reads it.

    Raises WorkspaceError also where aos-tools would end. Secrets and repeated keys are not refused here: they only
    matter in a component that is built.
    """
    file = os.path.join(path, "package.yaml")
    yaml_text = parse_foreign_yaml(text, file)
    sections = read_sections(yaml_text)
    top = yaml_text.top()
    kind = _type(top, file)
    name = _name(top, file)
    _refuse_missing(top, kind, file)
    build = {entry.key: entry for entry in _inside(yaml_text, _mapping(top.get("build_config")))}
    return Package(
        name=name,
        version=_text(top.get("version")),
        type=kind,
        path=path,
        depends=read_depends(yaml_text, top.get("depends")),
        def_config=tuple(sections.settings),
        hardware=read_hardware(yaml_text, top),
        source_files=_source_files(top.get("source_file")),
        postimage_script=_text(build.get("postimage_script")),
        cflag=_text(build.get("cflag")),
        condition_names=condition_names(text),
        license=_text(top.get("license")),
        macros=tuple(_macros(yaml_text, top)),
        repeats=tuple(_repeats(yaml_text)),
        dropped=tuple(sections.dropped),
        unusable=sections.non_text_name,
    )


def _name(top: Mapping[str, Entry], file: str) -> str:
    entry = top.get("name")
    name = _text(entry)
    legal = _NAME.fullmatch(name) and len(name) <= 64 and not _CHINESE.search(name)
    if legal and entry and isinstance(entry.value, str):
        return name
    raise WorkspaceError(
        f"{name[:80]!r} is not a valid name of a component" if name else "the component has no name",
        place=entry.place if entry else Place(file, 1),
        remedy="give it a `name:` like a C identifier, of at most 64 characters",
    )


def _type(top: Mapping[str, Entry], file: str) -> str:
    entry = top.get("type")
    kind = _text(entry)
    if kind in TYPES:
        return kind
    if "name" not in top:
        _name(top, file)
    raise WorkspaceError(
        f"{kind[:80]!r} is no type of component" if kind else "the component has no type",
        place=entry.place if entry else Place(file, 1),
        remedy=f"set `type:` to one of {', '.join(sorted(TYPES))}",
    )


def _refuse_missing(top: Mapping[str, Entry], kind: str, file: str) -> None:
    """Raise WorkspaceError for a missing field without which aos-tools ends."""
    entry = top.get("description")
    if not (entry and entry.value and isinstance(entry.value, str)):
        raise WorkspaceError(
            "the component has no description, and aos-tools ends without one",
            place=entry.place if entry else Place(file, 1),
            remedy="give it a `description:`, in words",
        )
    if kind in SECTIONS and kind not in top and "hw_info" not in top:
        raise WorkspaceError(
            f"this {kind} has no section `hw_info`, and aos-tools ends without one",
            place=Place(file, 1),
            remedy="add `hw_info:`",
        )


def _mapping(entry: Optional[Entry]) -> Optional[Entry]:
    if entry is None or not entry.value or isinstance(entry.value, dict):
        return entry
    raise WorkspaceError(
        f"{entry.key} has to be a mapping of names to values",
        place=entry.place,
        remedy="write one `name: value` a line under it",
    )


def _text(entry: object) -> str:
    """Return an entry's value as aos would print it; "" for a missing or empty one and for collections."""
    value = entry.value if isinstance(entry, Entry) else entry
    return "" if value is None or isinstance(value, (dict, list, set, tuple)) else str(value)


def _inside(yaml_text: YamlText, entry: Optional[Entry]) -> List[Entry]:
    return yaml_text.entries(entry.node, entry.value) if entry else []


def _source_files(entry: object) -> Tuple[str, ...]:
    value = entry.value if isinstance(entry, Entry) else None
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _repeats(yaml_text: YamlText) -> List[Repeat]:
    """Return each repeated key once, with the first of its places and the last."""
    repeats: Dict[Tuple[int, str], Repeat] = {}
    for repeated in yaml_text.survey.repeated:
        key = str(repeated.key.value)
        name = (id(repeated.mapping), key)
        first = repeats[name].first_line if name in repeats else repeated.before.start_mark.line + 1
        repeats[name] = Repeat(key, first, yaml_text.place(repeated.key))
    return list(repeats.values())


def _macros(yaml_text: YamlText, top: Mapping[str, Entry]) -> List[RawSetting]:
    """Return the component's ``-D`` macros, which are on every compile line of it."""
    macros: List[RawSetting] = []

    def add(name: str, text: str, place: Place) -> None:
        macros.append(RawSetting(name, text, text, Origin(PACKAGE_YAML, place)))

    sections = [entry for entry in (top.get("define"),) if entry]
    for entry in _inside(yaml_text, top.get("build_config")):
        if entry.key == "define":
            sections.append(entry)
        elif entry.key in _FLAGS:
            for name, value in _DEFINE.findall(_text(entry)):
                add(name, value or "1", entry.place)
    for section in sections:
        nodes = [section.node] if isinstance(section.value, str) else section.node.value
        for node in nodes if isinstance(section.value, (str, list)) else ():
            for text, place in yaml_text.scalars(node):
                name, _, value = text.partition("=")
                add(name.split("?")[0], value or "-", place)
        for entry in _inside(yaml_text, section):
            add(entry.key, entry.text, entry.place)
    return macros
