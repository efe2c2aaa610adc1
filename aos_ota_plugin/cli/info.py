"""``aos-ota info``."""

from __future__ import annotations

import os
from typing import Optional

import click

from aos_ota_plugin.cli.options import FILE, json_option
from aos_ota_plugin.cli.output import echo_json
from aos_ota_plugin.errors import FormatError, Place
from aos_ota_plugin.files.read import DOCUMENT_MAX, IMAGE_MAX, read_bytes, read_file
from aos_ota_plugin.images.tree import part_lines
from aos_ota_plugin.verify.describe import explain_payload, inspect

_MANIFEST = "ota_rtos_ota.json"


@click.command("info")
@click.argument("file", type=FILE)
@json_option()
def command(file: str, as_json: bool) -> None:
    """Show what FILE is: every field with its offset, and the files inside it.

    FILE may be an OTA image of any kind, an xz stream, a diff, a data-file pack, a manifest, a layout, a push
    message or a key. Digests and checksums are compared with the bytes; `aos-ota verify` says whether a device
    accepts the file.

    \b
    Example:
      aos-ota info ota_rtos_ota.bin
    """
    data = read_file(
        file, "the file", "give the path of an ota_rtos_ota.bin, or of another file of ours", limit=IMAGE_MAX
    )
    try:
        part = inspect(data, file=file)
    except FormatError:
        explained = _by_its_neighbour(file, data)
        if explained is None:
            raise
        raise FormatError(explained, place=Place(file), remedy="upload one of those, or look into it") from None
    if as_json:
        signed = any(key == "signing" and value.startswith("signed") for key, value in part.facts)
        echo_json({"file": file, "signed": signed, **part.to_document()})
        return
    click.echo("\n".join(part_lines(part, f"{file}: ")))


def _by_its_neighbour(file: str, data: bytes) -> Optional[str]:
    """Ask the manifest beside a file that nothing else explains."""
    try:
        return explain_payload(data, read_bytes(os.path.join(os.path.dirname(file), _MANIFEST), DOCUMENT_MAX))
    except OSError:
        return None
