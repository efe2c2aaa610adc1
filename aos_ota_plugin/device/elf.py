"""Reading of a linked firmware: the public key that it verifies with, and a search for bytes in it.

Symbols are looked up by the names of the two arrays of ``ota_hal_digest.c``. Arbitrary bytes raise FormatError, never
another exception.
"""

from __future__ import annotations

import io
import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Dict, Iterator, List, Tuple

from aos_ota_plugin.errors import FormatError, OtaError, SigningKeyError
from aos_ota_plugin.keys.rsa import EXPONENT_SIZE, MODULUS_SIZE, PublicKey

if TYPE_CHECKING:
    from elftools.elf.elffile import ELFFile

MODULUS_SYMBOL = "ota_pubn_buf"
EXPONENT_SYMBOL = "ota_pube_buf"

_SHT_SYMTAB, SHT_NOBITS = 2, 8
SHF_ALLOC = 2
SHF_TLS = 0x400
_SHN_UNDEF, _SHN_COMMON = 0, 0xFFF2
_SECTION_TYPES = {"SHT_SYMTAB": _SHT_SYMTAB, "SHT_NOBITS": SHT_NOBITS}
_MIN_SECTION_HEADER = 40  # bytes, in a 32-bit ELF
_SYMBOL_LAYOUTS = {32: "IIIBBH", 64: "IBBHQQ"}


@dataclass(frozen=True)
class Section:
    """A section header; sizes in bytes.

    ``address`` is where the section runs, ``offset`` where it is in the file.
    """

    name: str
    type: int
    flags: int
    address: int
    offset: int
    size: int
    link: int


@dataclass(frozen=True)
class Segment:
    """A program header; sizes in bytes.

    ``address`` is where the segment runs, ``load_address`` where it is stored.
    """

    type: str
    offset: int
    address: int
    load_address: int
    file_size: int
    memory_size: int


@dataclass(frozen=True)
class Elf:
    """A parsed ELF file.

    ``data`` is the whole file, ``bits`` 32 or 64, ``byte_order`` struct's "<" or ">".
    """

    data: bytes
    bits: int
    byte_order: str
    relocatable: bool
    sections: Tuple[Section, ...]
    segments: Tuple[Segment, ...]

    def content(self, section: Section) -> memoryview:
        """Return a section's bytes in the file. Raises FormatError when they are not all there."""
        if section.offset + section.size > len(self.data):
            raise FormatError("a section of the ELF file reaches past its end", remedy="link again: the file is cut")
        return memoryview(self.data)[section.offset : section.offset + section.size]


@dataclass(frozen=True)
class _Symbol:
    name: str
    value: int
    size: int
    section: int


def read_public_key(elf: bytes) -> PublicKey:
    """Return the key in ``ota_pubn_buf`` and ``ota_pube_buf``, even if it is all zero (`is_empty`).

    Raises FormatError when the bytes are no sound ELF, SigningKeyError when the arrays are missing, doubled, or of
    the wrong size, or when the symbols were stripped.
    """
    image = parse_elf(elf)
    symbols = _symbols(image, (MODULUS_SYMBOL, EXPONENT_SYMBOL))
    modulus = _array(image, symbols[MODULUS_SYMBOL], MODULUS_SYMBOL, MODULUS_SIZE)
    exponent = _array(image, symbols[EXPONENT_SYMBOL], EXPONENT_SYMBOL, EXPONENT_SIZE)
    return PublicKey(int.from_bytes(modulus, "big"), int.from_bytes(exponent, "big"))


def elf_contains(elf: bytes, needle: bytes) -> bool:
    """Return whether `needle` is in a section that is loaded from the file.

    Its type does not matter: a linker script that puts constructors before constants makes both one INIT_ARRAY. Debug
    sections and symbol names do not count. Raises FormatError on an unsound ELF or an empty needle.
    """
    if not needle:
        raise FormatError("nothing to look for in the ELF file")
    return any(elf.find(needle, start, end) >= 0 for start, end in loaded_ranges(elf))


def loaded_ranges(elf: bytes) -> List[Tuple[int, int]]:
    """Return where the sections that are loaded from the file begin and end in it. Raises FormatError."""
    image = parse_elf(elf)
    loaded = (section for section in image.sections if section.type != SHT_NOBITS and section.flags & SHF_ALLOC)
    return [(section.offset, section.offset + len(image.content(section))) for section in loaded]


def parse_elf(data: bytes) -> Elf:
    """Read section and program headers. Raises FormatError when the bytes are no sound ELF file."""
    if data[:8] == b"!<arch>\n":
        raise FormatError("this is a static library, not a linked ELF file", remedy="give the firmware's .elf")
    if data[:4] != b"\x7fELF":
        raise FormatError("this is not an ELF file", remedy="give the firmware's .elf, not its .bin")
    from elftools.elf.elffile import ELFFile

    try:
        return _headers_of(ELFFile(io.BytesIO(data)), data)
    except OtaError:
        raise
    except Exception as error:  # pyelftools lets construct's, struct's and Python's own errors through
        raise FormatError(f"the ELF file is damaged ({type(error).__name__})", remedy="link it again") from None


def _headers_of(elf: ELFFile, data: bytes) -> Elf:
    header = elf.header
    count, entry = elf.num_sections(), header["e_shentsize"]
    if count and (entry < _MIN_SECTION_HEADER or header["e_shoff"] + count * entry > len(data)):
        raise FormatError("the section headers of the ELF file are cut off", remedy="link again")
    sections = []
    for section in elf.iter_sections():
        raw = section.header
        kind = _SECTION_TYPES.get(raw["sh_type"], 0)
        sections.append(
            Section(
                section.name, kind, raw["sh_flags"], raw["sh_addr"], raw["sh_offset"], raw["sh_size"], raw["sh_link"]
            )
        )
    segments = []
    for segment in elf.iter_segments():
        raw = segment.header
        segments.append(
            Segment(
                str(raw["p_type"]), raw["p_offset"], raw["p_vaddr"], raw["p_paddr"], raw["p_filesz"], raw["p_memsz"]
            )
        )
    order = "<" if elf.little_endian else ">"
    return Elf(data, elf.elfclass, order, header["e_type"] == "ET_REL", tuple(sections), tuple(segments))


def _symbols(image: Elf, names: Tuple[str, ...]) -> Dict[str, List[_Symbol]]:
    """Return the defined symbols of each name, with or without the suffix of link-time optimisation."""
    tables = [section for section in image.sections if section.type == _SHT_SYMTAB]
    if not tables:
        raise SigningKeyError(
            "the ELF file has no symbols, so the public key in it cannot be found",
            remedy="give the linker's own .elf; do not strip it, and link without -s",
        )
    symbols: Dict[str, List[_Symbol]] = {name: [] for name in names}
    for table in tables:
        if table.link >= len(image.sections):
            raise FormatError("the ELF file's symbol table has no names", remedy="link it again")
        strings = bytes(image.content(image.sections[table.link]))
        for symbol in _entries(image, table, _offsets(strings, names)):
            symbols[symbol.name.split(".")[0]].append(symbol)
    return symbols


def _offsets(strings: bytes, names: Tuple[str, ...]) -> Dict[int, str]:
    """Return where names start in a string table; a linker may let one name end inside another's."""
    pattern = b"(?=((?:" + b"|".join(name.encode() for name in names) + rb")(?:\.lto_priv\.[0-9]{1,9})?)\x00)"
    return {match.start(): match.group(1).decode() for match in re.finditer(pattern, strings)}


def _entries(image: Elf, table: Section, wanted: Dict[int, str]) -> Iterator[_Symbol]:
    """Yield the symbols whose name is at a wanted offset; firmware has tens of thousands of others."""
    layout = struct.Struct(image.byte_order + _SYMBOL_LAYOUTS[image.bits])
    content = image.content(table)
    whole = content[: len(content) // layout.size * layout.size]
    for entry in layout.iter_unpack(whole):
        name = wanted.get(entry[0])
        if name is None:
            continue
        if image.bits == 32:
            _, value, size, _, _, section = entry
        else:
            _, _, _, section, value, size = entry
        if section != _SHN_UNDEF:
            yield _Symbol(name, value, size, section)


def _array(image: Elf, symbols: List[_Symbol], name: str, size: int) -> bytes:
    """Return the bytes of the single array called `name`."""
    if not symbols:
        raise SigningKeyError(
            f"the firmware has no {name}: the code that verifies signatures is not linked into it",
            remedy="call ota_service_init and ota_service_start in the application: the linker leaves out what "
            "nothing calls; and check that the component ota is built, with its ota_hal_digest.c and an RSA setting",
        )
    if len({(symbol.section, symbol.value) for symbol in symbols}) > 1:
        raise SigningKeyError(
            f"the firmware has {len(symbols)} arrays called {name}; which one it verifies with is not clear",
            remedy="keep one definition: look for a second copy of ota_hal_digest.c in the build",
        )
    symbol = symbols[0]
    if symbol.size != size:
        raise SigningKeyError(
            f"{symbol.name} has {symbol.size} bytes in the firmware, not {size}",
            remedy=f"declare it as unsigned char {name}[{size}]",
        )
    return _bytes_at(image, symbol)


def _bytes_at(image: Elf, symbol: _Symbol) -> bytes:
    if symbol.section == _SHN_COMMON:
        return bytes(symbol.size)
    section = image.sections[symbol.section] if symbol.section < len(image.sections) else None
    start = symbol.value - (section.address if section and not image.relocatable else 0)
    if section is None or not section.flags & SHF_ALLOC or not 0 <= start <= section.size - symbol.size:
        raise FormatError(f"{symbol.name} lies outside the sections of the ELF file", remedy="link it again")
    if section.type == SHT_NOBITS:
        return bytes(symbol.size)
    return bytes(image.content(section)[start : start + symbol.size])
