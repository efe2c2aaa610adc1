"""``layout.json`` of `aos-ota pack`: where the parts of a device's flash lie, and the files made of them.

Format: UTF-8 JSON, schema ``aos-ota-layout/1``. Addresses and sizes in bytes, digests in lower-case hex.
"""

from __future__ import annotations

import hashlib
from typing import Any, Dict, Mapping, Sequence

from aos_ota_plugin.errors import FormatError, Place
from aos_ota_plugin.files import unique_json
from aos_ota_plugin.images.info import ImageMagic
from aos_ota_plugin.images.multi import PlacedPart

SCHEMA = "aos-ota-layout/1"
LAYOUT_NAME = "layout.json"
_REMEDY = "give the layout.json that `aos-ota pack` wrote"
_HEX = set("0123456789abcdef")


def layout_document(
    placed: Sequence[PlacedPart], files: Mapping[str, bytes], *, flash: Mapping[str, int]
) -> Dict[str, Any]:
    """Return the layout of these parts, of the files made of them by name, and the addresses of those to flash."""
    return {
        "schema": SCHEMA,
        "flash": [{"file": name, "address": address} for name, address in flash.items()],
        "parts": [
            {
                "magic": one.magic.name,
                "address": one.address,
                "size": len(one.data),
                "partition": one.partition.name,
                "sha256": hashlib.sha256(one.data).hexdigest(),
            }
            for one in placed
        ],
        "files": {
            name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()
        },
    }


def parse_layout(data: bytes, *, file: str) -> Dict[str, Any]:
    """Read what ``layout_document`` made; fields that it does not write are left out.

    Raises:
        FormatError: not JSON, another schema, or a field missing or of the wrong type.
    """
    try:
        document = unique_json.loads(data, file)
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise _bad(file, "it is not JSON") from None
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise _bad(file, f'"schema" is not "{SCHEMA}"')
    flash, parts, files = document.get("flash"), document.get("parts"), document.get("files")
    if not isinstance(flash, list) or not all(_is_flashed(one) for one in flash):
        raise _bad(file, '"flash" is not a list of files with their addresses')
    if not isinstance(parts, list) or not all(_is_part(part) for part in parts):
        raise _bad(file, '"parts" is not a list of parts with magic, address, size, partition and sha256')
    if not isinstance(files, dict) or not all(_is_file(one) for one in files.values()):
        raise _bad(file, '"files" does not give a size and a sha256 for every name')
    return {
        "schema": SCHEMA,
        "flash": [{key: one[key] for key in ("file", "address")} for one in flash],
        "parts": [{key: part[key] for key in ("magic", "address", "size", "partition", "sha256")} for part in parts],
        "files": {name: {key: one[key] for key in ("size", "sha256")} for name, one in files.items()},
    }


def _is_flashed(one: object) -> bool:
    return isinstance(one, dict) and isinstance(one.get("file"), str) and _is_number(one.get("address"))


def _is_part(part: object) -> bool:
    return (
        _is_file(part)
        and isinstance(part, dict)
        and _is_number(part.get("address"))
        and (isinstance(part.get("partition"), str) and part.get("magic") in list(ImageMagic.__members__))
    )


def _is_file(one: object) -> bool:
    digest = one.get("sha256") if isinstance(one, dict) else None
    return (
        isinstance(one, dict)
        and _is_number(one.get("size"))
        and isinstance(digest, str)
        and (len(digest) == 64 and set(digest) <= _HEX)
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _bad(file: str, problem: str) -> FormatError:
    return FormatError(f"this is no layout that we can read: {problem}", place=Place(file), remedy=_REMEDY)
