r"""Descriptions of chips: the changes that a chip's image step may make to the linked firmware.

One YAML file a chip, ``chips/NAME.yaml`` beside this module, NAME being the chip component's::

    schema: aos-ota-chip/1
    payload:
      may_change: 0x1000    # bytes at the beginning that the image step may change; 0 without this line

A chip without a file changes nothing: its payload holds the firmware as it was linked.

>>> parse_chip("schema: aos-ota-chip/1\npayload:\n  may_change: 0x1000\n", "chips/haas1000.yaml")
Chip(name='haas1000', may_change=4096, file='chips/haas1000.yaml')
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Optional, Tuple

from aos_ota_plugin.errors import Place, WorkspaceError
from aos_ota_plugin.files.yaml_text import Entry, YamlText, parse_yaml

SCHEMA = "aos-ota-chip/1"
MAY_CHANGE_MAX = 1 << 20
"""Bytes; a larger part of the payload could not be proven."""
_FOLDER = Path(__file__).with_name("chips")


class Chip(NamedTuple):
    """The description of a chip.

    Its image step may change the first ``may_change`` bytes of the payload.
    """

    name: str = ""
    may_change: int = 0
    file: str = ""


def find_description(name: Optional[str]) -> Optional[Path]:
    """Return the file that describes a chip; None where there is none."""
    if not name or not name.isidentifier():
        return None
    path = _FOLDER / f"{name}.yaml"
    return path if path.is_file() else None


def load_chip(name: Optional[str]) -> Chip:
    """Read a chip's description; a chip without one changes nothing.

    Raises:
        WorkspaceError: the description is not as this module says.
    """
    path = find_description(name)
    return parse_chip(path.read_text(encoding="utf-8"), str(path)) if path else Chip(name or "")


def load_named_chip(name: str) -> Chip:
    """Read the description of a chip that the user names.

    Raises:
        WorkspaceError: there is none, or it is not as this module says.
    """
    if find_description(name) is None:
        names = ", ".join(sorted(path.stem for path in _FOLDER.glob("*.yaml")))
        raise WorkspaceError(
            f"no chip {name!r} is described here",
            remedy=f"those described are: {names}; leave it out for a chip whose image step changes nothing",
        )
    return load_chip(name)


def parse_chip(text: str, file: str) -> Chip:
    """Parse the text of a chip's description.

    Raises:
        WorkspaceError: it is no YAML, has another schema, an unknown field, or a value of the wrong kind.
    """
    yaml_text = parse_yaml(text, file)
    if not isinstance(yaml_text.value, dict):
        raise WorkspaceError(
            "a chip's description has to be a mapping", place=Place(file, 1), remedy=f"begin with `schema: {SCHEMA}`"
        )
    top = yaml_text.top()
    schema = top.get("schema")
    if schema is None or schema.value != SCHEMA:
        raise WorkspaceError(
            f"this is no description of a chip: its schema is not {SCHEMA}",
            place=schema.place if schema else Place(file, 1),
            remedy=f"write `schema: {SCHEMA}`",
        )
    _refuse_unknown(yaml_text, ("schema", "payload"))
    payload = top.get("payload")
    if payload is None:
        return Chip(Path(file).stem, 0, file)
    fields = {entry.key: entry for entry in yaml_text.entries(payload.node, payload.value)}
    for entry in fields.values():
        _refuse_field(entry, ("may_change",))
    if not isinstance(payload.value, dict):
        raise WorkspaceError(
            "payload: a mapping belongs here", place=payload.place, remedy="write `may_change:` below it"
        )
    return Chip(Path(file).stem, _may_change(fields.get("may_change")), file)


def _may_change(entry: Optional[Entry]) -> int:
    if entry is None:
        return 0
    value = entry.value
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAY_CHANGE_MAX:
        raise WorkspaceError(
            f"may_change: {entry.text!r} is not a number of bytes from 0 to {MAY_CHANGE_MAX}",
            place=entry.place,
            remedy="write e.g. 0x1000",
        )
    return value


def _refuse_unknown(yaml_text: YamlText, names: Tuple[str, ...]) -> None:
    for entry in yaml_text.top().values():
        _refuse_field(entry, names)


def _refuse_field(entry: Entry, names: Tuple[str, ...]) -> None:
    if entry.key not in names:
        raise WorkspaceError(
            f"{entry.key}: a chip's description has no such field",
            place=entry.place,
            remedy=f"the fields here are {', '.join(names)}",
        )
