"""The fields of a chip's description, each checked with its place in the file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Dict, List, NamedTuple, Optional, Sequence, Tuple

from aos_ota_plugin.device.payload_layout import (
    ADDRESS,
    SIZE,
    Anything,
    Group,
    Header,
    HeaderField,
    Part,
    Prebuilt,
    Replacement,
    Sections,
)
from aos_ota_plugin.errors import WorkspaceError
from aos_ota_plugin.files.read import PAYLOAD_MAX
from aos_ota_plugin.files.yaml_text import Entry, YamlText

if TYPE_CHECKING:
    from yaml.nodes import Node

MAY_CHANGE_MAX = 1 << 20
"""The largest number of bytes that may hold anything: with more, too little of the payload would be proven."""
HEADER_MAX = 1 << 16
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_PATH = re.compile(r"\$(CHIP|BOARD|SOLUTION)(/[^/\\:*?\"<>|\0]+)*")
_PATTERN = re.compile(r"[^\[\]\\!\s]+")
_TOKEN = re.compile(r"(?:(?P<hex>(?:[0-9a-fA-F]{2})+)|(?P<word>any|size|address))(?:\*(?P<times>[1-9][0-9]{0,5}))?")
_KINDS = ("sections", "header", "file", "parts")


class Field(NamedTuple):
    """A field of a description: the text that it stands in, and its entry there."""

    text: YamlText
    entry: Entry

    @property
    def value(self) -> object:
        """Return the value that YAML reads."""
        return self.entry.value

    def wrong(self, problem: str, remedy: str) -> WorkspaceError:
        """Return the error for a wrong value."""
        return WorkspaceError(f"{self.entry.key}: {problem}", place=self.entry.place, remedy=remedy)

    def mapping(self, names: Sequence[str]) -> Dict[str, Field]:
        """Return the fields of a mapping, which may have these names. Raises WorkspaceError."""
        if not isinstance(self.value, dict):
            raise self.wrong("a mapping belongs here", f"write {' and '.join(f'`{name}:`' for name in names)} below it")
        refuse_unknown(self.text, self.entry.node, self.value, names)
        return {entry.key: Field(self.text, entry) for entry in self.text.entries(self.entry.node, self.value)}

    def items(self) -> List[Field]:
        """Return the items of a list that is not empty. Raises WorkspaceError."""
        if not isinstance(self.value, list) or not self.value:
            raise self.wrong("a list belongs here", "write one item a line, each behind `- `")
        nodes: Sequence[Node] = self.entry.node.value
        return [
            Field(self.text, Entry(self.entry.key, value, self.text.written(node), self.text.place(node), node))
            for value, node in zip(self.value, nodes)
        ]

    def number(self, least: int, most: int, example: str) -> int:
        """Return a number of bytes. Raises WorkspaceError."""
        value = self.value
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self.wrong(
                f"{self.entry.text[:80]!r} is not a number of bytes from {least} to {most}", f"write e.g. {example}"
            )
        return value


def refuse_unknown(text: YamlText, node: Optional[Node], value: object, names: Sequence[str]) -> None:
    """Raise WorkspaceError for a field with an unknown name, or with a name that is no text."""
    for entry in text.entries(node, value):
        if entry.key not in names:
            raise WorkspaceError(
                f"{entry.key[:80]}: a chip's description has no such field",
                place=entry.place,
                remedy=f"the fields here are {', '.join(names)}",
            )
    if isinstance(value, dict) and node is not None and len(value) != len(text.entries(node, value)):
        raise WorkspaceError(
            "a chip's description has fields with names only",
            place=text.place(node),
            remedy=f"the fields here are {', '.join(names)}",
        )


def folder(field: Optional[Field]) -> str:
    """Return the folder of the image step's files, "" without one. Raises WorkspaceError."""
    return _path(field) if field else ""


def image_name(field: Field) -> str:
    """Return the name of a file. Raises WorkspaceError."""
    value = field.value
    if not isinstance(value, str) or not _NAME.fullmatch(value) or value.lower().endswith((".json", ".jsonl")):
        raise field.wrong(
            f"{field.entry.text[:80]!r} is not the name of an image",
            "write a plain file name of letters, digits, `.`, `-` and `_`, e.g. ota_rtos_ota.bin",
        )
    return value


def image_names(field: Optional[Field]) -> Tuple[str, ...]:
    """Return a list of names. Raises WorkspaceError."""
    return tuple(image_name(item) for item in field.items()) if field else ()


def payload(field: Field, with_folder: bool) -> str:
    """Return the file of a payload: a name in the folder, or a path. Raises WorkspaceError."""
    value = field.value
    if isinstance(value, str) and value.startswith("$"):
        return _path(field)
    name = image_name(field)
    if not with_folder:
        raise field.wrong(f"{name} is in no folder", "write `folder:`, or a path that begins with $CHIP or $SOLUTION")
    return name


def may_append(field: Optional[Field]) -> Optional[int]:
    """Return how many bytes may be appended: 0 without the field, None for any number.

    Raises WorkspaceError.
    """
    if field is None:
        return 0
    return None if field.value == "any" else field.number(0, PAYLOAD_MAX, "256, or `any`")


def replacements(field: Field) -> Tuple[Replacement, ...]:
    """Return the replaced ranges of bytes. Raises WorkspaceError."""
    return tuple(_replacement(item) for item in field.items())


def parts(field: Field) -> Tuple[Part, ...]:
    """Return the parts of a layout. Raises WorkspaceError."""
    return tuple(_part(item, depth=0) for item in field.items())


def _replacement(item: Field) -> Replacement:
    fields = item.mapping(("at", "size", "file", "bytes"))
    if "at" not in fields or ("size" in fields) == ("bytes" in fields):
        raise item.wrong("it is not clear which bytes", "write `at:`, and either `bytes:` or `size:`")
    at = fields["at"].number(0, PAYLOAD_MAX, "0")
    if "bytes" in fields:
        if "file" in fields:
            raise fields["file"].wrong("the bytes stand beside it", "write either `bytes:` or `file:`")
        data = _hex(fields["bytes"])
        return Replacement(at, len(data), data=data)
    if "file" in fields:
        return Replacement(at, fields["size"].number(1, PAYLOAD_MAX, "8"), _path(fields["file"]))
    return Replacement(at, fields["size"].number(1, MAY_CHANGE_MAX, "0x1000"))


def _part(item: Field, depth: int) -> Part:
    fields = item.mapping((*_KINDS, "optional", "pad_to", "fill"))
    kinds = [name for name in _KINDS if name in fields]
    if len(kinds) != 1 or depth > 8:
        raise item.wrong(
            f"a part is one of {', '.join(_KINDS)}" + (f", and here stand {' and '.join(kinds)}" if kinds else ""),
            "write e.g. `- sections: [.text, .data]`, `- header: any*32`, or `- file: $CHIP/bin/first.bin`",
        )
    kind = fields[kinds[0]]
    optional = fields.get("optional")
    if optional is not None and (kinds != ["sections"] or not isinstance(optional.value, bool)):
        raise optional.wrong("it is for sections that may be missing", "write `optional: true` beside `sections:`")
    part: Part
    if kinds == ["sections"]:
        part = Sections(_patterns(kind), bool(optional and optional.value))
    elif kinds == ["header"]:
        part = _header(kind)
    elif kinds == ["file"]:
        part = Prebuilt(_path(kind))
    else:
        part = Group(tuple(_part(inner, depth + 1) for inner in kind.items()))
    pad_to, fill = fields.get("pad_to"), fields.get("fill")
    if pad_to is None:
        if fill is not None:
            raise fill.wrong("nothing is filled up here", "write `pad_to:` beside it")
        return part
    inside = part.parts if isinstance(part, Group) else (part,)
    return Group(
        inside, pad_to.number(1, MAY_CHANGE_MAX, "0x1000"), fill.number(0, 255, "0xff") if fill is not None else 0xFF
    )


def _patterns(field: Field) -> Tuple[str, ...]:
    items = field.items()
    for item in items:
        if not isinstance(item.value, str) or not _PATTERN.fullmatch(item.value):
            raise item.wrong(
                f"{item.entry.text[:80]!r} is not the name of a section",
                "write names as for `objcopy -j`, e.g. .text; `*` and `?` stand for any characters and for one",
            )
    return tuple(str(item.value) for item in items)


def _header(field: Field) -> Header:
    fields: List[HeaderField] = []
    if not isinstance(field.value, str):
        raise _wrong_header(field, field.entry.text)
    for word in field.value.split():
        token = _TOKEN.fullmatch(word)
        if token is None or (token["word"] in (SIZE, ADDRESS) and token["times"]):
            raise _wrong_header(field, word)
        times = int(token["times"] or 1)
        if times > HEADER_MAX:
            raise _wrong_header(field, word)
        fields.append(
            bytes.fromhex(token["hex"]) * times if token["hex"] else Anything(times) if token["word"] == "any" else word
        )
    header = Header(tuple(fields))
    if not 0 < header.size <= HEADER_MAX:
        raise _wrong_header(field, field.entry.text)
    return header


def _wrong_header(field: Field, text: str) -> WorkspaceError:
    return field.wrong(
        f"{text[:80]!r} is not what a header holds",
        "write a text of hexadecimal bytes, `size` and `address` of the next part, and `any` for bytes that are not "
        f'compared, e.g. "38373131 size address ff*16 any*4"; at most {HEADER_MAX} bytes',
    )


def _hex(field: Field) -> bytes:
    value = field.value
    if not isinstance(value, str) or not re.fullmatch(r"([0-9a-fA-F]{2}\s*)+", value):
        problem = f"{field.entry.text[:80]!r} are no bytes"
        raise field.wrong(problem, 'write them in hexadecimal and quotes, e.g. "00ff"')
    return bytes.fromhex(value)


def _path(field: Field) -> str:
    value = field.value
    if not isinstance(value, str) or not _PATH.fullmatch(value) or {"..", "."} & set(value.split("/")):
        raise field.wrong(
            f"{field.entry.text[:80]!r} is not a path that a description may name",
            "begin it with $CHIP, $BOARD or $SOLUTION, the component's folder, e.g. $CHIP/bin/first.bin",
        )
    return value
