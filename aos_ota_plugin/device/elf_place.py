"""Places in a linked firmware: section, symbol, and the source file that the symbol comes from."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Iterator, List, NamedTuple, Optional, Tuple

if TYPE_CHECKING:
    from elftools.elf.elffile import ELFFile

_LOADED = 2  # SHF_ALLOC
_MAPPING = ("$a", "$d", "$t", "$x")  # marks of the ARM ABI, not names


class ElfPlace(NamedTuple):
    """A place in an ELF: section, address, symbol and source file; "" where the symbol table has none."""

    section: str
    address: int
    symbol: str = ""
    source: str = ""


def find_place(elf: bytes, data: bytes, offset: int, *, window: int = 48) -> Optional[ElfPlace]:
    """Return the place in ``elf`` that the byte at ``offset`` of ``data`` comes from.

    ``data`` is a payload, which holds the ELF's sections; the byte is searched with up to ``window`` bytes to each
    side. None where these are in no loaded section or in several places, and where ``elf`` is no sound ELF.
    """
    from elftools.elf.elffile import ELFFile

    try:
        image = ELFFile(io.BytesIO(elf))
        places = list(_matching_places(image, data, offset, window))
        if len(places) != 1:
            return None
        index, name, address = places[0]
        symbol, source = _symbol(image, index, address)
        return ElfPlace(name, address, symbol, source)
    except Exception:  # pyelftools lets construct's, struct's and Python's own errors through; this only explains
        return None


def _matching_places(image: ELFFile, data: bytes, offset: int, window: int) -> Iterator[Tuple[int, str, int]]:
    start = max(offset - window, 0)
    needle = data[start : offset + window]
    for index, section in enumerate(image.iter_sections()):
        if not section["sh_flags"] & _LOADED or section["sh_type"] == "SHT_NOBITS":
            continue
        content = section.data()
        at = content.find(needle)
        while at >= 0:
            yield index, section.name, section["sh_addr"] + at + offset - start
            at = content.find(needle, at + 1)


def _symbol(image: ELFFile, section: int, address: int) -> Tuple[str, str]:
    """Return the nearest symbol at or below an address, and the source file named before it."""
    from elftools.elf.sections import SymbolTableSection

    best: List[Tuple[int, str, str]] = []
    for table in image.iter_sections():
        if not isinstance(table, SymbolTableSection):
            continue
        source = ""
        for symbol in table.iter_symbols():
            if symbol["st_info"]["type"] == "STT_FILE":
                source = symbol.name
                continue
            value = symbol["st_value"] & ~1 if symbol["st_info"]["type"] == "STT_FUNC" else symbol["st_value"]
            inside = symbol["st_shndx"] == section and value <= address < value + max(symbol["st_size"], 1)
            if inside and symbol.name and not symbol.name.startswith(_MAPPING):
                local = symbol["st_info"]["bind"] == "STB_LOCAL"  # files are named before their own symbols only
                best.append((value, symbol.name, source if local else ""))
    return max(best)[1:] if best else ("", "")
