"""``aos-ota pack``."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Dict, List, Optional, Tuple

import click

from aos_ota_plugin.cli.options import PUBLIC_KEY_HELP, Size, access
from aos_ota_plugin.cli.output import refuse_overwriting
from aos_ota_plugin.device.acceptance import Device, judge
from aos_ota_plugin.errors import FormatError, ProofError, SettingsError, placed
from aos_ota_plugin.files.read import PAYLOAD_MAX, SOURCE_MAX, check_size, read_file
from aos_ota_plugin.files.transaction import write_set
from aos_ota_plugin.images.full import build, check_payload
from aos_ota_plugin.images.info import ImageMagic
from aos_ota_plugin.images.multi import Part, Partition, PlacedPart, firmware, join, place, runs
from aos_ota_plugin.keys.load import load_private_key
from aos_ota_plugin.keys.reference import parse_reference
from aos_ota_plugin.release.layout import LAYOUT_NAME, layout_document
from aos_ota_plugin.workspace.flash_layout import read_layout

if TYPE_CHECKING:
    from aos_ota_plugin.keys.signer import Signer

_OTA = ("HAL_PARTITION_OTA_TEMP", "HAL_PARTITION_RTOSB")
_WHERE = re.compile(r"(.+)@(0[xX][0-9a-fA-F]{1,8}|[0-9]{1,10}|[A-Za-z_][A-Za-z0-9_]*)")
FLASH = "flash"


@click.command("pack", short_help="combine images for one device: APP, KERNEL, ALL, FS, MCU")
@click.option("--app", metavar="FILE[@WHERE]", help="The application.  [WHERE: the application partition]")
@click.option("--kernel", metavar="FILE@WHERE", help="The kernel.")
@click.option("--all", "whole", metavar="FILE[@WHERE]", help="The whole firmware, instead of --app and --kernel.")
@click.option("--fs", metavar="FILE[@WHERE]", help="The file system.  [WHERE: the littlefs partition]")
@click.option("--mcu", metavar="FILE", help="The firmware of a second chip; it has no place in this flash.")
@click.option(
    "--table",
    required=True,
    type=click.Path(dir_okay=False),
    help="The board's partition_conf*.c, or the flasher's *dld_cfg.yaml.",
)
@click.option("--key", type=click.Path(dir_okay=False), help="The private key that signs each image (local mode).")
@click.option("--public-key", "public_key_file", type=click.Path(dir_okay=False), help=PUBLIC_KEY_HELP)
@click.option("--unsigned", is_flag=True, help="No ota_sign_info_t: for devices in cloud mode.")
@click.option("--ota-size", type=Size(), help="Bytes that the OTA partition holds.  [default: from the table]")
@click.option("-o", "--output", required=True, type=click.Path(file_okay=False), help="The folder to write into.")
@click.option("--json", "as_json", is_flag=True, help="Print the layout as JSON.")
def command(
    app: Optional[str],
    kernel: Optional[str],
    whole: Optional[str],
    fs: Optional[str],
    mcu: Optional[str],
    table: str,
    key: Optional[str],
    public_key_file: Optional[str],
    unsigned: bool,
    ota_size: Optional[int],
    output: str,
    as_json: bool,
) -> None:
    """Make one OTA image a part, one of the joined firmware, files for the flasher, and a list of what lies where.

    WHERE is an address (0x2a000) or a partition's name in the table. Overlap, order and size are checked. A file for
    the flasher fills gaps inside a partition with ff, and never reaches over what lies between two. Devices know
    no file with several images in it, so each OTA image is an update of its own; which magics besides ALL and MCU a
    device makes use of is up to its board.

    \b
    Example:
      aos-ota pack --app app.bin --fs fs.bin --table partition_conf.c --key ota_key.pem -o packed/
    """
    if (key is None) != unsigned:
        raise click.UsageError("give exactly one of --key and --unsigned")
    given = {ImageMagic.APP: app, ImageMagic.KERNEL: kernel, ImageMagic.ALL: whole, ImageMagic.FS: fs}
    parts = [_part(magic, value) for magic, value in given.items() if value]
    sources = (*(_split(value)[0] for value in given.values() if value), mcu, table, key, public_key_file)
    if not parts and not mcu:
        raise click.UsageError("give at least one of --app, --kernel, --all, --fs and --mcu")
    partitions = _partitions(table)
    placed = place(parts, partitions)
    signer = load_private_key(parse_reference(key), access(), public_key_file) if key else None
    sign = signer.sign_hash if signer else None
    files = _images(placed, read_file(mcu, "the MCU image", "give its file", limit=PAYLOAD_MAX) if mcu else None, sign)
    room = ota_size or next((one.length for one in partitions if one.name in _OTA), None)
    for name, data in files.items():
        check_size(data, name)
        if room is not None and len(data) > room and not name.startswith(FLASH):
            raise FormatError(
                f"{name} would have {len(data)} bytes, and the OTA partition holds {room}",
                remedy="make the part smaller",
            )
    _check_images({name: data for name, data in files.items() if not name.startswith(FLASH)}, signer)
    for name in (*files, LAYOUT_NAME):
        refuse_overwriting(os.path.join(output, name), *sources)
    layout = layout_document(placed, files, flash={name: run[0].address for name, run in _flash(placed).items()})
    text = json.dumps(layout, indent=2, sort_keys=True) + "\n"
    write_set(Path(output), {**files, LAYOUT_NAME: text.encode("utf-8")})
    if as_json:
        click.echo(text, nl=False)
        return
    for one in placed:
        click.echo(f"0x{one.address:08x}  {len(one.data):>9} bytes  {one.magic.name:<6}  in {one.partition.name}")
    for name, data in files.items():
        click.echo(f"{os.path.join(output, name)}  {len(data)} bytes")
    if room is None:
        click.echo(
            "the table does not say how large the OTA partition is, so the images' sizes are not checked; "
            "give --ota-size"
        )


def _split(value: str) -> Tuple[str, Optional[str]]:
    """FILE and WHERE of ``FILE[@WHERE]``."""
    found = None if os.path.exists(value) else _WHERE.fullmatch(value)
    return (found[1], found[2]) if found else (value, None)


def _check_images(images: Dict[str, bytes], signer: Optional[Signer]) -> None:
    """Take every image through the device's rules, as `sign` does with its own."""
    device = Device(signer.public_key if signer else None, local_rsa=signer is not None)
    for name, data in images.items():
        for finding in judge(device, data).findings:
            if not finding.ok:
                raise ProofError(
                    f"a device would refuse {name} with {finding.verdict.name}: {finding.detail}",
                    remedy="check the file that it is made of",
                )


def _part(magic: ImageMagic, value: str) -> Part:
    path, where = _split(value)
    data = read_file(path, f"the {magic.name} image", "give FILE or FILE@WHERE", limit=PAYLOAD_MAX)
    with placed(path):
        check_payload(data)
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


def _images(
    placed: Tuple[PlacedPart, ...], mcu: Optional[bytes], sign: Optional[Callable[[bytes], bytes]]
) -> Dict[str, bytes]:
    files = {f"ota_{one.magic.name.lower()}.bin": build(one.data, sign=sign, magic=one.magic) for one in placed}
    inside = firmware(placed)
    if len(inside) > 1:
        files["ota_all.bin"] = build(join(inside), sign=sign, magic=ImageMagic.ALL)
    if mcu is not None:
        files["ota_mcu.bin"] = build(mcu, sign=sign, magic=ImageMagic.MCU)
    return {**files, **{name: join(run) for name, run in _flash(placed).items()}}


def _flash(placed: Tuple[PlacedPart, ...]) -> Dict[str, Tuple[PlacedPart, ...]]:
    """The flasher's files: one, or one for each stretch of flash, named after its address."""
    groups = runs(placed)
    if len(groups) == 1:
        return {f"{FLASH}.bin": groups[0]}
    return {f"{FLASH}_0x{group[0].address:08x}.bin": group for group in groups}
