"""The flat binary against the real objcopy, over ELF files that the real linker made of generated scripts."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from pathlib import Path

import elf_builder
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from aos_ota_plugin.device.flat_binary import PLAIN, ObjcopyOptions, flat_binary, parse_objcopy
from aos_ota_plugin.errors import BuildError, FormatError
from aos_ota_plugin.files.read import PAYLOAD_MAX

PREFIX = "/usr/bin/arm-none-eabi-"
FLASH, RAM = 0x3400_0000, 0x2000_0000
NAMES = (".vectors", ".code", ".consts", ".vars", ".noinit", ".zero", ".fast.code", ".tags")

sections = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(NAMES),
            "size": st.sampled_from((0, 0, 1, 3, 4, 17, 64, 300)),
            "kind": st.sampled_from(("progbits", "progbits", "progbits", "nobits", "note", "init_array")),
            "allocated": st.sampled_from((True, True, True, False)),
            "in_ram": st.booleans(),
            "stored_at": st.sampled_from((None, None, 0x1000, 0x2345, 0x40)),
            "gap": st.sampled_from((0, 0, 1, 16, 4000)),
        }
    ),
    min_size=1,
    max_size=7,
    unique_by=lambda one: one["name"],
)
options = st.lists(
    st.sampled_from(
        (
            ("-R", ".noinit"),
            ("-R", ".f*"),
            ("--remove-section=.vars",),
            ("-R.consts",),
            ("-j", ".code"),
            ("-j", ".v?rs"),
            ("--only-section=.*c*",),
            ("--gap-fill", "0xff"),
            ("--gap-fill=0",),
            ("--gap-fill=0377",),
            ("--gap-fill", "165"),
            ("-S",),
            ("-g",),
            ("--strip-all",),
        )
    ),
    max_size=3,
)
page_sizes = st.sampled_from((0x10, 0x1000, 0x10000))


def linked(folder, described, page_size):
    """Link one section after another, in flash or with its contents stored there, as firmwares' scripts do."""
    code, script, stored = [], [], 0x10_0000
    for number, one in enumerate(described):
        flags = "aw" if one["allocated"] else ""
        code.append(f'.section {one["name"]}, "{flags}", %{one["kind"]}')
        fill = (
            f".space {one['size']}"
            if one["size"] and one["kind"] == "nobits"
            else ("\n".join(f".byte {(number * 37 + at * 11 + 5) % 256}" for at in range(one["size"])))
        )
        code.append(fill)
        base = RAM if one["in_ram"] else FLASH
        address = base + 0x1_0000 * number + one["gap"]
        place = f"0x{address:x}" if one["allocated"] else "0"
        stored += 0x400 + one["gap"]
        at = f"AT(0x{FLASH + stored + one['stored_at']:x})" if one["stored_at"] is not None else ""
        script.append(f"{one['name']} {place} : {at} {{ KEEP(*({one['name']})) }}")
    (folder / "in.s").write_text("\n".join(code) + "\n")
    (folder / "in.ld").write_text("SECTIONS {\n" + "\n".join(script) + "\n}\n")
    subprocess.run([PREFIX + "as", "-o", "in.o", "in.s"], cwd=folder, capture_output=True, check=True)
    done = subprocess.run(
        [PREFIX + "ld", "-e", "0", "-z", f"max-page-size={page_size}", "-T", "in.ld", "-o", "in.elf", "in.o"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return (folder / "in.elf").read_bytes() if done.returncode == 0 else None


def by_objcopy(folder, elf, arguments):
    """What the real objcopy makes of an ELF; None where it refuses or the result is too large to look at."""
    (folder / "in.elf").write_bytes(elf)
    done = subprocess.run(
        [PREFIX + "objcopy", *arguments, "-O", "binary", "in.elf", "out.bin"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    path = folder / "out.bin"
    return path.read_bytes() if done.returncode == 0 and path.exists() and path.stat().st_size <= PAYLOAD_MAX else None


def same_as_objcopy(folder, elf, arguments):
    expected = by_objcopy(folder, elf, arguments)
    if expected is None:
        return
    try:
        ours = flat_binary(elf, parse_objcopy(arguments))
    except FormatError as error:
        assert not expected or "overlap" in error.problem, f"{arguments}: {error}"
        return
    assert ours == expected, arguments


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(sections, options, page_sizes)
def test_same_bytes_as_objcopy(described, chosen, page_size):
    with tempfile.TemporaryDirectory() as name:
        elf = linked(Path(name), described, page_size)
        if elf is not None:
            same_as_objcopy(Path(name), elf, [word for words in chosen for word in words])


segments = st.builds(
    elf_builder.Segment,
    first=st.integers(0, 2),
    last=st.integers(0, 3),
    load_address=st.sampled_from((0, 0x1000, 0x9000, 0x9100)),
    type=st.sampled_from((1, 1, 1, 7, 6, 4)),
    extra=st.sampled_from((0, 0, 64)),
)
written = st.lists(
    st.builds(
        elf_builder.Section,
        name=st.sampled_from(NAMES),
        data=st.binary(max_size=40),
        type=st.sampled_from((1, 1, 8, 7, 14, 0x70000001)),
        flags=st.sampled_from((2, 2, 3, 0, 6, 0x402)),
        address=st.sampled_from((0x1000, 0x1010, 0x1100, 0x2000, 0x8000)),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda one: one.name,
)


@settings(deadline=None, max_examples=150)
@given(written, st.lists(segments, max_size=3), options, st.sampled_from((32, 64)))
def test_same_bytes_of_elf_files_that_no_linker_makes(made, through, chosen, bits):
    """Sections that overlap, segments that lie: the same bytes, or an error where ours are others."""
    elf = elf_builder.build_elf(made, bits=bits, segments=through, machine=40 if bits == 32 else 183)
    with tempfile.TemporaryDirectory() as name:
        if bits == 32:
            same_as_objcopy(Path(name), elf, [word for words in chosen for word in words])
        else:
            flat_or_refused(elf)


def flat_or_refused(data, options=PLAIN):
    try:
        return flat_binary(data, options)
    except FormatError:
        return None


@settings(deadline=None)
@given(st.binary(max_size=300).map(lambda tail: b"\x7fELF\x01\x01\x01" + tail) | st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data):
    flat_or_refused(data)


@settings(deadline=None)
@given(written, st.data())
def test_damaged_elf_files_are_read_or_refused(made, data):
    elf = bytearray(elf_builder.build_elf(made, segments=[elf_builder.Segment(0, 1)]))
    for _ in range(data.draw(st.integers(1, 6))):
        elf[data.draw(st.integers(0, len(elf) - 1))] = data.draw(st.integers(0, 255))
    flat_or_refused(bytes(elf))


def test_sections_are_taken_not_segments(tmp_path):
    """With pages of 64 KiB the first segment begins with the ELF's own headers."""
    text = {
        "name": ".text",
        "size": 300,
        "kind": "progbits",
        "allocated": True,
        "in_ram": False,
        "stored_at": None,
        "gap": 16,
    }
    elf = linked(tmp_path, [text], 0x10000)
    assert len(flat_binary(elf)) == 300
    assert flat_binary(elf) == by_objcopy(tmp_path, elf, [])


def test_more_than_a_flash_is_refused():
    """RAM without a load address in flash: objcopy writes hundreds of MiB."""
    apart = [
        elf_builder.Section(".text", b"1234", address=0x1000),
        elf_builder.Section(".data", b"5678", address=0x2000_0000),
    ]
    with pytest.raises(FormatError, match=f"the most is {PAYLOAD_MAX}") as caught:
        flat_binary(elf_builder.build_elf(apart))
    assert "AT>" in caught.value.remedy
    assert flat_binary(elf_builder.build_elf(apart), ObjcopyOptions(removed=(".data",))) == b"1234"


def test_sections_that_overlap_are_refused():
    twice = [
        elf_builder.Section(".code", b"1234", address=0x1000),
        elf_builder.Section(".vars", b"5678", address=0x1003),
    ]
    with pytest.raises(FormatError, match=r"\.code and \.vars of the ELF file overlap at the load address 0x1003"):
        flat_binary(elf_builder.build_elf(twice))


def test_nothing_to_load_is_refused():
    with pytest.raises(FormatError, match="no section to load"):
        flat_binary(elf_builder.build_elf([elf_builder.Section(".bss", size=20, type=elf_builder.NOBITS)]))


@pytest.mark.parametrize(
    "arguments",
    [
        ["--set-section-flags", ".bss=alloc"],
        ["--pad-to=0x1000"],
        ["-O", "ihex"],
        ["--output-target=srec"],
        ["-b", "1"],
        ["-R"],
        ["--gap-fill", "x"],
        ["--gap-fill=09"],
        ["-R", "!.text"],
        ["-j", ".te[x]t"],
        ["in.elf"],
        ["--change-addresses", "4"],
        ["-R", ""],
    ],
)
def test_options_whose_effect_is_not_known_are_refused(arguments):
    with pytest.raises(BuildError, match="cannot be proven") as caught:
        parse_objcopy(arguments)
    assert "BINFLAGS" in caught.value.remedy


@example(["-Rx", "-jy", "--gap-fill=1"])
@given(st.lists(st.text(alphabet="-RjOSg=.! xbinary019", max_size=12), max_size=6))
def test_any_arguments_are_read_or_refused(arguments):
    with contextlib.suppress(BuildError):
        assert isinstance(parse_objcopy(arguments), ObjcopyOptions)
