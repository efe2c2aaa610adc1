"""All partitions of a board's flash, from its C partition table or its flasher's file list."""

from __future__ import annotations

from typing import List, Optional, Tuple

from aos_ota_plugin.errors import Place, WorkspaceError
from aos_ota_plugin.files.yaml_text import parse_foreign_yaml
from aos_ota_plugin.workspace.partition_table import SIZE_MAX, number_of, table_entries

Row = Tuple[str, int, int, Place]
"""Name, first address and length in bytes, and their place in the file."""


def read_layout(text: str, file: str) -> List[Row]:
    """Return the partitions of a ``partition_conf*.c`` or of a ``*dld_cfg*.yaml``.

    The file's name decides which it is. Entries whose address or length is no plain number are left out. Raises
    WorkspaceError when none is left.
    """
    rows = _flash_list(text, file) if file.lower().endswith((".yaml", ".yml")) else _table(text, file)
    if not rows:
        raise WorkspaceError(
            "no partition with an address and a length was found here",
            place=Place(file),
            remedy="give the board's config/partition_conf*.c, or the chip's *dld_cfg.yaml",
        )
    return rows


def _table(text: str, file: str) -> List[Row]:
    return [
        (entry.name, start.number, length.number, Place(file, entry.place.line))
        for entry in table_entries(text, file)
        for start, length in zip(entry.starts, entry.lengths)
        if start.number is not None and length.number
    ]


def _flash_list(text: str, file: str) -> List[Row]:
    value = parse_foreign_yaml(text, file).value
    entries = value.get("FILE_LIST") if isinstance(value, dict) else None
    rows: List[Row] = []
    for entry in entries if isinstance(entries, list) else ():
        for name, fields in entry.items() if isinstance(entry, dict) else ():
            start, length = (fields.get("ADDR"), fields.get("SIZE")) if isinstance(fields, dict) else (None, None)
            numbers = [_number(start), _number(length)]
            if numbers[0] is not None and numbers[1]:
                rows.append((str(name), numbers[0], numbers[1], Place(file)))
    return rows


def _number(value: object) -> Optional[int]:
    if isinstance(value, int) and not isinstance(value, bool):
        return value if 0 <= value <= SIZE_MAX else None
    return number_of(value) if isinstance(value, str) else None
