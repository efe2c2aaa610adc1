"""ELF files for tests, with chosen sections and symbols, by struct alone (System V ABI, ELF-32 and ELF-64)."""

import struct
from dataclasses import dataclass

PROGBITS, SYMTAB, STRTAB, NOBITS, INIT_ARRAY = 1, 2, 3, 8, 14
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


@dataclass(frozen=True)
class Segment:
    """A program header over the sections numbered first to last (from 0), as far as there are so many."""

    first: int
    last: int
    load_address: int = 0
    type: int = 1  # PT_LOAD
    extra: int = 0  # bytes in front of the first section that it holds, too


def strings(names):
    """Return a string table and where each name starts in it."""
    table, places = b"\0", {}
    for name in names:
        if name not in places:
            places[name] = len(table)
            table += name.encode() + b"\0"
    return table, places


def build_elf(sections, symbols=None, *, bits=32, order="<", kind=EXEC, tail_merge=False, segments=(), machine=None):
    """Lay out header, section contents, symbol table (unless None), names, section and program headers."""
    sections = list(sections)
    own = len(sections)
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
    body, headers, spans = b"", [bytes(40 if bits == 32 else 64)], []
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
        spans.append((offset + len(body), len(data), one.address, size))
        body += data
    programs = b"".join(program_header(one, spans[:own], bits, order) for one in segments)
    ident = b"\x7fELF" + bytes([1 if bits == 32 else 2, 1 if order == "<" else 2, 1]) + bytes(9)
    form = "HHIIIIIHHHHHH" if bits == 32 else "HHIQQQIHHHHHH"
    ours, header_size, entry_size, program_size = (40, 52, 40, 32) if bits == 32 else (62, 64, 64, 56)
    head = struct.pack(
        order + form,
        kind,
        machine or ours,
        1,
        0,
        offset + len(body) + sum(map(len, headers)) if programs else 0,
        offset + len(body),
        0,
        header_size,
        program_size if programs else 0,
        len(segments),
        entry_size,
        len(headers),
        len(headers) - 1,
    )
    return ident + head + body + b"".join(headers) + programs


def program_header(segment, spans, bits, order):
    """From the first to the last section's bytes, in the file and in memory."""
    inside = spans[segment.first : segment.last + 1] or spans[-1:]
    extra = min(segment.extra, inside[0][0])
    start = inside[0][0] - extra
    file_size = max(inside[-1][0] + inside[-1][1] - start, 0)
    address = inside[0][2] - extra
    memory = max(place + size for _, _, place, size in inside) - address  # of sections in any order
    values = segment.type, start, address & 0xFFFFFFFF, segment.load_address, file_size, memory & 0xFFFFFFFF
    if bits == 32:
        return struct.pack(order + "8I", *values, 5, 4)
    kind, *rest = values
    return struct.pack(order + "IIQQQQQQ", kind, 5, *rest, 4)
