"""The proof that a payload is the linked firmware, byte for byte, and what may excuse parts of it.

The flat binary is computed from the ELF (`device.flat_binary`). The linker's ``.bin`` has to be those bytes, and the
payload has to begin with all of them; what an image step appends, such as a signature, is allowed and
counted. The description of a chip may allow that its image step changes the first bytes; a setting may allow any
payload. Both are shown on every build.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from aos_ota_plugin.errors import ProofError, placed

if TYPE_CHECKING:
    from aos_ota_plugin.device.flat_binary import ObjcopyOptions
    from aos_ota_plugin.keys.rsa import PublicKey
    from aos_ota_plugin.release.proofs import Proofs
    from aos_ota_plugin.release.request import Firmware

ALLOW_SETTING = "OTA_ALLOW_CHANGED_PAYLOAD"
BINARY_RULE = "the .bin is the linked firmware"
PAYLOAD_RULE = "the payload is the linked firmware"
_STEP = 4096


def prove_payload(firmware: Firmware, embedded_key: Optional[PublicKey], proofs: Proofs) -> None:
    """Prove that the .bin and the payload are the linked firmware.

    ``embedded_key`` is the key that the firmware holds.

    Raises:
        ProofError: one of them is not, or the payload holds a secret that it must not.
        BuildError, FormatError: the flat binary cannot be computed.
    """
    if any(needle in firmware.payload for needle in firmware.forbidden):
        raise ProofError(
            f"{firmware.payload_name} holds a device secret although the identity comes from the KV partition",
            remedy="look where the chip's image step takes it from; an OTA image must not carry it",
        )
    if firmware.elf is None:
        proofs.not_judged[BINARY_RULE] = proofs.not_judged[PAYLOAD_RULE] = "no ELF is given to compare it with"
        return
    from aos_ota_plugin.device.flat_binary import flat_binary, parse_objcopy

    source = firmware.source
    with placed(firmware.elf_name):
        options = parse_objcopy(source.objcopy)
        flat = flat_binary(firmware.elf, options)
    if source.binary is not None:
        _prove_binary(firmware, flat, source.binary)
        proofs.passed[BINARY_RULE] = (
            f"all {len(flat)} bytes of {source.binary_name}, computed from {firmware.elf_name}{_options(options)}"
        )
    else:
        proofs.not_judged[BINARY_RULE] = "no .bin is given"
    if source.allow_any:
        _refuse_another_version(firmware, embedded_key)
        proofs.excused[PAYLOAD_RULE] = f"not compared: allowed by {ALLOW_SETTING}"
        return
    changed = _prove_beginning(firmware, flat)
    appended = len(firmware.payload) - len(flat)
    tail = f", then {appended} bytes appended" if appended else ""
    if not changed:
        proofs.passed[PAYLOAD_RULE] = f"all {len(flat)} bytes computed from {firmware.elf_name}{tail}"
        return
    head = min(source.may_change, len(flat))
    proofs.excused[PAYLOAD_RULE] = (
        f"{changed} of the first {head} bytes changed, allowed by {source.allowed_by}; the other {len(flat) - head} "
        f"are those of {firmware.elf_name}{tail}"
    )


def _prove_binary(firmware: Firmware, flat: bytes, binary: bytes) -> None:
    if binary != flat:
        raise ProofError(
            f"{firmware.source.binary_name} is not the firmware in {firmware.elf_name}: {_difference(flat, binary)}",
            remedy="`aos make clean`, then build again: objcopy was interrupted, or something else wrote that file",
        )


def _prove_beginning(firmware: Firmware, flat: bytes) -> int:
    """Return how many bytes are changed where they may be; raises ProofError for any other change."""
    payload, head = firmware.payload, firmware.source.may_change
    if len(payload) < len(flat) or payload[head : len(flat)] != flat[head:]:
        raise ProofError(
            f"{firmware.payload_name} is not the firmware in {firmware.elf_name}: {_difference(flat, payload, head)}",
            remedy="look for the image step's messages above: it took another file, or was interrupted; delete "
            f"{firmware.payload_name} and build again. Where the chip's image step changes the firmware on "
            f"purpose, e.g. encrypts it, {ALLOW_SETTING}=y (sign: --allow changed-payload) lets it pass "
            "unproven",
        )
    return sum(ours != theirs for ours, theirs in zip(flat[:head], payload[:head]))


def _options(options: ObjcopyOptions) -> str:
    """Return the options that leave sections out or fill gaps as text, "" where there are none."""
    words = [
        *(f"-j {name}" for name in options.only),
        *(f"-R {name}" for name in options.removed),
        *([f"--gap-fill 0x{options.gap_fill:02x}"] if options.gap_fill is not None else []),
    ]
    return f" with {' '.join(words)}" if words else ""


def _difference(flat: bytes, other: bytes, start: int = 0) -> str:
    """Describe the first difference to the firmware, or the sizes where only they differ."""
    common = min(len(flat), len(other))
    first = next(
        (
            at
            for at in range(start, common, _STEP)
            if flat[at : at + _STEP][: common - at] != other[at : at + _STEP][: common - at]
        ),
        None,
    )
    if first is None:
        return f"it has {len(other)} bytes, and the firmware has {len(flat)}"
    while flat[first] == other[first]:
        first += 1
    compared = f", compared from 0x{start:x} on" if start else ""
    return f"the first other byte is at 0x{first:x}{compared}" + (
        f"; it has {len(other)} bytes, and the firmware has {len(flat)}" if len(other) < len(flat) else ""
    )


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
