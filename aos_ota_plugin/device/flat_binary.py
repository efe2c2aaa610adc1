"""The flat binary of a linked firmware: the output of ``objcopy -O binary``, computed from the ELF.

It holds the sections that are allocated, have contents in the file (not NOBITS) and are not empty, each at its load
address, counted from the lowest one; the gaps between them are zero or the byte of ``--gap-fill``. Sections are
copied, not load segments: a segment may begin with the ELF's own headers. A section's load address comes from the
segment that holds it. Source: the System V ABI, and GNU objcopy 2.40, against which the tests compare.

>>> parse_objcopy(["-R", ".noinit", "--gap-fill", "0xff", "-O", "binary"])
ObjcopyOptions(only=(), removed=('.noinit',), gap_fill=255)
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from aos_ota_plugin.device.elf import SHF_ALLOC, SHF_TLS, SHT_NOBITS, Elf, Section, Segment, parse_elf
from aos_ota_plugin.errors import BuildError, FormatError
from aos_ota_plugin.files.read import PAYLOAD_MAX

_ONLY, _REMOVED, _GAP_FILL, _FORMAT = "-j", "-R", "--gap-fill", "-O"
_WITH_VALUE = {
    "-j": _ONLY,
    "--only-section": _ONLY,
    "-R": _REMOVED,
    "--remove-section": _REMOVED,
    "--gap-fill": _GAP_FILL,
    "-O": _FORMAT,
    "--output-target": _FORMAT,
}
_WITHOUT_EFFECT = {"-S", "--strip-all", "-g", "--strip-debug", "-p", "--preserve-dates", "-v", "--verbose"}
"""Options that change symbols, debug information or messages, which are not in a flat binary."""
_PATTERN = re.compile(r"[^\[\]\\!]+")
_BYTE = re.compile(r"0[xX]([0-9a-fA-F]+)|(0[0-7]*)|([1-9][0-9]*)")


class ObjcopyOptions(NamedTuple):
    """The options of objcopy that affect a flat binary.

    Sections are named by patterns with ``*`` and ``?``.
    """

    only: Tuple[str, ...] = ()
    removed: Tuple[str, ...] = ()
    gap_fill: Optional[int] = None  # a byte, 0 to 255

    def takes(self, name: str) -> bool:
        """Return whether a section of this name is copied."""
        if any(fnmatchcase(name, pattern) for pattern in self.removed):
            return False
        return not self.only or any(fnmatchcase(name, pattern) for pattern in self.only)


PLAIN = ObjcopyOptions()
"""No option: every section that is loaded, gaps zero."""


class _Part(NamedTuple):
    """A section's place in the flat binary.

    ``size`` in bytes, with the gap behind it where gaps are filled.
    """

    load_address: int
    size: int
    section: Section

    @property
    def end(self) -> int:
        """Return the load address behind it."""
        return self.load_address + self.size


class FlatSection(NamedTuple):
    """A section in a flat binary: where it runs, its bytes, and those of the gap behind it."""

    name: str
    address: int
    data: bytes
    gap: bytes


def parse_objcopy(arguments: Sequence[str]) -> ObjcopyOptions:
    """Read objcopy's options, without its name and the two files.

    Raises:
        BuildError: an option with an unknown effect, or another format than ``binary``.
    """
    values: Dict[str, List[str]] = {_ONLY: [], _REMOVED: [], _GAP_FILL: [], _FORMAT: []}
    waiting = list(reversed(arguments))
    while waiting:
        word = waiting.pop()
        name, separator, value = _split(word)
        if word in _WITHOUT_EFFECT:
            continue
        kind = _WITH_VALUE.get(name)
        if kind is None:
            raise _not_understood(word)
        if not separator:
            if not waiting:
                raise _not_understood(word)
            value = waiting.pop()
        values[kind].append(value)
    for pattern in (*values[_ONLY], *values[_REMOVED]):
        if not _PATTERN.fullmatch(pattern):
            raise _not_understood(f"-R or -j {pattern}")
    other = [value for value in values[_FORMAT] if value != "binary"]
    if other:
        raise _not_understood(f"-O {other[0]}")
    fill = [_byte(value) for value in values[_GAP_FILL]]
    return ObjcopyOptions(tuple(values[_ONLY]), tuple(values[_REMOVED]), fill[-1] if fill else None)


def flat_binary(elf: bytes, options: ObjcopyOptions = PLAIN) -> bytes:
    """Return the bytes that ``objcopy -O binary`` makes of a linked ELF file.

    Raises:
        FormatError: it is no sound ELF, has nothing to load, or would make more than 64 MiB.
    """
    image = parse_elf(elf)
    sections = flat_sections(image, options)
    if not sections:
        raise no_section()
    return b"".join(part for section in sections for part in (section.data, section.gap))


def flat_sections(image: Elf, options: ObjcopyOptions) -> List[FlatSection]:
    """Return the sections that ``objcopy -O binary`` copies, in their order.

    Raises:
        FormatError: the ELF is not sound, sections overlap, or all of it would have more than 64 MiB.
    """
    parts = [
        _Part(_load_address(image, section), section.size, section)
        for section in loaded_sections(image)
        if options.takes(section.name)
    ]
    parts.sort(key=lambda part: (part.load_address, part.size))
    _refuse_overlap([part for part in parts if part.size])
    if options.gap_fill is not None:
        parts = _with_gaps(parts)
    parts = [part for part in parts if part.size]
    if not parts:
        return []
    size = parts[-1].end - parts[0].load_address
    if size > PAYLOAD_MAX:
        raise FormatError(
            f"a flat binary of this ELF file would have {size} bytes, from its lowest section to its highest, and the "
            f"most is {PAYLOAD_MAX}",
            remedy="give the sections in RAM a load address in flash in the linker script (AT>), or leave them out "
            "with -R in the chip's BINFLAGS",
        )
    fill = bytes([options.gap_fill or 0])
    ends = [*(part.load_address for part in parts[1:]), parts[-1].end]
    return [
        FlatSection(
            part.section.name,
            part.section.address,
            bytes(image.content(part.section)),
            fill * (end - part.load_address - part.section.size),
        )
        for part, end in zip(parts, ends)
    ]


def loaded_sections(image: Elf) -> List[Section]:
    """Return the sections that are loaded and have contents in the file, empty ones, too."""
    return [section for section in image.sections if section.flags & SHF_ALLOC and section.type != SHT_NOBITS]


def no_section() -> FormatError:
    """Return the error for an ELF of which nothing is copied."""
    return FormatError(
        "the ELF file has no section to load", remedy="give the firmware's linked .elf; check the chip's BINFLAGS"
    )


def _split(word: str) -> Tuple[str, bool, str]:
    """Split ``--name=value`` and ``-nVALUE``; a word with its value in the next word has no separator."""
    if word.startswith("--"):
        name, separator, value = word.partition("=")
        return name, bool(separator), value
    return word[:2], len(word) > 2, word[2:]


def _byte(text: str) -> int:
    match = _BYTE.fullmatch(text)
    if match is None:
        raise _not_understood(f"--gap-fill {text}")
    number = int(match[1], 16) if match[1] else int(match[2], 8) if match[2] else int(match[3])
    return number & 0xFF


def _not_understood(what: str) -> BuildError:
    return BuildError(
        f"objcopy makes the .bin with the option {what!r}, whose effect on it is not known here: it cannot be proven "
        "that the .bin is the linked firmware",
        remedy="use only -R, -j, --gap-fill and -S in the chip's BINFLAGS, or let the linker script place the sections",
    )


def _refuse_overlap(ordered: Sequence[_Part]) -> None:
    for before, after in zip(ordered, ordered[1:]):
        if before.end > after.load_address:
            raise FormatError(
                f"the sections {before.section.name} and {after.section.name} of the ELF file overlap at the load "
                f"address 0x{after.load_address:x}: which of them devices would hold is not clear",
                remedy="give each a load address of its own in the linker script (AT>)",
            )


def _with_gaps(ordered: Sequence[_Part]) -> List[_Part]:
    """Return the sections, each with the gap up to the next one, which may be empty."""
    ends = [*(part.load_address for part in ordered[1:]), 0]
    return [part._replace(size=max(part.size, end - part.load_address)) for part, end in zip(ordered, ends)]


def _load_address(image: Elf, section: Section) -> int:
    """Return where a section is stored: its place in the segment that holds it, else where it runs."""
    loads = [segment for segment in image.segments if segment.type == "PT_LOAD" and segment.memory_size]
    if len(loads) > 1 and not any(segment.load_address for segment in image.segments):
        return section.address  # a linker that does not fill in p_paddr
    address = section.address
    for segment in image.segments:
        if _holds(segment, section):
            address = segment.load_address + section.offset - segment.offset
            break
    return address


def _holds(segment: Segment, section: Section) -> bool:
    if segment.type != ("PT_TLS" if section.flags & SHF_TLS else "PT_LOAD"):
        return False
    in_file = 0 <= section.offset - segment.offset <= segment.file_size - section.size
    return in_file and 0 <= section.address - segment.address <= segment.memory_size - section.size
