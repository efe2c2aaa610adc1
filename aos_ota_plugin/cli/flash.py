"""``aos-ota flash``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Tuple

import click

from aos_ota_plugin.cli.options import FILE, json_option
from aos_ota_plugin.cli.output import echo_json, echo_table
from aos_ota_plugin.errors import Place, WorkspaceError
from aos_ota_plugin.files.read import TEXT_MAX, read_file
from aos_ota_plugin.files.transaction import write_file
from aos_ota_plugin.lab.simulate.flash import flash_contents, partitions, read_flash, write_files


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
    """Write a build's files to IMAGE, the flash of an emulated board, and show its partitions.

    IMAGE is a file of 16 MiB. It gets what the vendor's flasher would write: the files of ota_bin that LIST
    (write_flash_gui's *dld_cfg.yaml) names, each to its partition. Other partitions stay as they are; a new IMAGE
    is erased flash.

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
    contents = flash_contents(flash, rows, written)
    if as_json:
        echo_json(contents)
    else:
        _show(contents)


def _show(contents: Dict[str, Dict[str, Any]]) -> None:
    rows = []
    for name, partition in contents.items():
        used = str(partition["used"]) if partition["used"] else "erased"
        digest = (partition["sha256"] or "")[:16]
        note = f"written now from {partition['file']}" if partition["written"] else ""
        rows.append((name, f"0x{partition['address']:06x}", f"0x{partition['size']:x}", used, digest, note))
    echo_table(("partition", "address", "size", "used", "sha256", ""), rows)
