"""``aos-ota pack files``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from aos_ota_plugin.cli.options import ANY_PATH, json_option, output_option
from aos_ota_plugin.cli.output import echo_json, echo_warning
from aos_ota_plugin.device.limits import short_file
from aos_ota_plugin.errors import FormatError, placed
from aos_ota_plugin.files.read import check_size
from aos_ota_plugin.files.transaction import write_file
from aos_ota_plugin.images.pack import build
from aos_ota_plugin.pipeline.folder_files import read_files


@click.command("files")
@click.argument("folder", type=ANY_PATH)
@output_option("The pack to write.")
@json_option()
def command(folder: str, output: str, as_json: bool) -> None:
    """Put all files of FOLDER into one data-file pack.

    Their order in the pack depends on their names alone. Names that mean different files on different systems,
    links, pipes and devices are refused.

    \b
    Example:
      aos-ota pack files scripts/ -o scripts.pack
    """
    target = Path(os.path.realpath(output))
    if Path(os.path.realpath(folder)) in target.parents:
        raise FormatError(
            f"the output {output} would lie inside {folder}, and be packed the next time",
            remedy="choose a place outside with -o",
        )
    files = read_files(folder)
    with placed(folder):
        pack = build(files)
        check_size(pack, output)
    write_file(output, pack)
    if short_file(len(pack)):
        echo_warning(f"{output}: {short_file(len(pack))}")
    if as_json:
        echo_json(
            {
                "file": output,
                "size": len(pack),
                "files": [{"name": file.name, "size": len(file.data)} for file in files],
            }
        )
        return
    click.echo(f"{output}  {len(pack)} bytes  {len(files)} files")
    needed = sorted({file.name.rpartition("/")[0] for file in files} - {""})
    if needed:
        click.echo(f"devices make no folders; these have to be there: {', '.join(needed)}")
