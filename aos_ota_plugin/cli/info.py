"""``aos-ota info``, also called ``aos-ota inspect``."""

from __future__ import annotations

import os
from typing import List, Optional

import click

from aos_ota_plugin.cli.output import echo_json
from aos_ota_plugin.errors import FormatError, Place
from aos_ota_plugin.files.read import DOCUMENT_MAX, IMAGE_MAX, read_bytes, read_file
from aos_ota_plugin.images.tree import Part, shown
from aos_ota_plugin.verify.describe import explain_payload, inspect

_MANIFEST = "ota_rtos_ota.json"
_INDENT = "  "


@click.command("info", short_help="tell what any file of ours is, all the way in")
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(file: str, as_json: bool) -> None:
    """Tell what FILE is, every field with its offset, and what is inside it.

    FILE may be an OTA image of any kind, an xz stream, a diff, a data-file pack, a manifest, a layout, a push message
    or a key. Digests and checksums are compared with the bytes; whether a device takes the file is for `verify` to say.

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
    click.echo("\n".join(_lines(part, f"{file}: ", "")))


def _by_its_neighbour(file: str, data: bytes) -> Optional[str]:
    """Ask the manifest beside a file that nothing else explains."""
    try:
        return explain_payload(data, read_bytes(os.path.join(os.path.dirname(file), _MANIFEST), DOCUMENT_MAX))
    except OSError:
        return None


def _lines(part: Part, title: str, indent: str) -> List[str]:
    name = f" {shown(part.name)}" if part.name else ""
    where = " (offsets below count from the start of what was decoded)" if part.decoded else ""
    at = f" at 0x{part.offset:08x}" if indent else ""
    lines = [f"{indent}{title}{part.kind}{name}, {part.size} bytes{at}{where}"]
    indent += _INDENT
    lines += [f"{indent}WRONG: {fault}" for fault in part.faults]
    lines += [f"{indent}note: {note}" for note in part.notes]
    width = max((len(key) for key, _ in part.facts), default=0)
    lines += [f"{indent}{key:<{width}}  {value}" for key, value in part.facts]
    width = max((len(mark.name) for mark in part.fields), default=0)
    for mark in part.fields:
        truth = {None: "", True: "  ok", False: "  WRONG"}[mark.ok]
        lines.append(f"{indent}0x{mark.offset:08x}  {mark.size:>9}  {mark.name:<{width}}  {mark.value}{truth}".rstrip())
    for inner in part.parts:
        lines += _lines(inner, "", indent)
    return lines
