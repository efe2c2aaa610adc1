"""Expected payloads: against a builder of their own, against objcopy, and the first difference by its section."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from elf_builder import NOBITS, Section, build_elf
from hypothesis import given
from hypothesis import strategies as st

from aos_ota_plugin.device.flat_binary import flat_binary
from aos_ota_plugin.device.payload_layout import (
    ADDRESS,
    SIZE,
    Anything,
    Group,
    Header,
    PayloadLayout,
    Prebuilt,
    Replacement,
    Rule,
    Sections,
    Span,
    expected_payload,
    prebuilt_files,
)
from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.release.payload_proof import compare

OBJCOPY = shutil.which("arm-none-eabi-objcopy")
SECTIONS = {
    ".text": (0x1000, b"code" * 9),
    ".data": (0x1100, b"data!"),
    ".more": (0x9000, b"m"),
    ".late": (0x9008, b"l"),
}
ELF = build_elf(
    [
        *(Section(name, data, address=address) for name, (address, data) in SECTIONS.items()),
        Section(".bss", type=NOBITS, address=0xA000, size=64),
        Section(".comment", b"gcc", flags=0, address=0),
    ]
)
PREBUILT = {"$CHIP/km0.bin": bytes(range(100)), "$CHIP/x.bin": b"0123456789abcdef"}


def held(layout, **options):
    return b"".join(span.data for span in expected_payload(layout, ELF, PREBUILT, **options).spans)


def test_without_parts_it_is_the_flat_binary():
    expected = expected_payload(PayloadLayout(), ELF, {})
    assert b"".join(span.data for span in expected.spans) == flat_binary(ELF)
    assert [span.name for span in expected.spans][:3] == [
        "section .text",
        "the gap behind section .text",
        "section .data",
    ]
    assert expected.left_out == ()


def test_headers_describe_the_part_behind_them():
    fields = (b"HEAD", SIZE, ADDRESS, Anything(2))
    layout = PayloadLayout(
        (Header(fields), Sections((".more", ".late")), Header((SIZE, ADDRESS)), Prebuilt("$CHIP/x.bin"))
    )
    expected = expected_payload(layout, ELF, PREBUILT)
    group = b"m" + bytes(7) + b"l"
    assert held(layout) == (
        b"HEAD" + struct.pack("<II", len(group), 0x9000) + b"\0\0" + group + struct.pack("<I", 16) + bytes(4)
        + PREBUILT["$CHIP/x.bin"]
    )  # fmt: skip
    assert [span.name for span in expected.spans if span.rule is Rule.ANYTHING] == [
        "the header before section .more",
        "the header before the file $CHIP/x.bin",
    ]
    assert expected.left_out == (".text", ".data")


def test_empty_groups_and_padding():
    layout = PayloadLayout((Group((Header((SIZE, ADDRESS)), Sections((".none",), optional=True)), 16, 0xEE),))
    assert held(layout) == bytes(8) + b"\xee" * 8
    whole = PayloadLayout((Group((Prebuilt("$CHIP/x.bin"),), 16),))
    assert held(whole) == PREBUILT["$CHIP/x.bin"]
    with pytest.raises(FormatError, match="no section of the ELF file is called .none or .nil"):
        held(PayloadLayout((Sections((".none", ".nil")),)))


def test_replaced_ranges():
    parts = (Prebuilt("$CHIP/km0.bin"),)
    replaced = (
        Replacement(0, 4, "$CHIP/x.bin"),
        Replacement(98, 2, data=b"zz"),
        Replacement(2, 4),
        Replacement(99, 50),
    )
    expected = expected_payload(PayloadLayout(parts, replaced), ELF, PREBUILT)
    assert b"".join(span.data for span in expected.spans) == b"0123" + bytes(range(4, 98)) + b"zz"
    assert [(len(span.data), span.rule.name) for span in expected.spans] == [
        (2, "SAME"),
        (2, "CHANGEABLE"),
        (2, "CHANGEABLE"),
        (92, "SAME"),
        (1, "SAME"),
        (1, "CHANGEABLE"),
    ]
    assert prebuilt_files(PayloadLayout(parts, replaced)) == ("$CHIP/km0.bin", "$CHIP/x.bin")
    for wrong, says in (
        (Replacement(99, 2, data=b"zz"), "and the payload has 100"),
        (Replacement(0, 17, "$CHIP/x.bin"), r"and \$CHIP/x.bin has 16"),
    ):
        with pytest.raises(FormatError, match=says):
            expected_payload(PayloadLayout(parts, (wrong,)), ELF, PREBUILT)


def test_a_payload_has_at_most_64_mib():
    layout = PayloadLayout((Group((Prebuilt("$CHIP/x.bin"),), 1 << 26), Prebuilt("$CHIP/x.bin")))
    with pytest.raises(FormatError, match="the payload would have 67108880 bytes"):
        expected_payload(layout, ELF, PREBUILT)


@pytest.mark.skipif(OBJCOPY is None, reason="needs arm-none-eabi-objcopy")
@pytest.mark.parametrize("names", [[".text"], [".data", ".text"], [".m*"], [".text", ".bss"], [".none"]])
def test_groups_are_what_objcopy_copies(names, tmp_path):
    (tmp_path / "a.elf").write_bytes(ELF)
    words = [word for name in names for word in ("-j", name, "-w")]
    subprocess.run([OBJCOPY, *words, "-O", "binary", tmp_path / "a.elf", tmp_path / "a.bin"], check=True)
    layout = PayloadLayout((Sections(tuple(names), optional=True),))
    assert held(layout) == Path(tmp_path / "a.bin").read_bytes()


# --- any layout, against a second builder that goes byte by byte

ATOMS = st.one_of(
    st.sampled_from([*SECTIONS]).map(lambda name: Sections((name,))),
    st.sampled_from([*PREBUILT]).map(Prebuilt),
    st.lists(st.sampled_from([b"\x01\x02", SIZE, ADDRESS, Anything(3)]), min_size=1, max_size=4).map(
        lambda fields: Header(tuple(fields))
    ),
)
PARTS = st.recursive(
    ATOMS,
    lambda inner: st.builds(Group, st.lists(inner, min_size=1, max_size=3).map(tuple), st.integers(1, 40), st.integers(0, 255)),
    max_leaves=6,
)  # fmt: skip
LAYOUTS = st.lists(PARTS, min_size=1, max_size=4).map(lambda parts: PayloadLayout(tuple(parts)))


def simple(parts):
    """Bytes, or None for one that is not compared."""
    made = []
    for part, follower in zip(parts, [*parts[1:], None]):
        if isinstance(part, Sections):
            made += SECTIONS[part.patterns[0]][1]
        elif isinstance(part, Prebuilt):
            made += PREBUILT[part.file]
        elif isinstance(part, Group):
            inner = simple(part.parts)
            made += inner + [part.fill] * (-len(inner) % part.pad_to)
        else:
            size = None
            if isinstance(follower, Header):
                size = follower.size
            elif follower is not None:
                size = len(simple([follower]))
            address = SECTIONS[follower.patterns[0]][0] if isinstance(follower, Sections) else None
            for field in part.fields:
                if isinstance(field, Anything):
                    made += [None] * field.size
                elif isinstance(field, bytes):
                    made += field
                else:
                    value = size if field == SIZE else address
                    made += [None] * 4 if value is None else struct.pack("<I", value)
    return made


@given(LAYOUTS)
def test_any_layout(layout):
    expected = expected_payload(layout, ELF, PREBUILT)
    ours = [None if span.rule is Rule.ANYTHING else byte for span in expected.spans for byte in span.data]
    assert ours == simple(layout.parts)
    names = {span.name.removeprefix("section ") for span in expected.spans}
    assert set(expected.left_out) == {*SECTIONS} - names


@given(LAYOUTS, st.data())
def test_any_damage_is_found_at_its_place(layout, data):
    """Bytes that are compared may not differ, others may; the message has the first one's place."""
    spans = expected_payload(layout, ELF, PREBUILT).spans
    payload = bytearray(b"".join(span.data for span in spans))
    for _ in range(data.draw(st.integers(0, 3))):
        payload[data.draw(st.integers(0, len(payload) - 1))] ^= data.draw(st.integers(0, 255))
    size = data.draw(st.integers(0, len(payload)) | st.just(len(payload)))
    appended = data.draw(st.integers(0, 3)) if size == len(payload) else 0
    payload = bytes(payload[:size]) + bytes(appended)
    wanted = simple(layout.parts)
    wrong = next((at for at, byte in enumerate(wanted[:size]) if byte is not None and payload[at] != byte), None)
    found = compare(spans, payload, 2)
    if wrong is not None:
        assert f"the first other byte is at 0x{wrong:x}, in " in found.difference
    elif size < len(wanted):
        assert found.difference == f"it has {size} bytes, and the firmware has {len(wanted)}"
    elif appended > 2:
        assert "3 bytes follow its end" in found.difference
    else:
        assert (found.difference, found.appended, found.ignored) == ("", appended, wanted.count(None))


def test_what_may_be_changed_is_counted():
    spans = [Span("a", b"abc", Rule.CHANGEABLE), Span("b", b"de")]
    assert compare(spans, b"xbzde", 0)[:3] == ("", 2, 3)
    assert compare(spans, b"xbzdf", None).difference == (
        "the first other byte is at 0x4, compared from 0x3 on, in b (its byte 0x1)"
    )
    assert compare(spans, b"ab", None).difference == "it has 2 bytes, and the firmware has 5"


def test_nothing_of_the_firmware_is_shown():
    assert "secret" not in repr(Span("section .data", b"secret"))
