"""``aos-ota report``."""

from __future__ import annotations

import click

from aos_ota_plugin.cli.options import FILE, json_option
from aos_ota_plugin.cli.output import echo_json, echo_table
from aos_ota_plugin.files.read import DOCUMENT_MAX, read_file
from aos_ota_plugin.release.manifest import parse_manifest
from aos_ota_plugin.release.transfer import format_duration, transfer_report


@click.command("report")
@click.argument("manifest", type=FILE)
@json_option()
def command(manifest: str, as_json: bool) -> None:
    """Show the files of a release with estimated transfer times.

    MANIFEST is the release's ota_rtos_ota.json.

    \b
    Example:
      aos-ota report ota_rtos_ota.json
    """
    data = read_file(manifest, "the manifest", "give the ota_rtos_ota.json of the release", limit=DOCUMENT_MAX)
    report = transfer_report(parse_manifest(data, file=manifest))
    if as_json:
        echo_json(report.to_document())
        return
    echo_table(
        ("file", "kind", "bytes", *(channel.name for channel in report.channels)),
        [
            (
                row.file,
                row.kind,
                str(row.size),
                *("-" if time is None else format_duration(time) for time in row.seconds),
            )
            for row in report.rows
        ],
    )
    click.echo("")
    if report.recommended:
        click.echo(f"send: {report.recommended}")
    for note in report.notes:
        click.echo(f"note: {note}")
    click.echo("estimated from these rates, without erasing, checking and retries:")
    for channel in report.channels:
        click.echo(f"  {channel.name}: {channel.rate} bytes a second ({channel.assumption})")
