"""The payload is the linked firmware, byte for byte: what passes, what is counted, what is refused, what excuses."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as for_all
from hypothesis import strategies as st

from aos_ota_plugin.device.flat_binary import flat_binary
from aos_ota_plugin.device.payload_layout import Anything, Header, PayloadLayout, Prebuilt, Replacement, Sections
from aos_ota_plugin.errors import BuildError, ProofError
from aos_ota_plugin.release.make import make_release
from aos_ota_plugin.release.names import ImageNames
from aos_ota_plugin.release.payload_proof import ALLOW_SETTING, BINARY_RULE, PAYLOAD_RULE, prove_payload
from aos_ota_plugin.release.proofs import Proofs, excuse_lines, unjudged_lines
from aos_ota_plugin.release.request import PayloadSource, XzPayload

CHIP = PayloadSource(
    layout=PayloadLayout(replaced=(Replacement(0, 100),)), allowed_by="the description of the chip haas1000"
)


def outcomes(release):
    manifest = release.manifest
    return (
        {proof.rule: proof.detail for proof in manifest.proofs},
        {proof.rule: proof.detail for proof in manifest.excused},
        {proof.rule: proof.detail for proof in manifest.not_judged},
    )


@pytest.fixture
def flat(given):
    return flat_binary(given.firmware.elf)


@pytest.fixture
def built(given, flat):
    return given.but(source=PayloadSource(binary=flat, binary_name="app.bin"))


def test_the_firmware_alone(built, flat, build_firmware, linked, signer):
    elf = build_firmware(signer.public_key, b"app-1.0.1", b"x" * 4096)
    passed, excused, _ = outcomes(make_release(*built.but(**linked(elf, b""), source=PayloadSource())))
    assert passed[PAYLOAD_RULE] == f"all {len(flat_binary(elf))} bytes computed from app.elf"
    assert excused == {}


def test_what_is_appended_is_counted(built, flat):
    passed, excused, _ = outcomes(make_release(*built.but(payload=flat + bytes(4000))))
    assert passed[BINARY_RULE] == f"all {len(flat)} bytes of app.bin, computed from app.elf"
    assert passed[PAYLOAD_RULE] == f"all {len(flat)} bytes computed from app.elf, then 4000 bytes appended"
    assert excused == {}


DAMAGES = {
    "cut short": (lambda flat: flat[:200], "it has 200 bytes, and the firmware has"),
    "cut by a byte": (lambda flat: flat[:-1], "and the firmware has"),
    "text": (lambda flat: b"not a firmware" * 100, "the first other byte is at 0x0"),
    "its last byte": (lambda flat: flat[:-1] + bytes([flat[-1] ^ 1]) + bytes(4000), "the first other byte is at 0x"),
    "moved by a header": (lambda flat: b"head" + flat + bytes(4000), "the first other byte is at 0x0"),
    "almost all ff": (lambda flat: b"\xff" * 4095 + b"\0", "the first other byte is at 0x0"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_payload_that_is_another_is_refused(name, built, flat):
    damage, says = DAMAGES[name]
    for source in (built.firmware.source, PayloadSource()):
        with pytest.raises(ProofError, match=r"ota_rtos\.bin is not the firmware in app\.elf: ") as caught:
            make_release(*built.but(payload=damage(flat), source=source))
        assert says in caught.value.problem
        assert ALLOW_SETTING in caught.value.remedy


@pytest.mark.parametrize("name", DAMAGES)
def test_a_bin_that_is_not_the_elf_is_refused_whatever_excuses_the_payload(name, built, flat):
    """An interrupted objcopy leaves a stump, which an image step turns into a payload of its own."""
    damage, says = DAMAGES[name]
    for source in (CHIP, PayloadSource(allow_any=True)):
        stump = source._replace(binary=damage(flat), binary_name="app.bin")
        with pytest.raises(ProofError, match=r"app\.bin is not the firmware in app\.elf: ") as caught:
            make_release(*built.but(source=stump))
        assert says in caught.value.problem
        assert "aos make clean" in caught.value.remedy


def test_a_chip_may_change_the_beginning_and_no_more(built, flat):
    changed = bytes([flat[0] ^ 1]) + flat[1:99] + bytes([flat[99] ^ 1]) + flat[100:] + bytes(4000)
    release = make_release(*built.but(payload=changed, source=CHIP))
    passed, excused, _ = outcomes(release)
    assert PAYLOAD_RULE not in passed
    assert excused == {
        PAYLOAD_RULE: "2 of the first 100 bytes changed, allowed by the description of the chip haas1000; the "
        f"other {len(flat) - 100} are those of app.elf, then 4000 bytes appended"
    }
    assert excuse_lines(release.manifest) == [f"warning: {PAYLOAD_RULE}: {excused[PAYLOAD_RULE]}"]
    beyond = flat[:100] + bytes([flat[100] ^ 1]) + flat[101:] + bytes(4000)
    with pytest.raises(ProofError, match="the first other byte is at 0x64, compared from 0x64 on"):
        make_release(*built.but(payload=beyond, source=CHIP))
    with pytest.raises(ProofError, match="it has 90 bytes"):
        make_release(*built.but(payload=flat[:90], source=CHIP))


def test_nothing_is_excused_where_the_chip_changed_nothing(built, flat):
    passed, excused, _ = outcomes(make_release(*built.but(source=CHIP)))
    assert passed[PAYLOAD_RULE].startswith(f"all {len(flat)} bytes")
    assert excused == {}


def test_a_setting_lets_any_payload_pass_and_is_named(built):
    passed, excused, _ = outcomes(
        make_release(*built.but(payload=b"encrypted!" * 100, source=PayloadSource(allow_any=True)))
    )
    assert excused == {PAYLOAD_RULE: "not compared: allowed by OTA_ALLOW_CHANGED_PAYLOAD"}
    assert PAYLOAD_RULE not in passed


def test_even_then_a_payload_that_can_be_read_is_of_this_version(built, signer, other):
    key, rest, any_payload = signer.public_key.n_bytes, bytes(1000), PayloadSource(allow_any=True)
    for payload in (b"\0" + key + b"app-1.0.0\0end.", b"\0" + key + b"app-1.0.10\0end"):
        with pytest.raises(
            ProofError, match=r"was not made from app\.elf: it holds the same key, but not the version app-1\.0\.1"
        ) as caught:
            make_release(*built.but(payload=payload, source=any_payload))
        assert "only touched an old one" in caught.value.remedy
    for payload in (b"\0" + key + b"app-1.0.1\0end." + rest, other.public_key.n_bytes + b"app-1.0.0\0.." + rest):
        make_release(*built.but(payload=payload, source=any_payload))


def test_payload_with_another_identity_or_a_secret(built, signer):
    key, secret = signer.public_key.n_bytes, b"Zx9plain7Secret\0"
    held = signer.public_key.e_bytes + b"\0app-1.0.1\0"  # stands in the ELF
    with pytest.raises(ProofError, match=r"but not the version app-1\.0\.1 with its identity") as caught:
        make_release(
            *built.but(
                payload=key + b"app-1.0.1\0..",
                embedded=(held,),
                identity="embedded",
                source=PayloadSource(allow_any=True),
            )
        )
    assert "Zx9" not in str(caught.value)
    with pytest.raises(ProofError, match="holds a device secret although") as caught:
        make_release(*built.but(payload=b"..." + secret + b".", forbidden=(secret,)))
    assert "Zx9" not in str(caught.value)


def test_without_an_elf_it_is_not_judged(given):
    passed, _, not_judged = outcomes(make_release(*given.but(elf=None)))
    assert not_judged[PAYLOAD_RULE] == "no ELF is given to compare it with"
    assert not_judged["public key in the firmware"] == "no ELF is given"
    assert not {PAYLOAD_RULE, "public key in the firmware"} & set(passed)


def test_no_rule_is_in_two_lists_or_in_none(given, signer):
    """The same rules for every release, whatever of them could be judged."""
    base = make_release(*given.but(version="app-1.0.0", elf=None, payload=b"opaque" * 99)).manifest
    rules = []
    for change in ({}, {"elf": None}, {"base": base}, {"base": base, "elf": None}):
        lists = outcomes(make_release(*given.but(**change)))
        assert sum(map(len, lists)) == len(set().union(*lists))
        rules.append(set().union(*lists))
    assert rules.count(rules[0]) == 4


def test_reasons_are_told_once_each(given):
    lines = unjudged_lines(make_release(*given.but(elf=None)).manifest)
    assert [line for line in lines if "no base release" in line] == [
        "not judged, as no base release is given: version order, same key as the base release, "
        "same solution as the base release, same board as the base release, same chip as the base release, "
        "same image_magic as the base release"
    ]


def test_objcopy_options_decide_the_firmware(built, flat):
    with pytest.raises(BuildError, match="--pad-to"):
        make_release(*built.but(source=PayloadSource(objcopy=("--pad-to=0x1000",))))
    passed, _, _ = outcomes(
        make_release(
            *built.but(source=PayloadSource(objcopy=("-R", ".noinit", "--gap-fill=255", "-O", "binary"), binary=flat))
        )
    )
    assert passed[BINARY_RULE].endswith("computed from app.elf with -R .noinit --gap-fill 0xff")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@for_all(data=st.data())
def test_any_damage_beyond_what_a_chip_may_change_is_found(data, built, flat):
    """Against a comparison byte by byte."""
    payload = bytearray(flat + bytes(600))
    for _ in range(data.draw(st.integers(0, 3))):
        payload[data.draw(st.integers(0, len(payload) - 1))] ^= data.draw(st.integers(0, 255))
    payload = payload[: data.draw(st.integers(0, len(payload)) | st.just(len(payload)))] or bytearray(b"x")
    head = data.draw(st.integers(0, len(flat) + 10))
    good = len(payload) >= len(flat) and all(payload[at] == flat[at] for at in range(head, len(flat)))
    asked = built.but(
        payload=bytes(payload), source=CHIP._replace(layout=PayloadLayout(replaced=(Replacement(0, head),)))
    )
    if good:
        changed = sum(payload[at] != flat[at] for at in range(min(head, len(flat))))
        proofs = Proofs()
        prove_payload(asked.firmware, asked.keys.embedded, proofs)
        assert (PAYLOAD_RULE in proofs.excused) == bool(changed)
        assert (PAYLOAD_RULE in proofs.passed) != bool(changed)
    else:
        with pytest.raises(ProofError, match="is not the firmware in"):
            prove_payload(asked.firmware, asked.keys.embedded, Proofs())


PREBUILT = {"$CHIP/first.bin": bytes(range(256)) * 16}
PARTS = (Prebuilt("$CHIP/first.bin"), Header((b"HEAD", Anything(4))), Sections((".rodata",)))
NAMES = ImageNames("ota_all.bin", "ota_packed.bin.xz", None)


@pytest.fixture
def described(given, flat):
    """A release of a chip whose full image has two bytes replaced, and whose xz image has not."""
    whole = PREBUILT["$CHIP/first.bin"] + b"HEADxxxx" + flat
    full = PayloadLayout(PARTS, (Replacement(0, 2, data=b"zz"),), 0)
    source = PayloadSource(layout=full, prebuilt=PREBUILT, allowed_by="the description of the chip c")
    return given.but(
        payload=b"zz" + whole[2:],
        payload_name="ota_all.bin",
        source=source,
        xz_payload=XzPayload(whole, "ota_rtos.bin", PayloadLayout(PARTS, may_append=0), PREBUILT),
        names=NAMES,
        compress_xz=True,
    )


def test_two_payloads_of_sections_and_prebuilt_parts(described, flat):
    release = make_release(*described)
    passed, excused, not_judged = outcomes(release)
    size = 4096 + 8 + len(flat)
    assert passed[PAYLOAD_RULE] == (
        f"all {size} bytes as the description of the chip c says, computed from app.elf: bytes replaced at 0x0, the file "
        "$CHIP/first.bin, the header before section .rodata, section .rodata; 4 bytes of headers not compared"
    )
    assert f"xz: {PAYLOAD_RULE}" in passed
    assert excused == {}
    assert not_judged[BINARY_RULE] == "the image step makes the payload of the ELF's sections, not of the .bin"
    manifest = release.manifest
    assert [(image.file, image.kind, manifest.payload_of(image).file) for image in manifest.images] == [
        ("ota_all.bin", "full", "ota_all.bin"),
        ("ota_packed.bin.xz", "xz", "ota_rtos.bin"),
    ]
    assert release.image[:2] == b"zz"


def test_each_payload_is_compared(described):
    payload, xz = described.firmware.payload, described.firmware.xz_payload
    end = len(payload)
    for change, says in (
        ({"payload": xz.data}, r"ota_all\.bin is not what the description of the chip c makes of app\.elf: .* at 0x0,"),
        (
            {"xz_payload": xz._replace(data=payload)},
            r"ota_rtos\.bin is not what .* at 0x0, in the file \$CHIP/first\.bin",
        ),
        ({"payload": payload + b"!"}, f"1 bytes follow its end at 0x{end:x}, and at most 0 may"),
        ({"payload": payload[:-1]}, f"it has {end - 1} bytes, and the firmware has {end}"),
        ({"forbidden": (b"HEAD",)}, "holds a device secret although"),
    ):
        with pytest.raises(ProofError, match=says):
            make_release(*described.but(**change))
    with pytest.raises(BuildError, match="devices with this chip take no xz image") as caught:
        make_release(*described.but(names=ImageNames("ota_all.bin", None, None)))
    assert "OTA_COMPRESS_XZ" in caught.value.remedy


def test_sections_that_are_left_out_may_not_hold_version_or_key(described, build_firmware, signer):
    """A step that takes only some sections could leave the old version's on the device."""
    elf = build_firmware(signer.public_key, b"app-1.0.1", code=b"code" * 200)
    parts = (*PARTS[:2], Sections((".text",)))
    payload = PREBUILT["$CHIP/first.bin"] + b"HEADxxxx" + b"code" * 200
    source = described.firmware.source._replace(layout=PayloadLayout(parts, (), 0))
    with pytest.raises(ProofError, match=r"does not hold the version app-1\.0\.1, .*leaves out \(\.rodata\)"):
        make_release(*described.but(elf=elf, payload=payload, source=source, xz_payload=None))
