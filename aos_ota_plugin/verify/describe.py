"""Describe any file of ours: binary files by their bytes, documents and keys by their text."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Iterator, List, Optional, Tuple

from aos_ota_plugin.device.elf import read_public_key
from aos_ota_plugin.errors import FormatError, OtaError, Place
from aos_ota_plugin.files.documents import begins_as_object, parse_json
from aos_ota_plugin.files.read import DOCUMENT_MAX, IMAGE_MAX, KEY_MAX, decode_text
from aos_ota_plugin.images.inspect import inspect as inspect_image
from aos_ota_plugin.images.tree import Part
from aos_ota_plugin.keys import approval
from aos_ota_plugin.keys.public import parse_public_key
from aos_ota_plugin.printable import shown
from aos_ota_plugin.protocol.push import parse_push
from aos_ota_plugin.release import layout, manifest
from aos_ota_plugin.release.manifest import parse_manifest

__all__ = ["explain_payload", "inspect"]

_LIST_MAX = 1000
_REMEDY = (
    "give an OTA image (ota_rtos_ota.bin, .xz, .diff.bin), a data-file pack, a manifest, a layout or a key; of "
    "the flashing file ota_rtos.bin, the ota_rtos_ota.bin beside it is the OTA file"
)


def inspect(data: bytes, *, file: str) -> Part:
    """Return the parts and fields of `data`; `file` is named in errors.

    Raises:
        OtaError: it is no file of ours, or a damaged one.
    """
    if len(data) > IMAGE_MAX:
        raise FormatError(
            f"the file has more than {IMAGE_MAX} bytes, so it is none for a device of ours",
            place=Place(file),
            remedy=_REMEDY,
        )
    try:
        return inspect_image(data)
    except FormatError as error:
        part = _firmware(data) or _text(data, file)
        if part is None:
            raise FormatError(error.problem, place=Place(file), remedy=_REMEDY) from None
        return part


def explain_payload(data: bytes, manifest: bytes) -> Optional[str]:
    """Return a text if `data` is the plain payload of the release of a manifest, else None."""
    try:
        release = parse_manifest(manifest, file="")
    except OtaError:
        return None
    if hashlib.sha256(data).hexdigest() != release.payload.sha256:
        return None
    files = ", ".join(shown(image.file) for image in release.images) or "none"
    return (
        f"this is the payload of release {shown(release.version)} as it is flashed over a cable, not an OTA file; "
        f"the OTA files made of it: {files}"
    )


def _firmware(data: bytes) -> Optional[Part]:
    """Describe a linked firmware by the key that it trusts; return None for other data."""
    if data[:4] != b"\x7fELF":
        return None
    try:
        key = read_public_key(data)
    except OtaError as error:
        return Part("linked firmware (ELF)", 0, len(data), faults=(error.problem,))
    trusted = "none: every signature is refused" if key.is_empty else key.fingerprint
    return Part("linked firmware (ELF)", 0, len(data), facts=(("public key in it", trusted),))


def _text(data: bytes, file: str) -> Optional[Part]:
    if begins_as_object(data):
        return _document(data, file)
    is_der = data[:1] == b"\x30" and data[1:2] >= b"\x80"
    text = data if is_der or len(data) > KEY_MAX else _as_utf_8(data)
    # A firmware with mbedtls in it holds PEM's lines, too; but it is no text.
    if len(data) > KEY_MAX or not (is_der or b"\0" not in text):
        return None
    if b"PRIVATE KEY-----" in text:
        return Part("private key", 0, len(data), notes=("nothing of it is shown; keep it to yourself",))
    if is_der or b"-----BEGIN " in text or b"ota_pubn_buf" in text:
        return _key(data, file)
    return None


def _as_utf_8(data: bytes) -> bytes:
    try:
        return decode_text(data).encode("utf-8")
    except UnicodeDecodeError:
        return data  # a C source with comments in another encoding


def _key(data: bytes, file: str) -> Part:
    key = parse_public_key(data, file=file)
    return Part("public key", 0, len(data), facts=(("fingerprint", key.fingerprint), ("size", "2048 bits, e = 65537")))


def _document(data: bytes, file: str) -> Part:
    if len(data) > DOCUMENT_MAX:
        raise FormatError(
            f"a JSON file of {len(data)} bytes; ours have at most {DOCUMENT_MAX}", place=Place(file), remedy=_REMEDY
        )
    try:
        value = parse_json(data, file)
    except (ValueError, RecursionError):
        raise FormatError("this looks like JSON, and is none", place=Place(file), remedy=_REMEDY) from None
    if manifest.KIND.matches(value):
        read: Any = json.loads(manifest.parse_manifest(data, file=file).to_json())
        kind = "manifest of a release"
    elif layout.KIND.matches(value):
        read, kind = layout.parse_layout(data, file=file), "layout of a flash"
    elif "payloadType" in value:
        read, kind = _statement(data, file), "signed statement of provenance; its signature is not judged here"
    elif "bomFormat" in value:
        from aos_ota_plugin.provenance.cyclonedx import parse_bill

        parse_bill(data, file=file)
        read, kind = value, "list of components (CycloneDX)"
    elif approval.KIND.matches(value):
        read, kind = json.loads(approval.parse_approval(data, file=file).to_json()), "approval of a second signer"
    elif "code" in value:
        read, kind = json.loads(parse_push(data, file=file).to_json()), "push message"
    else:
        problem = "this JSON is no manifest, no layout, no push message, no approval and no provenance"
        raise FormatError(problem, place=Place(file), remedy=_REMEDY)
    facts: List[Tuple[str, str]] = []
    for path, text in _leaves(read, ""):
        if len(facts) == _LIST_MAX:
            return Part(kind, 0, len(data), facts=tuple(facts), notes=(f"only {_LIST_MAX} values are shown",))
        facts.append((path, text))
    return Part(kind, 0, len(data), facts=tuple(facts))


def _statement(data: bytes, file: str) -> Any:
    """Return the statement in an envelope. Raises FormatError when it is none of ours."""
    from aos_ota_plugin.provenance.dsse import parse_envelope
    from aos_ota_plugin.provenance.statement import parse_statement

    payload = parse_envelope(data, file=file).payload
    parse_statement(payload, file=file)
    return json.loads(payload)


def _leaves(value: Any, path: str) -> Iterator[Tuple[str, str]]:
    """Yield every value of a document with its path, as ``images[0].size``."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{shown(key)}" if path else shown(key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{index}]")
    else:
        yield path, shown(value) if isinstance(value, str) else json.dumps(value)
