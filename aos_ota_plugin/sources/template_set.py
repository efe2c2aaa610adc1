"""Templates by name, as whoever reads them hands them to whoever renders them."""

from __future__ import annotations

from typing import Mapping, NamedTuple


class Template(NamedTuple):
    """The text of a template and the file it came from."""

    text: str
    file: str


TemplateSet = Mapping[str, Template]
