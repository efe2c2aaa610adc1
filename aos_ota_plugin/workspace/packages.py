"""One component as its ``package.yaml`` describes it."""

from __future__ import annotations

import os
import re
from types import MappingProxyType
from typing import Dict, List, Mapping, NamedTuple, Tuple

from aos_ota_plugin.errors import Place, WorkspaceError
from aos_ota_plugin.settings.leaks import refuse_secret
from aos_ota_plugin.settings.raw import PACKAGE_YAML, Origin, RawSetting
from aos_ota_plugin.settings.sources import def_config_of
from aos_ota_plugin.settings.yamltext import Entry, YamlText, parse_yaml

TYPES = frozenset((
    "solution", "board", "chip", "arch", "drv_core", "drv_peripheral", "drv_external_device", "kernel",
    "common", "sdk", "document", "dynamic", "userspace_common",
))
_NAME = re.compile(r"[A-Za-z_]\w*")
_CONDITION = re.compile(r"<(.+?)>")
_HARDWARE_SECTIONS = ("board", "chip", "solution", "hw_info")
_FLAGS = ("cflag", "cxxflag", "asmflag", "shcflag", "icc_cflag", "icc_cxxflag", "armcc_cflag", "armcc_cxxflag")
_DEFINE = re.compile(r"-D\s*([A-Za-z_]\w*)(?:=(\S*))?")


class Depend(NamedTuple):
    """Another component that this one needs, with the names that must hold for it (all of them; ``!`` negates).

    ``optional`` without conditions is a condition that aos cannot read.
    """

    name: str
    version: str
    optional: bool
    conditions: Tuple[str, ...]
    place: Place


class Hardware(NamedTuple):
    """The last ``hw_info``, ``board``, ``chip`` or ``solution`` section; "" for what it leaves open."""

    board_name: str = ""
    chip_name: str = ""
    cpu_id: str = ""
    cpu_name: str = ""
    arch_name: str = ""
    vendor_name: str = ""
    ld_script: str = ""
    toolchain_prefix: str = ""
    toolchain_path: str = ""
    cpus: Mapping[str, Mapping[str, str]] = MappingProxyType({})  # chips with several: by cpu_id


class Package(NamedTuple):
    """A component: what it is, what it needs and what it defines. ``path`` is its folder."""

    name: str
    version: str
    type: str
    path: str
    depends: Tuple[Depend, ...]
    supported_boards: Tuple[Depend, ...]
    def_config: Tuple[RawSetting, ...]
    hardware: Hardware
    source_files: Tuple[str, ...]  # as written, conditions included
    postimage_script: str
    condition_names: Tuple[str, ...]  # every name between < and > anywhere in the file
    license: str = ""

    @property
    def file(self) -> str:
        """The package.yaml itself."""
        return os.path.join(self.path, "package.yaml")

    @property
    def board_name(self) -> str:
        """The board a solution is for, or a board's own name for itself."""
        return self.hardware.board_name

    @property
    def chip_name(self) -> str:
        """The chip a board has."""
        return self.hardware.chip_name


def parse_package(text: str, path: str) -> Package:
    """Parse the package.yaml of the component in folder ``path``.

    Raises WorkspaceError for what aos refuses too, SecretError when a secret stands in it.
    """
    file = os.path.join(path, "package.yaml")
    yaml_text = parse_yaml(text, file)
    def_config = tuple(def_config_of(yaml_text))
    top = yaml_text.top()
    _refuse_secret_defines(yaml_text, top)
    build = {entry.key: entry for entry in _inside(yaml_text, top.get("build_config"))}
    return Package(
        name=_name(top, file),
        version=_text(top.get("version")),
        type=_type(top, file),
        path=path,
        depends=_depends(yaml_text, top.get("depends")),
        supported_boards=_depends(yaml_text, top.get("supported_boards")),
        def_config=def_config,
        hardware=_hardware(yaml_text, top),
        source_files=_source_files(top.get("source_file")),
        postimage_script=_text(build.get("postimage_script")),
        condition_names=_condition_names(yaml_text),
        license=_text(top.get("license")),
    )


def read_conditions(text: str) -> Tuple[str, ...]:
    """Return the names of a ``… ? <A, !B>`` condition; empty when there is none, or none that aos can read."""
    parts = text.split("?")
    match = _CONDITION.search(parts[1]) if len(parts) > 1 else None
    return tuple(name.strip() for name in match[1].split(",") if name.strip()) if match else ()


def _name(top: Mapping[str, Entry], file: str) -> str:
    entry = top.get("name")
    name = _text(entry)
    if _NAME.fullmatch(name) and len(name) <= 64:
        return name
    raise WorkspaceError(
        f"{name!r} is no name for a component" if name else "the component has no name",
        place=entry.place if entry else Place(file, 1),
        remedy="give it a `name:` like a C identifier, of at most 64 characters",
    )


def _type(top: Mapping[str, Entry], file: str) -> str:
    entry = top.get("type")
    kind = _text(entry)
    if kind in TYPES:
        return kind
    raise WorkspaceError(
        f"{kind!r} is no type of component" if kind else "the component has no type",
        place=entry.place if entry else Place(file, 1),
        remedy=f"set `type:` to one of {', '.join(sorted(TYPES))}",
    )


def _text(entry: object) -> str:
    """Return an entry's value as aos would print it; "" for a missing or empty one and for collections."""
    value = entry.value if isinstance(entry, Entry) else entry
    return "" if value is None or isinstance(value, (dict, list, set, tuple)) else str(value)


def _inside(yaml_text: YamlText, entry: object) -> List[Entry]:
    return yaml_text.entries(entry.node, entry.value) if isinstance(entry, Entry) else []


def _source_files(entry: object) -> Tuple[str, ...]:
    value = entry.value if isinstance(entry, Entry) else None
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _depends(yaml_text: YamlText, entry: object) -> Tuple[Depend, ...]:
    """Read ``depends``: a list of names or of one-entry mappings, or one mapping, whose values aos drops."""
    if not isinstance(entry, Entry):
        return ()
    if isinstance(entry.value, dict):
        return tuple(_depend(item.key, "", item.place) for item in _inside(yaml_text, entry))
    if not isinstance(entry.value, list):
        return ()
    depends = []
    for node, value in zip(entry.node.value, entry.value):
        if isinstance(value, str):
            depends.append(_depend(value, "", yaml_text.place(node)))
        elif isinstance(value, dict):
            place = yaml_text.place(node)
            depends.extend(_depend(item.key, _text(item), place) for item in yaml_text.entries(node, value)[:1])
    return tuple(depends)


def _depend(name: str, text: str, place: Place) -> Depend:
    version = text.split("?", maxsplit=1)[0].strip()
    return Depend(name, version, "?" in text, read_conditions(text), place)


def _hardware(yaml_text: YamlText, top: Mapping[str, Entry]) -> Hardware:
    """Read the last hardware section with content: aos lets it replace the earlier ones whole."""
    named = [entry for key, entry in top.items() if key in _HARDWARE_SECTIONS]
    sections = [entry for entry in named if isinstance(entry.value, dict) and entry.value]
    if not sections:
        return Hardware()
    texts: Dict[str, str] = {}
    cpus: Dict[str, Mapping[str, str]] = {}
    for item in _inside(yaml_text, sections[-1]):
        if isinstance(item.value, dict):
            cpus[item.key] = {str(key): _text(value) for key, value in item.value.items()}
        else:
            texts[item.key] = _text(item)
    names = ("board_name", "chip_name", "cpu_id", "cpu_name", "arch_name", "vendor_name", "ld_script",
             "toolchain_prefix", "toolchain_path")
    return Hardware(**{name: texts.get(name, "") for name in names}, cpus=cpus)


def _condition_names(yaml_text: YamlText) -> Tuple[str, ...]:
    names: Dict[str, None] = {}
    for text, _ in yaml_text.scalars(yaml_text.root):
        for inside in _CONDITION.findall(text) if "<" in text else ():
            for name in inside.split(","):
                names[name.strip().lstrip("!")] = None
    return tuple(names)


def _refuse_secret_defines(yaml_text: YamlText, top: Mapping[str, Entry]) -> None:
    """Raise SecretError for a secret among the component's ``-D`` macros: it would be on every compile line."""
    sections = [entry for entry in (top.get("define"),) if entry]
    for entry in _inside(yaml_text, top.get("build_config")):
        if entry.key == "define":
            sections.append(entry)
        elif entry.key in _FLAGS:
            for name, value in _DEFINE.findall(_text(entry)):
                refuse_secret(name, value or "1", Origin(PACKAGE_YAML, entry.place))
    for section in sections:
        for node in section.node.value if isinstance(section.value, list) else ():
            for text, place in yaml_text.scalars(node):
                name, _, value = text.partition("=")
                refuse_secret(name.split("?")[0], value or "-", Origin(PACKAGE_YAML, place))
        for entry in _inside(yaml_text, section):
            refuse_secret(entry.key, entry.text, Origin(PACKAGE_YAML, entry.place))
