"""``aos-ota flash``."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import List, Tuple

import click

from aos_ota_plugin.cli.options import FILE, json_option
from aos_ota_plugin.cli.output import echo_json, echo_table
from aos_ota_plugin.errors import Place, WorkspaceError
from aos_ota_plugin.files.read import TEXT_MAX, read_file
from aos_ota_plugin.files.transaction import write_file
from aos_ota_plugin.lab.simulate.flash import Partition, partitions, read_flash, read_partition, write_files


@click.command("flash")
@click.argument("flash_list", metavar="LIST", type=FILE)
@click.argument("image", metavar="IMAGE", type=FILE)
@click.option(
    "--write",
    "names",
    multiple=True,
    metavar="PARTITION",
    help="Write the files of these partitions.  [default: of all whose file is there]",
)
@click.option("--show", is_flag=True, help="Write nothing.")
@json_option()
def command(flash_list: str, image: str, names: Tuple[str, ...], show: bool, as_json: bool) -> None:
    """Write to IMAGE, a file of 16 MiB that stands for a board's flash, what the flasher would write: the files of
    ota_bin that LIST (write_flash_gui's *dld_cfg.yaml) names, each to its partition. Other partitions stay as they are;
    a new IMAGE is erased flash. Then show every partition.

    \b
    Example:
      aos-ota flash write_flash_gui/haas1000_dld_cfg.yaml flash.bin
    """
    if show and names:
        raise click.UsageError("--show writes nothing, so --write has no place beside it")
    text = read_file(flash_list, "the file list", "give the *dld_cfg.yaml of write_flash_gui", limit=TEXT_MAX).decode(
        "utf-8", "replace"
    )
    rows = partitions(text, flash_list)
    unknown = [name for name in names if name not in {row.name for row in rows}]
    if unknown:
        raise WorkspaceError(
            f"there is no partition {unknown[0]!a} in this list",
            place=Place(flash_list),
            remedy=f"there are {', '.join(row.name for row in rows)}",
        )
    flash = read_flash(image, must_exist=show)
    written = [] if show else write_files(flash, rows, names, Path(flash_list).parent / "ota_bin")
    if written:
        write_file(image, bytes(flash))
    _print(flash, rows, written, as_json=as_json)


def _print(flash: bytearray, rows: List[Partition], written: List[str], *, as_json: bool) -> None:
    contents = [(row, read_partition(flash, row)) for row in rows]
    if as_json:
        echo_json(
            {
                row.name: {
                    "address": row.address,
                    "size": row.size,
                    "used": len(data),
                    "file": row.file or None,
                    "written": row.name in written,
                    "sha256": hashlib.sha256(data).hexdigest() if data else None,
                }
                for row, data in contents
            }
        )
        return
    echo_table(
        ("partition", "address", "size", "used", "sha256", ""),
        [
            (
                row.name,
                f"0x{row.address:06x}",
                f"0x{row.size:x}",
                str(len(data)) if data else "erased",
                hashlib.sha256(data).hexdigest()[:16] if data else "",
                _note(row, written),
            )
            for row, data in contents
        ],
    )


def _note(row: Partition, written: List[str]) -> str:
    return f"written now from {row.file}" if row.name in written else ""
