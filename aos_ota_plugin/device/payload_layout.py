"""The expected bytes of a payload, as a chip's description says.

Their source is the linked firmware, with prebuilt parts.

A payload is the flat binary, or parts in order: groups of ELF sections, each as ``objcopy -j PATTERN … -O binary``
writes it; headers; prebuilt files; groups of parts that are filled up. The image step may replace byte ranges, and
append bytes. All sizes and offsets are in bytes.

>>> spans = replace_ranges([Span("section .text", b"firmware")], (Replacement(0, 2, data=b"FI"),), {})
>>> [(span.name, span.data) for span in spans]
[('bytes replaced at 0x0', b'FI'), ('section .text', b'rmware')]
"""

from __future__ import annotations

import enum
import struct
from typing import TYPE_CHECKING, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.files.read import PAYLOAD_MAX

# Descriptions are read by every build, and ELFs by those that make a release.
if TYPE_CHECKING:
    from aos_ota_plugin.device.elf import Elf
    from aos_ota_plugin.device.flat_binary import FlatSection, ObjcopyOptions

SIZE, ADDRESS = "size", "address"
"""Fields of a header, 4 bytes each, little-endian: the size of the part behind it, and where its first section runs."""
_WORD = 4


class Anything(NamedTuple):
    """Bytes of a header that are not compared."""

    size: int


HeaderField = Union[bytes, str, Anything]
"""A header's bytes, ``SIZE``, ``ADDRESS``, or bytes that are not compared."""


class Header(NamedTuple):
    """A header, which describes the part behind it."""

    fields: Tuple[HeaderField, ...]

    @property
    def size(self) -> int:
        """Return its size in bytes."""
        return sum(
            field.size if isinstance(field, Anything) else len(field) if isinstance(field, bytes) else _WORD
            for field in self.fields
        )


class Sections(NamedTuple):
    """The sections with names of these patterns (``*``, ``?``), as ``objcopy -j`` copies them.

    Only an ``optional`` group may be empty.
    """

    patterns: Tuple[str, ...]
    optional: bool = False


class Prebuilt(NamedTuple):
    """A file that is in the workspace, whole."""

    file: str


class Group(NamedTuple):
    """Parts together, filled up with the byte ``fill`` to a multiple of ``pad_to``."""

    parts: Tuple[Part, ...]
    pad_to: int = 1
    fill: int = 0xFF


Part = Union[Sections, Header, Prebuilt, Group]


class Replacement(NamedTuple):
    """A range of bytes that the image step replaces: with the beginning of ``file``, or with ``data``.

    With neither it may hold anything, and what differs there is counted.
    """

    at: int
    size: int
    file: Optional[str] = None
    data: Optional[bytes] = None


class PayloadLayout(NamedTuple):
    """The layout of a payload; without ``parts`` it begins as the flat binary.

    At most ``may_append`` bytes may follow, None for any number.
    """

    parts: Tuple[Part, ...] = ()
    replaced: Tuple[Replacement, ...] = ()
    may_append: Optional[int] = None


FLAT = PayloadLayout()
"""The flat binary, then anything."""


class Rule(enum.Enum):
    """How a span is compared: it has to be the same, may be changed (and is counted), or may be anything."""

    SAME = enum.auto()
    CHANGEABLE = enum.auto()
    ANYTHING = enum.auto()


class Span(NamedTuple):
    """A run of expected bytes, and where they come from, for messages."""

    name: str
    data: bytes
    rule: Rule = Rule.SAME

    def __repr__(self) -> str:  # the bytes are megabytes, and may hold secrets
        return f"Span({self.name!r}, {len(self.data)} bytes, {self.rule.name})"


class Expected(NamedTuple):
    """The expected bytes of a payload, and the names of loaded sections that are not in it."""

    spans: Tuple[Span, ...]
    left_out: Tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Return the number of bytes."""
        return sum(len(span.data) for span in self.spans)


def prebuilt_files(layout: PayloadLayout) -> Tuple[str, ...]:
    """Return the files that a layout names, each once."""
    waiting: List[Part] = list(layout.parts)
    names = []
    for part in waiting:
        if isinstance(part, Group):
            waiting.extend(part.parts)
        elif isinstance(part, Prebuilt):
            names.append(part.file)
    return tuple(dict.fromkeys([*names, *(entry.file for entry in layout.replaced if entry.file)]))


def expected_payload(
    layout: PayloadLayout, elf: bytes, prebuilt: Mapping[str, bytes], options: Optional[ObjcopyOptions] = None
) -> Expected:
    """Return what a payload of this layout holds, made of a linked ELF.

    ``prebuilt`` are the prebuilt files by their names.

    ``options`` are objcopy's, with which the flat binary is made; parts have their own.

    Raises:
        FormatError: the ELF is not sound, or does not have what the layout names.
    """
    from aos_ota_plugin.device.elf import parse_elf
    from aos_ota_plugin.device.flat_binary import PLAIN, loaded_sections, no_section

    image = parse_elf(elf)
    maker = _Maker(image, prebuilt)
    if layout.parts:
        spans = maker.group(Group(layout.parts))
    else:
        spans = maker.flat(options or PLAIN)
        if not spans:
            raise no_section()
    expected = replace_ranges(spans, layout.replaced, prebuilt)
    result = Expected(
        tuple(expected),
        tuple(section.name for section in loaded_sections(image) if section.size and section.name not in maker.taken)
        if layout.parts
        else (),
    )
    if result.size > PAYLOAD_MAX:
        raise FormatError(
            f"the payload would have {result.size} bytes, and the most is {PAYLOAD_MAX}",
            remedy="check the layout in the description of the chip",
        )
    return result


class _Maker:
    """The making of spans from an ELF and prebuilt files."""

    def __init__(self, image: Elf, prebuilt: Mapping[str, bytes]) -> None:
        self._image = image
        self._prebuilt = prebuilt
        self.taken: set[str] = set()

    def flat(self, options: ObjcopyOptions) -> List[Span]:
        """Return the spans of a flat binary."""
        from aos_ota_plugin.device.flat_binary import flat_sections

        return self._spans(flat_sections(self._image, options))

    def group(self, group: Group) -> List[Span]:
        """Return the spans of parts in order, and what they are filled up with."""
        made: List[Tuple[Part, List[Span], Optional[int]]] = []
        for part in group.parts:
            if isinstance(part, Group):
                made.append((part, self.group(part), None))
            elif isinstance(part, Prebuilt):
                made.append((part, [Span(f"the file {part.file}", self._prebuilt[part.file])], None))
            elif isinstance(part, Sections):
                sections = self._sections(part)
                made.append((part, self._spans(sections), sections[0].address if sections else None))
            else:
                made.append((part, [], None))
        spans: List[Span] = []
        for (part, own, _), follower in zip(made, [*made[1:], None]):
            spans += _header_spans(part, follower) if isinstance(part, Header) else own
        size = sum(len(span.data) for span in spans)
        padding = -size % group.pad_to
        return [*spans, Span("the padding", bytes([group.fill]) * padding)] if padding else spans

    def _sections(self, part: Sections) -> List[FlatSection]:
        from aos_ota_plugin.device.flat_binary import ObjcopyOptions, flat_sections

        sections = flat_sections(self._image, ObjcopyOptions(only=part.patterns))
        if not sections and not part.optional:
            raise FormatError(
                f"no section of the ELF file is called {' or '.join(part.patterns)}, and the description of the chip "
                "says that the payload holds it",
                remedy="correct the names in the description of the chip (`arm-none-eabi-objdump -h` lists them), or "
                "write `optional: true` beside them",
            )
        self.taken |= {section.name for section in sections}
        return sections

    def _spans(self, sections: Sequence[FlatSection]) -> List[Span]:
        spans = []
        for section in sections:
            spans.append(Span(f"section {section.name}", section.data))
            spans.append(Span(f"the gap behind section {section.name}", section.gap))
        return [span for span in spans if span.data]


def _header_spans(header: Header, follower: Optional[Tuple[Part, List[Span], Optional[int]]]) -> List[Span]:
    """Return a header's spans; a size or address that the part behind it does not have is not compared."""
    size = None
    if follower:
        size = follower[0].size if isinstance(follower[0], Header) else sum(len(span.data) for span in follower[1])
    address = follower[2] if follower else None
    name = f"the header before {follower[1][0].name}" if follower and follower[1] else "a header"
    spans = []
    for field in header.fields:
        if isinstance(field, bytes):
            spans.append(Span(name, field))
            continue
        value = None if isinstance(field, Anything) else size if field == SIZE else address
        if value is None:
            spans.append(Span(name, bytes(field.size if isinstance(field, Anything) else _WORD), Rule.ANYTHING))
        else:
            spans.append(Span(name, struct.pack("<I", value & 0xFFFFFFFF)))
    return spans


def replace_ranges(spans: Sequence[Span], replaced: Sequence[Replacement], prebuilt: Mapping[str, bytes]) -> List[Span]:
    """Return the spans with ranges of their bytes replaced, in order.

    Raises:
        FormatError: a range with given bytes ends behind the last span, or its file is shorter.
    """
    result = list(spans)
    for entry in replaced:
        whole = sum(len(span.data) for span in result)
        end = entry.at + entry.size
        if entry.file is None and entry.data is None:
            result = [*_cut(result, 0, entry.at), *_changeable(result, entry.at, end), *_cut(result, end, whole)]
            continue
        data = entry.data if entry.data is not None else prebuilt[str(entry.file)][: entry.size]
        if end > whole or len(data) != entry.size:
            raise FormatError(
                f"{entry.size} bytes at 0x{entry.at:x} of the payload are replaced, by the chip's description, and "
                + (f"the payload has {whole}" if end > whole else f"{entry.file} has {len(data)}"),
                remedy="correct `replaced:` in the description of the chip",
            )
        name = f"bytes replaced at 0x{entry.at:x}" + (f" by those of {entry.file}" if entry.file else "")
        result = [*_cut(result, 0, entry.at), Span(name, data), *_cut(result, end, whole)]
    return result


def _changeable(spans: Sequence[Span], start: int, end: int) -> List[Span]:
    return [
        Span(span.name, span.data, Rule.ANYTHING if span.rule is Rule.ANYTHING else Rule.CHANGEABLE)
        for span in _cut(spans, start, end)
    ]


def _cut(spans: Sequence[Span], start: int, end: int) -> List[Span]:
    """Return the spans, or parts of them, between two offsets."""
    cut, at = [], 0
    for span in spans:
        part = span.data[max(start - at, 0) : max(end - at, 0)]
        at += len(span.data)
        if part:
            cut.append(Span(span.name, part, span.rule))
    return cut
