"""The size of the partition that an OTA image is downloaded into.

Two of the vendor's files have it: the board's partition table (C), with which the device itself compares a
download, and the flasher's file list (YAML). Where the flasher maps the second boot stage and the system as one
window (``REMAP_SWITCH``), SIZE in the list is the size of the window, which includes the boot stage. So the table, if
there is one, is preferred.

Tables have two forms: ``hal_logic_partition_t`` with an entry for ``HAL_PARTITION_OTA_TEMP``, and since 3.3
``mtd_partition_t`` with entries for both banks of the firmware, ``MTD_PART_NAME_KERNEL`` and ``…_KERNEL2``. A download
goes to the bank that does not run, or to the second one: it has to fit into the smaller bank.

>>> partition_table_size("[HAL_PARTITION_OTA_TEMP] = { .partition_length = 0x578000 }", "partition_conf.c").size
5734400
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from aos_ota_plugin.errors import Place, WorkspaceError
from aos_ota_plugin.files.read import SOURCE_MAX, read_bytes
from aos_ota_plugin.files.yaml_text import YamlText, parse_foreign_yaml
from aos_ota_plugin.workspace.disk import read_text
from aos_ota_plugin.workspace.partition_table import TableEntry, number_of, table_entries

PAYLOAD = "ota_rtos.bin"
OTA_PARTITION = "HAL_PARTITION_OTA_TEMP"
_BANKS = ("MTD_PART_NAME_KERNEL", "MTD_PART_NAME_KERNEL2")


class PartitionSize(NamedTuple):
    """A size in bytes, and its place in the file.

    ``exact`` is False when the size may include the boot stage (``REMAP_SWITCH``, see above).
    """

    size: int
    place: Place
    exact: bool


def flash_list_size(text: str, file: str) -> PartitionSize:
    """Return the SIZE of ``ota_rtos.bin`` in a flasher's file list, however deep its entry is.

    An entry is a mapping with the file's name as a value, or under the file's name as its key. Raises WorkspaceError
    when there is none, its SIZE is no size, or a key is in it twice: the image's proof relies on it.
    """
    yaml_text = parse_foreign_yaml(text, file)
    for fields, place in _entries(yaml_text):
        if "SIZE" in fields:
            value, where = fields["SIZE"]
            size = number_of(value)
            if not size:
                raise WorkspaceError(
                    f"the SIZE of {PAYLOAD} is not a size in bytes: {value!r}"[:120],
                    place=where,
                    remedy="write it in hexadecimal, for example SIZE: 0x578000, or set OTA_PARTITION_SIZE",
                )
            return PartitionSize(size, where, exact=not _is_on(fields.get("REMAP_SWITCH", ("", place))[0]))
    raise WorkspaceError(
        f"this file list has no entry with a SIZE for {PAYLOAD}",
        place=Place(file),
        remedy="add one, or set OTA_PARTITION_SIZE to the size of the partition in bytes",
    )


def partition_table_size(text: str, file: str) -> Optional[PartitionSize]:
    """Return the size of the OTA partition in a board's C partition table; None when it has none.

    The smallest counts where there are several: two banks, or one partition under several ``#if``.

    Raises:
        WorkspaceError: its length is no plain number.
    """
    temporary: List[PartitionSize] = []
    banks: Dict[str, List[PartitionSize]] = {}
    for entry in table_entries(text, file):
        if entry.name == OTA_PARTITION:
            temporary += _lengths(entry)
        elif entry.name in _BANKS:
            banks.setdefault(entry.name, []).extend(_lengths(entry))
    # A table with one bank does not say where a download goes.
    sizes = temporary or [size for bank in banks.values() for size in bank if len(banks) == len(_BANKS)]
    return min(sizes, key=lambda size: size.size, default=None)


def _lengths(entry: TableEntry) -> List[PartitionSize]:
    """Return every length in a table's entry. Raises WorkspaceError for one that is no size, or none."""
    for length in entry.lengths:
        if not length.number:
            raise WorkspaceError(
                f"the length of {entry.name} is no plain number of bytes: {length.text!r}"[:160],
                place=length.place,
                remedy="write it in hexadecimal, for example 0x578000, or set OTA_PARTITION_SIZE",
            )
    if not entry.lengths:
        raise WorkspaceError(
            f"the entry {entry.name} of the partition table has no .partition_length",
            place=entry.place,
            remedy="add it, or set OTA_PARTITION_SIZE to the size of the partition in bytes",
        )
    return [PartitionSize(length.number or 0, length.place, exact=True) for length in entry.lengths]


def _entries(yaml_text: YamlText) -> Iterator[Tuple[Any, Place]]:
    """Yield the mappings about the payload, as fields by upper-case key, with their places."""
    from yaml.nodes import MappingNode, ScalarNode, SequenceNode

    waiting: List[Tuple[Any, bool]] = [(yaml_text.root, False)]
    visited = {id(repeated.lost) for repeated in yaml_text.survey.repeated}
    doubled = {id(repeated.mapping): repeated for repeated in yaml_text.survey.repeated}
    while waiting:
        node, of_payload = waiting.pop(0)
        if id(node) in visited:
            continue
        visited.add(id(node))
        if isinstance(node, SequenceNode):
            waiting.extend((child, of_payload) for child in node.value)
        if not isinstance(node, MappingNode):
            continue
        fields = {}
        for key, value in node.value:
            if isinstance(key, ScalarNode) and isinstance(value, ScalarNode):
                fields[key.value.upper()] = (value.value, yaml_text.place(value))
            waiting.append((value, isinstance(key, ScalarNode) and _is_payload(key.value)))
        if of_payload or any(_is_payload(value) for value, _ in fields.values()):
            if id(node) in doubled:
                repeated = doubled[id(node)]
                raise WorkspaceError(
                    f"{repeated.key.value[:80]!r} is set twice in the entry of {PAYLOAD}, in lines "
                    f"{repeated.before.start_mark.line + 1} and {repeated.key.start_mark.line + 1}",
                    place=yaml_text.place(repeated.key),
                    remedy="take one of the two out",
                )
            yield fields, yaml_text.place(node)


def _is_payload(text: str) -> bool:
    return re.split(r"[/\\]", text.strip())[-1].lower() == PAYLOAD


def _is_on(text: str) -> bool:
    return text.strip().lower() in ("on", "true", "yes", "y", "1")


def find_flash_list(chip_dir: str) -> Optional[str]:
    """Return the flasher's file list below a chip's folder, None when there is none."""
    gui = Path(chip_dir, "release", "write_flash_gui")
    lists = sorted(gui.glob("*dld_cfg*.yaml")) or sorted(gui.glob("dld_cfg/*dld_cfg*.yaml"))
    return str(lists[0]) if lists else None


def partition_files(board_dir: Optional[str], chip_dir: Optional[str]) -> List[str]:
    """Return the files that `find_partition_size` may read: the board's tables, the flasher's list."""
    tables = sorted(Path(board_dir, "config").glob("partition_conf*.c")) if board_dir else []
    flash_list = find_flash_list(chip_dir) if chip_dir else None
    return [*map(str, tables), *([flash_list] if flash_list else [])]


def _read_table(file: str) -> bytes:
    try:
        return read_bytes(file, SOURCE_MAX)
    except OSError as error:
        raise WorkspaceError(
            f"the partition table cannot be read: {error.strerror}",
            place=Place(file),
            remedy="check that it is a file and that you may open it, or set OTA_PARTITION_SIZE",
        ) from None


def find_partition_size(board_dir: Optional[str], chip_dir: Optional[str]) -> Optional[PartitionSize]:
    """Return the OTA partition's size: from the board's partition tables, else from the flasher's list.

    A board may have a table of each form; which one the device uses cannot be seen from here, so the smaller size
    counts. None when no file says; raises like ``flash_list_size`` and ``partition_table_size``.
    """
    sizes: List[PartitionSize] = []
    for file in partition_files(board_dir, chip_dir):
        if file.endswith(".c"):
            # Comments in the vendor's own files are not always UTF-8; only ASCII matters here.
            size = partition_table_size(_read_table(file).decode("utf-8", "replace"), file)
            sizes += [size] if size else []
        elif not sizes:
            return flash_list_size(read_text(Path(file)), file)
    return min(sizes, key=lambda size: size.size, default=None)
