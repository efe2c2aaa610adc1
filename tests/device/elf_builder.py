"""ELF files for tests, with chosen sections and symbols, by struct alone (System V ABI, ELF-32 and ELF-64)."""

import struct
from dataclasses import dataclass

PROGBITS, SYMTAB, STRTAB, NOBITS = 1, 2, 3, 8
ALLOC = 2
UNDEF, COMMON = 0, 0xFFF2
EXEC, REL = 2, 1


@dataclass(frozen=True)
class Section:
    name: str
    data: bytes = b""
    type: int = PROGBITS
    flags: int = ALLOC
    address: int = 0x1000
    size: int = -1  # of NOBITS; else the data's


@dataclass(frozen=True)
class Symbol:
    name: str
    value: int
    size: int
    section: int = 1  # number of a Section, the first being 1; or UNDEF, COMMON
    info: int = 0x01  # local object


def strings(names):
    """Return a string table and where each name starts in it."""
    table, places = b"\0", {}
    for name in names:
        if name not in places:
            places[name] = len(table)
            table += name.encode() + b"\0"
    return table, places


def build_elf(sections, symbols=None, *, bits=32, order="<", kind=EXEC, tail_merge=False):
    """Lay out header, section contents, symbol table (unless None), names, section headers; 32-bit ARM or 64-bit."""
    sections = list(sections)
    if symbols is not None:
        table, places = strings([one.name for one in symbols])
        if tail_merge:  # every name becomes the end of a longer one, as linkers share suffixes
            table = b"\0" + b"".join(b"my_" + one.name.encode() + b"\0" for one in symbols)
            places = {one.name: table.index(b"my_" + one.name.encode() + b"\0") + 3 for one in symbols}
        entries = [(0, 0, 0, 0, 0)] + [
            (places[one.name], one.value, one.size, one.info, one.section) for one in symbols
        ]
        if bits == 32:
            packed = b"".join(struct.pack(order + "IIIBBH", n, v, s, i, 0, x) for n, v, s, i, x in entries)
        else:
            packed = b"".join(struct.pack(order + "IBBHQQ", n, i, 0, x, v, s) for n, v, s, i, x in entries)
        sections += [Section(".symtab", packed, SYMTAB, 0, 0), Section(".strtab", table, STRTAB, 0, 0)]
    sections.append(Section(".shstrtab", b"", STRTAB, 0, 0))
    names, name_at = strings([one.name for one in sections])
    sections[-1] = Section(".shstrtab", names, STRTAB, 0, 0)

    offset = 52 if bits == 32 else 64
    body, headers = b"", [bytes(40 if bits == 32 else 64)]
    for number, one in enumerate(sections, start=1):
        data = b"" if one.type == NOBITS else one.data
        link = number + 1 if one.type == SYMTAB else 0
        entry = {SYMTAB: 16 if bits == 32 else 24}.get(one.type, 0)
        size = one.size if one.size >= 0 else len(one.data)
        form = "10I" if bits == 32 else "IIQQQQIIQQ"
        headers.append(
            struct.pack(
                order + form,
                name_at[one.name],
                one.type,
                one.flags,
                one.address,
                offset + len(body),
                size,
                link,
                1,
                4,
                entry,
            )
        )
        body += data
    ident = b"\x7fELF" + bytes([1 if bits == 32 else 2, 1 if order == "<" else 2, 1]) + bytes(9)
    form = "HHIIIIIHHHHHH" if bits == 32 else "HHIQQQIHHHHHH"
    machine, header_size, entry_size = (40, 52, 40) if bits == 32 else (62, 64, 64)
    head = struct.pack(
        order + form,
        kind,
        machine,
        1,
        0,
        0,
        offset + len(body),
        0,
        header_size,
        0,
        0,
        entry_size,
        len(headers),
        len(headers) - 1,
    )
    return ident + head + body + b"".join(headers)
