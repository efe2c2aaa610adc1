"""``aos-ota pack unpack``."""

from __future__ import annotations

import click

from aos_ota_plugin.cli.options import FILE, FOLDER, json_option
from aos_ota_plugin.cli.output import echo_json
from aos_ota_plugin.errors import placed
from aos_ota_plugin.files.read import IMAGE_MAX, read_file
from aos_ota_plugin.files.transaction import create_below
from aos_ota_plugin.images.pack import parse


@click.command("unpack")
@click.argument("pack", type=FILE)
@click.option("-d", "--directory", required=True, type=FOLDER, help="The folder to unpack into.")
@json_option()
def command(pack: str, directory: str, as_json: bool) -> None:
    """Unpack all files of PACK, or none if one is damaged, unsafe or there already.

    \b
    Example:
      aos-ota pack unpack scripts.pack -d unpacked/
    """
    data = read_file(pack, "the pack", "give a file that `aos-ota pack files` made", limit=IMAGE_MAX)
    with placed(pack):
        files = parse(data)
    create_below(directory, {file.name: file.data for file in files})
    if as_json:
        echo_json(
            {
                "file": pack,
                "directory": directory,
                "files": [{"name": file.name, "size": len(file.data)} for file in files],
            }
        )
        return
    for file in files:
        click.echo(f"{file.name}  {len(file.data)} bytes")
