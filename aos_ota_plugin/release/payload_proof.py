"""The proof that a payload is the linked firmware, byte for byte, and what may excuse parts of it.

The expected bytes are computed from the ELF (`device.payload_layout`): the flat binary, or what the description of the
chip makes of sections and prebuilt parts. The linker's ``.bin`` has to be the flat binary, and the payload has to begin
with all expected bytes; what an image step appends, such as a signature, is counted, and bounded where the description
says so. The description may allow that the image step changes some bytes; a setting may allow any payload. Both are
shown on every build.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Optional, Sequence

from aos_ota_plugin.device.payload_layout import Expected, Rule, Span, expected_payload
from aos_ota_plugin.errors import ProofError, placed

if TYPE_CHECKING:
    from aos_ota_plugin.device.flat_binary import ObjcopyOptions
    from aos_ota_plugin.keys.rsa import PublicKey
    from aos_ota_plugin.release.proofs import Proofs
    from aos_ota_plugin.release.request import Firmware

ALLOW_SETTING = "OTA_ALLOW_CHANGED_PAYLOAD"
BINARY_RULE = "the .bin is the linked firmware"
PAYLOAD_RULE = "the payload is the linked firmware"
_XZ_RULE = f"xz: {PAYLOAD_RULE}"
_OWNER = "the firmware"


class Comparison(NamedTuple):
    """What a payload has beside the bytes that are as expected.

    ``difference`` is the first one that is not allowed, as text, "" without. ``changed`` is the number of bytes that
    differ where they may, ``changeable`` how many there are; ``ignored`` the number of those that are not compared, and
    ``appended`` of those behind the end.
    """

    difference: str
    changed: int
    changeable: int
    ignored: int
    appended: int


def prove_payload(firmware: Firmware, embedded_key: Optional[PublicKey], proofs: Proofs) -> None:
    """Prove that the .bin and each payload are the linked firmware.

    ``embedded_key`` is the key that the firmware holds.

    Raises:
        ProofError: one of them is not, or a payload holds a secret that it must not.
        BuildError, FormatError: the expected bytes cannot be computed.
    """
    other = firmware.xz_payload
    for name, data in ((firmware.payload_name, firmware.payload), *([(other.name, other.data)] if other else [])):
        if any(needle in data for needle in firmware.forbidden):
            raise ProofError(
                f"{name} holds a device secret although the identity comes from the KV partition",
                remedy="look where the chip's image step takes it from; an OTA image must not carry it",
            )
    if firmware.elf is None:
        proofs.not_judged[BINARY_RULE] = proofs.not_judged[PAYLOAD_RULE] = "no ELF is given to compare it with"
        if other:
            proofs.not_judged[_XZ_RULE] = proofs.not_judged[PAYLOAD_RULE]
        return
    _prove_binary(firmware, firmware.elf, proofs)
    _prove_one(firmware, embedded_key, proofs, PAYLOAD_RULE)
    if other:
        source = firmware.source._replace(layout=other.layout, prebuilt=other.prebuilt)
        second = firmware._replace(payload=other.data, payload_name=other.name, source=source)
        _prove_one(second, embedded_key, proofs, _XZ_RULE)


def compare(expected: Sequence[Span], payload: bytes, may_append: Optional[int]) -> Comparison:
    """Compare a payload with its expected bytes.

    At most ``may_append`` bytes may follow, None for any number.
    """
    size = sum(len(span.data) for span in expected)
    at = changed = changeable = ignored = 0
    for span in expected:
        data = payload[at : at + len(span.data)]
        if span.rule is Rule.ANYTHING:
            ignored += len(data)
        elif span.rule is Rule.CHANGEABLE:
            changeable += len(data)
            changed += sum(ours != theirs for ours, theirs in zip(span.data, data))
        elif data != span.data:
            inside = next((n for n, pair in enumerate(zip(span.data, data)) if pair[0] != pair[1]), None)
            if inside is not None:
                start = f", compared from 0x{_skipped(expected):x} on" if _skipped(expected) else ""
                return Comparison(
                    f"the first other byte is at 0x{at + inside:x}{start}, in {span.name} (its byte 0x{inside:x})"
                    + (f"; it has {len(payload)} bytes, and {_OWNER} has {size}" if len(payload) < size else ""),
                    changed,
                    changeable,
                    ignored,
                    0,
                )
        if len(data) < len(span.data):
            return Comparison(f"it has {len(payload)} bytes, and {_OWNER} has {size}", changed, changeable, ignored, 0)
        at += len(span.data)
    appended = len(payload) - size
    difference = ""
    if may_append is not None and appended > may_append:
        difference = f"{appended} bytes follow its end at 0x{size:x}, and at most {may_append} may"
    return Comparison(difference, changed, changeable, ignored, appended)


def _prove_binary(firmware: Firmware, elf: bytes, proofs: Proofs) -> None:
    from aos_ota_plugin.device.flat_binary import flat_binary, parse_objcopy

    source = firmware.source
    with placed(firmware.elf_name):
        options = parse_objcopy(source.objcopy)
        if source.binary is None:
            made = "the image step makes the payload of the ELF's sections, not of the .bin"
            proofs.not_judged[BINARY_RULE] = made if source.layout.parts else "no .bin is given"
            return
        flat = flat_binary(elf, options)
    if source.binary != flat:
        difference = compare([Span("the flat binary", flat)], source.binary, 0).difference.partition(", in ")[0]
        raise ProofError(
            f"{source.binary_name} is not the firmware in {firmware.elf_name}: {difference}",
            remedy="`aos make clean`, then build again: objcopy was interrupted, or something else wrote that file",
        )
    proofs.passed[BINARY_RULE] = (
        f"all {len(flat)} bytes of {source.binary_name}, computed from {firmware.elf_name}{_options(options)}"
    )


def _prove_one(firmware: Firmware, embedded_key: Optional[PublicKey], proofs: Proofs, rule: str) -> None:
    """Prove one payload, whose outcome gets the name ``rule``."""
    from aos_ota_plugin.device.flat_binary import parse_objcopy

    source = firmware.source
    if source.allow_any:
        _refuse_another_version(firmware, embedded_key)
        proofs.excused[rule] = f"not compared: allowed by {ALLOW_SETTING}"
        return
    with placed(firmware.elf_name):
        expected = expected_payload(source.layout, firmware.elf or b"", source.prebuilt, parse_objcopy(source.objcopy))
    found = compare(expected.spans, firmware.payload, source.layout.may_append)
    if found.difference:
        raise _other_payload(firmware, found.difference)
    if source.layout.parts:
        _refuse_missing(firmware, embedded_key, expected)
    told = _told(firmware, expected, found)
    if found.changed:
        proofs.excused[rule] = told
    else:
        proofs.passed[rule] = told


def _other_payload(firmware: Firmware, difference: str) -> ProofError:
    source = firmware.source
    described = bool(source.layout.parts)
    what = f"what {source.allowed_by} makes of" if described else "the firmware in"
    return ProofError(
        f"{firmware.payload_name} is not {what} {firmware.elf_name}: {difference}",
        remedy="look for the image step's messages above: it took another file, or was interrupted; delete "
        f"{firmware.payload_name} and build again. "
        + (
            "Where the image step makes it in another way now, describe that (docs/chips.md); "
            if described
            else "Where the chip's image step changes the firmware on purpose, e.g. encrypts it, "
        )
        + f"{ALLOW_SETTING}=y (sign: --allow changed-payload) lets it pass unproven",
    )


def _told(firmware: Firmware, expected: Expected, found: Comparison) -> str:
    """Return the outcome of a comparison without a difference as text."""
    source, size = firmware.source, expected.size
    tail = f", then {found.appended} bytes appended" if found.appended else ""
    if source.layout.parts:
        names = dict.fromkeys(span.name for span in expected.spans if span.data and span.rule is not Rule.ANYTHING)
        told = f"all {size} bytes as {source.allowed_by} says, computed from {firmware.elf_name}: {', '.join(names)}"
        if found.ignored:
            told += f"; {found.ignored} bytes of headers not compared"
        if found.changed:
            told += f"; {found.changed} of {found.changeable} bytes changed, which it allows"
        if expected.left_out:
            told += f"; without the sections {', '.join(expected.left_out)}"
        return told + tail
    if not found.changed:
        return f"all {size} bytes computed from {firmware.elf_name}{tail}"
    first = next(span for span in expected.spans if span.rule is Rule.CHANGEABLE)
    where = "of the first" if expected.spans[0] is first else "of"
    return (
        f"{found.changed} {where} {found.changeable} bytes changed, allowed by {source.allowed_by}; the other "
        f"{size - found.changeable} are those of {firmware.elf_name}{tail}"
    )


def _refuse_missing(firmware: Firmware, embedded_key: Optional[PublicKey], expected: Expected) -> None:
    """Raise ProofError unless the expected bytes hold version and key, which stand in the ELF."""
    wanted = {f"the version {firmware.version}": firmware.version.encode("ascii", "replace") + b"\0"}
    if embedded_key is not None:
        wanted["the public key"] = embedded_key.n_bytes
    held = b"".join(span.data for span in expected.spans if span.rule is Rule.SAME)
    for what, needle in wanted.items():
        if needle not in held:
            raise ProofError(
                f"{firmware.payload_name} does not hold {what}, which stands in {firmware.elf_name}: it is in a "
                f"section that the image step leaves out ({', '.join(expected.left_out) or 'none is left out'})",
                remedy="place it in a section that the payload holds (the chip's linker script), or correct the layout "
                "in the description of the chip",
            )


def _skipped(expected: Sequence[Span]) -> int:
    """Return the number of bytes at the beginning that may be changed."""
    size = 0
    for span in expected:
        if span.rule is not Rule.CHANGEABLE:
            break
        size += len(span.data)
    return size


def _options(options: ObjcopyOptions) -> str:
    """Return the options that leave sections out or fill gaps as text, "" where there are none."""
    words = [
        *(f"-j {name}" for name in options.only),
        *(f"-R {name}" for name in options.removed),
        *([f"--gap-fill 0x{options.gap_fill:02x}"] if options.gap_fill is not None else []),
    ]
    return f" with {' '.join(words)}" if words else ""


def _refuse_another_version(firmware: Firmware, embedded_key: Optional[PublicKey]) -> None:
    """Raise ProofError for a payload with the firmware's key, but another version or identity."""
    if embedded_key is None or embedded_key.n_bytes not in firmware.payload:
        return
    wanted = (firmware.version.encode("ascii", "replace") + b"\0", *firmware.embedded)
    if not all(needle in firmware.payload for needle in wanted):
        raise ProofError(
            f"{firmware.payload_name} was not made from {firmware.elf_name}: it holds the same key, but not the "
            f"version {firmware.version}" + (" with its identity" if firmware.embedded else ""),
            remedy="the chip's image step took another file, or only touched an old one: look for its messages above, "
            "delete the payload and build again",
        )
