"""The list ``depends`` of a package.yaml, read as aos-tools reads it."""

from __future__ import annotations

import re
from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple

from aos_ota_plugin.errors import Place, WorkspaceError
from aos_ota_plugin.files.yaml_text import Entry, YamlText

_NAMED = re.compile(r"<(.[^>\n]*)(>|$)", re.MULTILINE)
"""``<(.+?)>`` of aos-tools, or what is left of a line without a >: so no place is looked at twice."""


class Depend(NamedTuple):
    """A dependency on a component, and the names that all must hold for it (``!`` negates).

    ``conditions`` is None without a condition, and for a condition that aos cannot read (then ``optional`` is True).
    """

    name: str
    version: str
    optional: bool
    conditions: Optional[Tuple[str, ...]]
    place: Place
    text: Optional[str] = ""
    """The text behind the name; None for a value that is no text, on which aos-tools fails."""


def read_conditions(text: str) -> Optional[Tuple[str, ...]]:
    """Return the names of a ``… ? <A, !B>`` condition.

    None when there is no condition, or aos cannot read it.
    """
    parts = text.split("?")
    inside = next(_in_brackets(parts[1]), None) if len(parts) > 1 else None
    return None if inside is None else tuple(name.strip() for name in inside.split(",") if name.strip())


def with_variables(text: str, variables: Mapping[str, object]) -> str:
    """Return a text with each ``<NAME>`` of a variable replaced by its value."""

    def value(match: re.Match[str]) -> str:
        return str(variables.get(match[1], match[0])) if match[2] else match[0]

    return _NAMED.sub(value, text)


def _in_brackets(text: str) -> Iterator[str]:
    """Yield what stands between < and >."""
    return (match[1] for match in _NAMED.finditer(text) if match[2])


def condition_names(text: str) -> Tuple[str, ...]:
    """Return every name between < and > in the text of a package.yaml, outside of comments."""
    names: Dict[str, None] = {}
    for line in text.splitlines() if "<" in text else ():
        if "<" in line and not line.lstrip().startswith("#"):
            for inside in _in_brackets(line):
                for name in inside.split(","):
                    names[name.strip().lstrip("!")] = None
    return tuple(names)


def read_depends(yaml_text: YamlText, entry: Optional[Entry]) -> Tuple[Depend, ...]:
    """Read a list of names or of one-entry mappings.

    If the value is a mapping, aos takes its keys for names; of a text, each letter. Raises WorkspaceError for a value
    that aos-tools fails on.
    """
    if entry is None or not entry.value:
        return ()
    if isinstance(entry.value, (dict, str)):
        return tuple(_depend(name, "", entry.place) for name in entry.value if isinstance(name, str))
    if not isinstance(entry.value, list):
        raise WorkspaceError(
            f"{entry.key} has to be a list of components",
            place=entry.place,
            remedy="write one `- name: version` a line under it",
        )
    depends: List[Depend] = []
    for node, value in zip(entry.node.value, entry.value):
        place = yaml_text.place(node)
        if isinstance(value, str):
            depends.append(_depend(value, "", place))
        elif isinstance(value, dict):
            name, text = next(iter(value.items()), ("", None))
            depends.append(_depend(str(name) if isinstance(name, str) else "", text, place))
    return tuple(depends)


def refuse_unusable(depend: Depend) -> None:
    """Raise WorkspaceError for a dependency whose version is no text.

    aos-tools ends with a traceback there.
    """
    if depend.text is None:
        raise WorkspaceError(
            f"the version of {depend.name or 'this component'} is no text to YAML, and aos-tools fails on it",
            place=depend.place,
            remedy="write `- name: 'version'`, with the quotes",
        )


def _depend(name: str, text: object, place: Place) -> Depend:
    written = text if isinstance(text, str) else None
    version = "" if text is None or isinstance(text, (dict, list)) else str(text)
    return Depend(
        name,
        version.split("?", maxsplit=1)[0].strip(),
        "?" in (written or ""),
        read_conditions(written or ""),
        place,
        written,
    )
