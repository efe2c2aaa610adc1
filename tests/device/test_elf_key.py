"""The key read back out of a linked firmware."""

import shutil
import struct
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from elf_builder import COMMON, INIT_ARRAY, NOBITS, REL, UNDEF, Section, Symbol, build_elf
from hypothesis import given, settings
from hypothesis import strategies as st

from aos_ota_plugin.device.elf import elf_contains, read_public_key
from aos_ota_plugin.errors import FormatError, SigningKeyError
from aos_ota_plugin.keys.public import parse_public_key

KEYS = Path(__file__).parent.parent / "keys" / "data"
KEY = parse_public_key((KEYS / "public.pem").read_bytes(), file="public.pem")
N, E = KEY.n_bytes, KEY.e_bytes
DATA = Section(".data", b"before--" + N + E + b"-after", address=0x20001000)
PUBN = Symbol("ota_pubn_buf", 0x20001008, 256)
PUBE = Symbol("ota_pube_buf", 0x20001108, 3)
GOOD = build_elf([DATA], [PUBN, PUBE])

FORMS = {
    "32-bit": GOOD,
    "64-bit": build_elf([DATA], [PUBN, PUBE], bits=64),
    "big-endian": build_elf([DATA], [PUBN, PUBE], order=">"),
    "global": build_elf([DATA], [Symbol("ota_pubn_buf", 0x20001008, 256, info=0x11), PUBE]),
    "among others": build_elf(
        [Section(".text", b"code"), DATA, Section(".bss", b"", NOBITS, size=9)],
        [
            Symbol("main", 0x1000, 4),
            Symbol("xota_pubn_buf", 0x1000, 4),
            Symbol("ota_pubn_buffer", 0x1000, 4),
            Symbol("ota_pubn_buf.part", 0x1000, 4),
            Symbol("ota_pubn_buf", PUBN.value, 256, 2),
            Symbol("ota_pube_buf", PUBE.value, 3, 2),
        ],
    ),
    "names inside longer ones": build_elf([DATA], [PUBN, PUBE], tail_merge=True),
    "after link-time optimisation": build_elf(
        [DATA], [Symbol("ota_pubn_buf.lto_priv.0", PUBN.value, 256), Symbol("ota_pube_buf.lto_priv.12", PUBE.value, 3)]
    ),
    "beside an undefined reference": build_elf([DATA], [Symbol("ota_pubn_buf", 0, 0, UNDEF), PUBN, PUBE]),
    "twice the same symbol": build_elf([DATA], [PUBN, PUBN, PUBE]),
    "object file": build_elf([DATA], [Symbol("ota_pubn_buf", 8, 256), Symbol("ota_pube_buf", 264, 3)], kind=REL),
}


@pytest.mark.parametrize("form", FORMS)
def test_key_is_found(form):
    assert read_public_key(FORMS[form]) == KEY


ZEROS = {
    "in .bss": (Section(".bss", b"", NOBITS, address=0, size=300), Symbol("ota_pubn_buf", 44, 256)),
    "in .data": (Section(".data", bytes(300), address=0), Symbol("ota_pubn_buf", 44, 256)),
    "common": (Section(".text", b"code"), Symbol("ota_pubn_buf", 4, 256, COMMON)),
}


@pytest.mark.parametrize("form", ZEROS)
def test_no_key_embedded_reads_as_zeros(form):
    section, symbol = ZEROS[form]
    key = read_public_key(build_elf([section, DATA], [symbol, Symbol("ota_pube_buf", PUBE.value, 3, 2)]))
    assert key.is_empty
    assert key.exponent == 65537


BAD_KEYS = {
    "stripped": (build_elf([DATA]), "the ELF file has no symbols", "do not strip it"),
    "no modulus": (build_elf([DATA], [PUBE]), "the firmware has no ota_pubn_buf", "component ota"),
    "no exponent": (build_elf([DATA], [PUBN]), "the firmware has no ota_pube_buf", "component ota"),
    "only a reference": (
        build_elf([DATA], [Symbol("ota_pubn_buf", 0, 0, UNDEF), PUBE]),
        "the firmware has no ota_pubn_buf",
        "component ota",
    ),
    "two moduli": (
        build_elf([DATA, DATA], [PUBN, Symbol("ota_pubn_buf", PUBN.value, 256, 2), PUBE]),
        "the firmware has 2 arrays called ota_pubn_buf",
        "second copy of ota_hal_digest.c",
    ),
    "two moduli by optimisation": (
        build_elf([DATA], [PUBN, Symbol("ota_pubn_buf.lto_priv.0", PUBN.value + 1, 256), PUBE]),
        "the firmware has 2 arrays called ota_pubn_buf",
        "keep one definition",
    ),
    "short modulus": (
        build_elf([DATA], [Symbol("ota_pubn_buf", PUBN.value, 255), PUBE]),
        "ota_pubn_buf has 255 bytes in the firmware, not 256",
        "unsigned char ota_pubn_buf[256]",
    ),
    "long exponent": (
        build_elf([DATA], [PUBN, Symbol("ota_pube_buf", PUBE.value, 4)]),
        "ota_pube_buf has 4 bytes in the firmware, not 3",
        "unsigned char ota_pube_buf[3]",
    ),
}


@pytest.mark.parametrize("name", BAD_KEYS)
def test_key_that_cannot_be_read(name):
    elf, problem, remedy = BAD_KEYS[name]
    with pytest.raises(SigningKeyError) as caught:
        read_public_key(elf)
    assert problem in caught.value.problem
    assert remedy in caught.value.remedy


def patched(offset, form, *values):
    data = bytearray(GOOD)
    struct.pack_into(form, data, offset, *values)
    return bytes(data)


BAD_ELFS = {
    "nothing": (b"", "this is not an ELF file"),
    "a .bin": (bytes(1000), "this is not an ELF file"),
    "a library": (b"!<arch>\nfoo", "this is a static library"),
    "only the magic": (b"\x7fELF", "the ELF file is damaged"),
    "unknown class": (patched(4, "B", 7), "the ELF file is damaged"),
    "header cut": (GOOD[:40], "the ELF file is damaged"),
    "cut in the middle": (GOOD[:200], "the section headers of the ELF file are cut off"),
    "last byte missing": (GOOD[:-1], "the section headers of the ELF file are cut off"),
    "headers of no size": (patched(46, "<H", 0), "the section headers of the ELF file are cut off"),
    "symbol before its section": (
        build_elf([DATA], [Symbol("ota_pubn_buf", 0x20000FFF, 256), PUBE]),
        "ota_pubn_buf lies outside the sections",
    ),
    "symbol past its section": (
        build_elf([DATA], [Symbol("ota_pubn_buf", 0x20001012, 256), PUBE]),
        "ota_pubn_buf lies outside the sections",
    ),
    "symbol in no section": (
        build_elf([DATA], [Symbol("ota_pubn_buf", PUBN.value, 256, 77), PUBE]),
        "ota_pubn_buf lies outside the sections",
    ),
    "symbol in a section that is not loaded": (
        build_elf([Section(".comment", DATA.data, flags=0, address=DATA.address)], [PUBN, PUBE]),
        "ota_pubn_buf lies outside the sections",
    ),
    "section past the file": (
        build_elf([Section(".data", DATA.data, address=DATA.address, size=100000)], [PUBN, PUBE]),
        "a section of the ELF file reaches past its end",
    ),
}


@pytest.mark.parametrize("name", BAD_ELFS)
def test_unsound_elf(name):
    elf, message = BAD_ELFS[name]
    with pytest.raises(FormatError) as caught:
        read_public_key(elf)
    assert message in str(caught.value)
    assert caught.value.remedy


def test_contains():
    elf = build_elf(
        [
            Section(".rodata", b"....app-1.0.1\0..."),
            Section(".comment", b"GCC: 10", flags=0),
            Section(".bss", b"", NOBITS, size=100),
            Section(".data", b"\0\0last"),
            Section(".flash.rodata", b"constructors, constants", INIT_ARRAY),
        ],
        [Symbol("a_name", 0, 4)],
    )
    assert elf_contains(elf, b"app-1.0.1\0")
    assert elf_contains(elf, b"last")
    assert elf_contains(elf, b"constants")  # loaded, too: its type is that of what the linker found first
    assert not elf_contains(elf, b"GCC: 10")  # not loaded
    assert not elf_contains(elf, b"a_name")  # a symbol's name
    assert not elf_contains(elf, b"app-1.0.10")
    assert not elf_contains(elf, b"...GCC")  # over the border of two sections
    assert not elf_contains(elf, bytes(50))  # .bss is not in the file
    assert elf_contains(build_elf([DATA]), N)


def test_contains_needs_something_to_look_for():
    with pytest.raises(FormatError, match="nothing to look for"):
        elf_contains(GOOD, b"")


@pytest.mark.parametrize("data", [b"", b"!<arch>\n", GOOD[:300]])
def test_contains_refuses_what_is_no_elf(data):
    with pytest.raises(FormatError):
        elf_contains(data, b"x")


def survives(data):
    with suppress(FormatError, SigningKeyError):
        read_public_key(data)
    with suppress(FormatError):
        elf_contains(data, b"after")


@given(st.binary(max_size=300), st.sampled_from([b"", b"\x7fELF", GOOD[:16], GOOD[:52]]))
def test_survives_anything(data, head):
    survives(head + data)


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(sorted(FORMS)),
    st.lists(st.tuples(st.integers(0, 1200), st.binary(min_size=1, max_size=8)), min_size=1, max_size=4),
    st.integers(0, 2000),
)
def test_survives_mutation_and_truncation(form, patches, length):
    data = bytearray(FORMS[form])
    for at, patch in patches:
        data[at : at + len(patch)] = patch
    survives(bytes(data[:length] if length > 200 else data))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 51), st.binary(min_size=1, max_size=4), st.integers(0, 279), st.binary(min_size=1, max_size=4))
def test_survives_a_broken_header(at, patch, section_at, section_patch):
    data = bytearray(GOOD)
    data[at : at + len(patch)] = patch
    start = len(data) - 200 + section_at % 200
    data[start : start + len(section_patch)] = section_patch
    survives(bytes(data))


SOURCE = """
static %s unsigned char ota_pubn_buf[256] = {%s};
static %s unsigned char ota_pube_buf[3] = {0x01, 0x00, 0x01};
const unsigned char *n(void) { return ota_pubn_buf; }
const unsigned char *e(void) { return ota_pube_buf; }
const char *volatile version = "app-1.0.1";
const unsigned char *volatile sink;
void _start(void) { for (;;) { sink = n(); sink = e(); } }
"""


@pytest.mark.aos
@pytest.mark.skipif(not shutil.which("arm-none-eabi-gcc"), reason="no arm-none-eabi-gcc")
@pytest.mark.parametrize("flags", [["-O0"], ["-Os", "-g"], ["-O2", "-flto"]], ids=" ".join)
@pytest.mark.parametrize("qualifier", ["", "const"])
@pytest.mark.parametrize("filled", [True, False])
def test_linked_by_gcc(tmp_path, flags, qualifier, filled):
    numbers = ", ".join(str(byte) for byte in N) if filled else "0x00"
    (tmp_path / "key.c").write_text(SOURCE % (qualifier, numbers, qualifier))
    subprocess.run(
        ["arm-none-eabi-gcc", "-mcpu=cortex-m33", "-nostdlib", *flags, "key.c", "-o", "key.elf"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    elf = (tmp_path / "key.elf").read_bytes()
    key = read_public_key(elf)
    assert key == KEY if filled else key.is_empty
    assert elf_contains(elf, b"app-1.0.1\0")
    assert elf_contains(elf, N) == filled
