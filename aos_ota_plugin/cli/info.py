"""``aos-ota info``."""

from __future__ import annotations

import click

from aos_ota_plugin.cli.output import echo_json, echo_table
from aos_ota_plugin.errors import placed
from aos_ota_plugin.images.full import parse
from aos_ota_plugin.release.inputs import read


@click.command("info", short_help="show what a file is, field by field")
@click.argument("image", type=click.Path(dir_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(image: str, as_json: bool) -> None:
    """Show every field of an OTA image with its offset. Nothing is checked: that is what `verify` does.

    \b
    Example:
      aos-ota info ota_rtos_ota.bin
    """
    data = read(image, "the image", "give the path of an ota_rtos_ota.bin")
    with placed(image):
        parsed = parse(data)
    if as_json:
        echo_json({"file": image, "size": parsed.size, "kind": parsed.kind, "signed": parsed.sign_info is not None,
                   "fields": [field._asdict() for field in parsed.fields()]})
        return
    signed = "signed for local mode" if parsed.sign_info else "no ota_sign_info_t: for cloud mode"
    click.echo(f"{image}: {parsed.kind} OTA image, {parsed.size} bytes, {signed}")
    echo_table(("offset", "bytes", "field", "value"),
               [(f"0x{field.offset:08x}", str(field.size), field.name, field.value) for field in parsed.fields()])
