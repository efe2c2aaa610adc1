"""``layout.json`` of `aos-ota pack images`: the parts of a device's flash and the files made of them.

Format: UTF-8 JSON, schema ``aos-ota-layout/1``. Addresses and sizes in bytes, digests in lower-case hex.
"""

from __future__ import annotations

import hashlib
from typing import Any, Dict, Mapping, Sequence

from aos_ota_plugin.files.documents import DocumentKind, Fields, read_document
from aos_ota_plugin.images.info import ImageMagic
from aos_ota_plugin.images.multi import PlacedPart

SCHEMA = "aos-ota-layout/1"
LAYOUT_NAME = "layout.json"
KIND = DocumentKind("layout", {"schema": SCHEMA}, "give the layout.json that `aos-ota pack images` wrote")


def layout_document(
    placed: Sequence[PlacedPart], files: Mapping[str, bytes], *, flash: Mapping[str, int]
) -> Dict[str, Any]:
    """Return the layout of parts and files.

    ``files`` are the bytes of all files by name, ``flash`` the addresses of the files for the flasher.
    """
    return {
        "schema": SCHEMA,
        "flash": [{"file": name, "address": address} for name, address in flash.items()],
        "parts": [
            {
                "magic": part.magic.name,
                "address": part.address,
                "size": len(part.data),
                "partition": part.partition.name,
                "sha256": hashlib.sha256(part.data).hexdigest(),
            }
            for part in placed
        ],
        "files": {
            name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()
        },
    }


def parse_layout(data: bytes, *, file: str) -> Dict[str, Any]:
    """Read a layout; fields that ``layout_document`` does not write are left out.

    Raises:
        FormatError: not JSON, another schema, or a field missing or of the wrong type.
    """
    fields = read_document(data, KIND, file=file)
    files = fields.within(fields.values.get("files"), '"files"')
    return {
        "schema": SCHEMA,
        "flash": [
            {"file": item.text("file"), "address": item.size("address")} for item in fields.objects("flash", "a file")
        ],
        "parts": [_part(item) for item in fields.objects("parts", "a part")],
        "files": {name: _sized(files.within(value, f"{name[:80]!a}")) for name, value in files.values.items()},
    }


def _part(fields: Fields) -> Dict[str, Any]:
    return {
        "magic": fields.choice("magic", tuple(ImageMagic.__members__)),
        "address": fields.size("address"),
        "size": fields.size("size"),
        "partition": fields.text("partition", empty=True),
        "sha256": fields.digest("sha256", 64),
    }


def _sized(fields: Fields) -> Dict[str, Any]:
    return {"size": fields.size("size"), "sha256": fields.digest("sha256", 64)}
