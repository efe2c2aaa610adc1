"""The emulated board's flash: a file of 16 MiB, laid out by the flasher's own file list.

Flash is erased to ``ff``, in sectors of 4096 bytes. The list (``*dld_cfg.yaml``) says for every partition its name,
ADDR, SIZE and the file of ``ota_bin`` that belongs there.
"""

from __future__ import annotations

import hashlib
import os
import struct
from pathlib import Path
from typing import Any, Collection, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from aos_ota_plugin.device.limits import HAAS100_FLASH_SIZE
from aos_ota_plugin.errors import FormatError, Place, WorkspaceError
from aos_ota_plugin.files.read import IMAGE_MAX, read_file
from aos_ota_plugin.files.yaml_text import parse_foreign_yaml
from aos_ota_plugin.workspace.flash_layout import read_layout

ERASED = 0xFF
SECTOR = 4096
FLASH_SIZE = HAAS100_FLASH_SIZE
KV_LENGTH_MAX = 254


class Partition(NamedTuple):
    """A partition of the flasher's list; address and size in bytes."""

    name: str
    file: str
    address: int
    size: int


def partitions(flash_list: str, file: str) -> List[Partition]:
    """Return the partitions of a flasher's file list, by address.

    Raises WorkspaceError when there is none, or when one overlaps the next or the end of the flash.
    """
    names = _file_names(flash_list, file)
    rows = [Partition(name, names.get(name, ""), start, size) for name, start, size, _ in read_layout(flash_list, file)]
    rows.sort(key=lambda row: row.address)
    for row, following in zip(rows, [*rows[1:], None]):
        end = following.address if following else FLASH_SIZE
        if row.address + row.size > end:
            raise WorkspaceError(
                f"partition {row.name} ends at 0x{row.address + row.size:x}, behind 0x{end:x}, where "
                f"{following.name if following else 'the flash'} {'starts' if following else 'ends'}",
                place=Place(file),
                remedy="mend ADDR and SIZE",
            )
    return rows


def erased() -> bytearray:
    """Return 16 MiB of flash with nothing in it."""
    return bytearray([ERASED]) * FLASH_SIZE


def write_partition(flash: bytearray, partition: Partition, data: bytes) -> None:
    """Erase the partition and write `data` to its start. Raises FormatError when it does not fit."""
    if len(data) > partition.size:
        raise FormatError(f"{len(data)} bytes do not fit the {partition.size} of partition {partition.name}")
    end = partition.address + partition.size
    flash[partition.address : end] = data + bytes([ERASED]) * (partition.size - len(data))


def read_partition(flash: Union[bytes, bytearray], partition: Partition) -> bytes:
    """Return the content of a partition, without the erased bytes at its end."""
    return bytes(flash[partition.address : partition.address + partition.size]).rstrip(bytes([ERASED]))


def read_flash(image: str, *, must_exist: bool) -> bytearray:
    """Read the file of a flash; return an erased flash when it does not exist.

    Raises SettingsError, FormatError.
    """
    if not must_exist and not os.path.lexists(image):
        return erased()
    flash = bytearray(read_file(image, "the flash", "leave out --show, and it is made", limit=IMAGE_MAX))
    if len(flash) != FLASH_SIZE:
        raise FormatError(
            f"this file has {len(flash)} bytes, a flash {FLASH_SIZE}",
            place=Place(image),
            remedy="name another file, or remove this one, and it is made anew",
        )
    return flash


def write_files(flash: bytearray, rows: List[Partition], names: Tuple[str, ...], folder: Path) -> List[str]:
    """Write files of `folder` into `flash`: those of the partitions `names`, or all that are there.

    Returns the names of the partitions. Raises FormatError, SettingsError.
    """
    chosen = [row for row in rows if row.file and (row.name in names if names else (folder / row.file).is_file())]
    if not chosen:
        raise FormatError(f"none of the files that go into this flash is in {folder}", remedy="build first: aos make")
    for row in chosen:
        file = str(folder / row.file)
        data = read_file(file, f"partition {row.name}'s file", "build it first", limit=IMAGE_MAX)
        write_partition(flash, row, data)
    return [row.name for row in chosen]


def flash_contents(
    flash: Union[bytes, bytearray], rows: Sequence[Partition], written: Collection[str]
) -> Dict[str, Dict[str, Any]]:
    """Return each partition's content by name, for JSON; `written` names those written now."""
    contents: Dict[str, Dict[str, Any]] = {}
    for row in rows:
        data = read_partition(flash, row)
        contents[row.name] = {
            "address": row.address,
            "size": row.size,
            "used": len(data),
            "file": row.file or None,
            "written": row.name in written,
            "sha256": hashlib.sha256(data).hexdigest() if data else None,
        }
    return contents


def kv_records(values: Mapping[str, str]) -> bytes:
    """Return records of the demo's KV partition: key length, value length (u8 each), key, value.

    Raises FormatError when a key is empty, or key or value longer than 254 bytes.
    """
    records = b""
    for key, value in values.items():
        name, content = key.encode("utf-8"), value.encode("utf-8")
        if not 0 < len(name) <= KV_LENGTH_MAX or len(content) > KV_LENGTH_MAX:
            raise FormatError(f"the KV record {key!a} does not fit: key and value have at most {KV_LENGTH_MAX} bytes")
        records += struct.pack("BB", len(name), len(content)) + name + content
    return records


def _file_names(text: str, file: str) -> Mapping[str, str]:
    value = parse_foreign_yaml(text, file).value
    entries: Optional[object] = value.get("FILE_LIST") if isinstance(value, dict) else None
    names = {}
    for entry in entries if isinstance(entries, list) else ():
        for name, fields in entry.items() if isinstance(entry, dict) else ():
            if isinstance(fields, dict) and isinstance(fields.get("FILE_NAME"), str):
                names[str(name)] = fields["FILE_NAME"]
    return names
