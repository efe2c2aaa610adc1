"""A set of templates by name."""

from __future__ import annotations

from typing import Mapping, NamedTuple


class Template(NamedTuple):
    """The text of a template and its file."""

    text: str
    file: str


TemplateSet = Mapping[str, Template]
