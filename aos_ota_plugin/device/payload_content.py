"""Tell firmware from other files by their content: what devices would install, but could never run.

An image that replaces the firmware (ALL, APP, KERNEL) holds the bytes that run. What another image or a module holds,
its own program reads: that may be any file, but for a private key, which no device gets.

>>> name_content(b"PK\\3\\4" + bytes(26))
'a zip archive'
"""

from __future__ import annotations

import contextlib
import json
import re
from typing import TYPE_CHECKING, Optional

from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.images import full
from aos_ota_plugin.images.info import ImageMagic
from aos_ota_plugin.keys.private_file import is_private_key
from aos_ota_plugin.keys.private_search import holds_private_half

if TYPE_CHECKING:
    from aos_ota_plugin.keys.rsa import PublicKey

FIRMWARE = (ImageMagic.ALL, ImageMagic.APP, ImageMagic.KERNEL)
"""What an image replaces when its payload is run by the device itself."""
_BEGINNINGS = (
    (b"\x7fELF", "an ELF file"),
    (b"!<arch>\n", "a static library"),
    (b"\x1f\x8b\x08", "a gzip file"),
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "a zip archive"),
    (b"BZh", "a bzip2 file"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"UF2\n", "a UF2 file"),
    (b"MZ\x90\0", "a Windows program"),
    (b"\xcf\xfa\xed\xfe", "a macOS program"),
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG\r\n", "a PNG picture"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"MSCF\0\0\0\0", "a CAB archive"),
    (b"\x04\x22\x4d\x18", "an LZ4 file"),
    (b"SQLite format 3\0", "an SQLite database"),
)
_PACK_SIZE_AT = slice(4, 8)
_TAR_AT, _TAR = 257, b"ustar"
_MARK = b"\xef\xbb\xbf"
_JSON_MAX, _SPACE_MAX = 8 << 20, 1 << 10
# Compiled where they are used: of most payloads the first byte tells.
_HEX_LINE = rb":((?:[0-9A-Fa-f]{2}){5,260})(?=[\r\n]|\Z)"
_S_LINE = rb"S[0-9]((?:[0-9A-Fa-f]{2}){3,256})(?=[\r\n]|\Z)"
_REMEDY = "give the firmware itself, the flat binary that devices run (ota_rtos.bin)"


def name_content(data: bytes) -> str:
    """Return what a file is that is no firmware, with its article; "" for what may be firmware."""
    return next(filter(None, (name(data) for name in (_by_beginning, _by_record, _by_text, _by_one_byte))), "")


def refuse_private_key(data: bytes, *keys: Optional[PublicKey]) -> None:
    """Raise FormatError for a private key, or a data-file pack with one in it: it must get to no device.

    The private half of each of ``keys`` is refused anywhere in the data, too, unless encrypted or compressed there.
    """
    inside: Optional[str] = None
    if int.from_bytes(data[_PACK_SIZE_AT], "little") == len(data):
        from aos_ota_plugin.images import pack

        named = (entry.raw_name for entry in pack.entries(data) if is_private_key(bytes(entry.data)))
        with contextlib.suppress(FormatError):  # no pack, for all its size
            inside = next((name.decode("utf-8", "backslashreplace") for name in named), None)
    if inside is not None or is_private_key(data):
        raise FormatError(
            f"this pack holds a private key, {inside[:80]!a}" if inside is not None else "this is a private key",
            remedy="a private key goes into no image and to no device: check which file is meant",
        )
    found = next((key for key in keys if key is not None and holds_private_half(data, key)), None)
    if found is not None:
        raise FormatError(
            f"this holds the private key {found.short_fingerprint}, which signs updates",
            remedy="remove it from what is packed: whoever reads it from a device can sign for all; devices need the "
            "public key only",
        )


def check_payload(payload: bytes, magic: ImageMagic = ImageMagic.ALL, *keys: Optional[PublicKey]) -> None:
    """Raise FormatError for bytes that must not become an image with this magic.

    There are none, or they are an OTA image, an xz stream, a diff or a private key, or hold the private half of one of
    ``keys``; or for an image that replaces the firmware, they are another file than firmware.
    """
    if not payload:
        raise FormatError("the payload is empty", remedy="check the build step that makes it")
    refuse_private_key(payload, *keys)
    full.refuse_image(payload)
    named = name_content(payload) if magic in FIRMWARE else ""
    if named:
        raise FormatError(f"this is {named}, not firmware that devices could run", remedy=_REMEDY)


def _by_beginning(data: bytes) -> str:
    if data[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR:
        return "a tar archive"
    return next((name for start, name in _BEGINNINGS if data.startswith(start)), "")


def _by_record(data: bytes) -> str:
    text = data[: 2 * _SPACE_MAX].lstrip(_MARK + b"\xff\xfe \t\r\n")
    if text[1:2] == text[3:4] == b"\0":  # UTF-16, as PowerShell's > saves it
        text = text.replace(b"\0", b"")
    for form, name, total in ((_HEX_LINE, "Intel HEX", 0), (_S_LINE, "a file of S-records", 0xFF)):
        record = re.match(form, text) if text[:1] == form[:1] else None
        if record and sum(bytes.fromhex(record[1].decode("ascii"))) & 0xFF == total:
            return name
    return ""


def _by_text(data: bytes) -> str:
    start = data[:_SPACE_MAX].lstrip(_MARK + b"\xff\xfe\0 \t\r\n")
    if start.startswith(b"-----BEGIN ") and b"\0" not in data:
        return "a PEM file"
    if not start.startswith((b"{", b"[")) or len(data) > _JSON_MAX:
        return ""
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return ""
    return "a JSON document, such as a manifest"


def _by_one_byte(data: bytes) -> str:
    empty = data[:1] in (b"\xff", b"\0") and not data.strip(data[:1])
    return f"nothing but bytes 0x{data[:1].hex()}" if empty else ""
