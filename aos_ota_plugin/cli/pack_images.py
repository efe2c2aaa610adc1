"""``aos-ota pack images``."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import List, Optional, Tuple

import click

from aos_ota_plugin.cli.options import FILE, FOLDER, Size, access, json_option, public_key_of_command_option
from aos_ota_plugin.cli.output import echo_json_text, refuse_overwriting
from aos_ota_plugin.device.payload_content import check_payload
from aos_ota_plugin.errors import SettingsError, placed
from aos_ota_plugin.files.read import PAYLOAD_MAX, SOURCE_MAX, read_file
from aos_ota_plugin.files.transaction import write_set
from aos_ota_plugin.images.info import ImageMagic
from aos_ota_plugin.images.multi import Part, Partition, PlacedPart, place
from aos_ota_plugin.keys.load import load_private_key
from aos_ota_plugin.keys.reference import parse_reference
from aos_ota_plugin.release.layout import LAYOUT_NAME
from aos_ota_plugin.release.packing import PackedImages, pack_images
from aos_ota_plugin.workspace.flash_layout import read_layout

_OTA = ("HAL_PARTITION_OTA_TEMP", "HAL_PARTITION_RTOSB")
_WHERE = re.compile(r"(.+)@(0[xX][0-9a-fA-F]{1,8}|[0-9]{1,10}|[A-Za-z_][A-Za-z0-9_]*)")


@click.command("images")
@click.option("--app", type=FILE, metavar="FILE[@WHERE]", help="The application.  [WHERE: the application partition]")
@click.option("--kernel", type=FILE, metavar="FILE@WHERE", help="The kernel.")
@click.option("--all", type=FILE, metavar="FILE[@WHERE]", help="The whole firmware, instead of --app and --kernel.")
@click.option("--fs", type=FILE, metavar="FILE[@WHERE]", help="The file system.  [WHERE: the littlefs partition]")
@click.option("--mcu", type=FILE, metavar="FILE", help="The firmware of a second chip; it has no place in this flash.")
@click.option(
    "--table", required=True, type=FILE, help="The board's partition_conf*.c, or the flasher's *dld_cfg.yaml."
)
@click.option("--key", type=FILE, help="The private key that signs each image (local mode).")
@public_key_of_command_option
@click.option("--unsigned", is_flag=True, help="No ota_sign_info_t: for devices in cloud mode.")
@click.option("--ota-size", type=Size(), help="Bytes that the OTA partition holds.  [default: from the table]")
@click.option("-o", "--output", required=True, type=FOLDER, help="The folder to write into.")
@json_option("the layout as JSON")
def command(
    mcu: Optional[str],
    table: str,
    key: Optional[str],
    public_key_file: Optional[str],
    unsigned: bool,
    ota_size: Optional[int],
    output: str,
    as_json: bool,
    **parts: Optional[str],
) -> None:
    """Combine the images of one device: OTA images, files for the flasher, and their layout.

    Each part becomes an OTA image of its own, since devices accept one image in a file; one more file holds all
    parts joined. Which magics besides ALL and MCU a device makes use of is up to its board.

    WHERE is an address (0x2a000) or the name of a partition in the table. Overlaps, order and sizes are checked. A
    file for the flasher fills gaps inside a partition with 0xff, and never covers the space between two partitions.

    \b
    Example:
      aos-ota pack images --app app.bin --fs fs.bin --table partition_conf.c --key key.pem -o packed/
    """
    if (key is None) != unsigned:
        raise click.UsageError("give exactly one of --key and --unsigned")
    named = {magic: parts[magic.name.lower()] for magic in ImageMagic if parts.get(magic.name.lower())}
    if not named and not mcu:
        raise click.UsageError("give at least one of --app, --kernel, --all, --fs and --mcu")
    partitions = _partitions(table)
    located = place([_part(magic, str(value)) for magic, value in named.items()], partitions)
    signer = load_private_key(parse_reference(key), access(), public_key_file) if key else None
    room = ota_size or next((partition.length for partition in partitions if partition.name in _OTA), None)
    second_chip = _part(ImageMagic.MCU, mcu, located=False).data if mcu else None
    packed = pack_images(located, second_chip, signer, ota_size=room)
    sources = [_split(str(value))[0] for value in named.values()]
    for name in packed.files:
        refuse_overwriting(os.path.join(output, name), *sources, mcu, table, key, public_key_file)
    write_set(Path(output), packed.files)
    if as_json:
        echo_json_text(packed.layout)
    else:
        _show(output, located, packed, checked=room is not None)


def _show(output: str, located: Tuple[PlacedPart, ...], packed: PackedImages, *, checked: bool) -> None:
    for part in located:
        click.echo(f"0x{part.address:08x}  {len(part.data):>9} bytes  {part.magic.name:<6}  in {part.partition.name}")
    for name, data in packed.files.items():
        if name != LAYOUT_NAME:
            click.echo(f"{os.path.join(output, name)}  {len(data)} bytes")
    if not checked:
        click.echo(
            "the table does not say how large the OTA partition is, so the images' sizes are not checked; "
            "give --ota-size"
        )


def _split(value: str) -> Tuple[str, Optional[str]]:
    """Split ``FILE[@WHERE]`` into FILE and WHERE."""
    match = None if os.path.exists(value) else _WHERE.fullmatch(value)
    return (FILE.convert(match[1], None, None), match[2]) if match else (value, None)


def _part(magic: ImageMagic, value: str, *, located: bool = True) -> Part:
    path, where = _split(value) if located else (value, None)
    data = read_file(path, f"the {magic.name} image", "give FILE or FILE@WHERE", limit=PAYLOAD_MAX)
    with placed(path):
        check_payload(data, magic)
    if where is None or not where[0].isdigit():
        return Part(magic, data, where)
    try:
        return Part(magic, data, int(where, 0))
    except ValueError:
        raise SettingsError(
            f"{where} is not an address", remedy="write 0x2a000, or a decimal number without leading zeros"
        ) from None


def _partitions(table: str) -> List[Partition]:
    text = read_file(
        table, "the partition table", "give the board's config/partition_conf*.c", limit=SOURCE_MAX
    ).decode("utf-8", "replace")
    return [Partition(name, start, length) for name, start, length, _ in read_layout(text, table)]
