"""``aos-ota push-message``."""

from __future__ import annotations

from typing import Optional

import click

from aos_ota_plugin.cli.options import FILE, access, public_key_of_command_option
from aos_ota_plugin.console.streams import require_stdout
from aos_ota_plugin.files.read import DOCUMENT_MAX, read_file
from aos_ota_plugin.keys.load import load_private_key
from aos_ota_plugin.keys.reference import parse_reference
from aos_ota_plugin.release.manifest import parse_manifest
from aos_ota_plugin.release.push import choose_file, push_message, warnings
from aos_ota_plugin.verify.release_file import read_artifact


@click.command("push-message")
@click.argument("manifest", type=FILE)
@click.option("--url", required=True, help="Where devices download the file; at most 255 characters.")
@click.option("--module", metavar="NAME", help="The module to offer.  [default: the firmware]")
@click.option("--file", "name", metavar="NAME", help="Which of the firmware's images.  [default: the full one]")
@click.option(
    "--key",
    type=FILE,
    help="The release's private key, for a digestsign; its passphrase comes from AOS_OTA_KEY_PASSPHRASE.",
)
@public_key_of_command_option
def command(
    manifest: str,
    url: str,
    module: Optional[str],
    name: Optional[str],
    key: Optional[str],
    public_key_file: Optional[str],
) -> None:
    """Print the upgrade message for one file of a release: one line of JSON.

    It is to be published to /ota/device/upgrade/{product key}/{device name}. MANIFEST is the release's
    ota_rtos_ota.json; the file has to lie beside it, unchanged.

    In local mode the firmware's images carry their signature. Modules that devices store as files do not: they need
    --key.

    \b
    Example:
      aos-ota push-message ota_rtos_ota.json --module js --url https://host/js --key key.pem
    """
    require_stdout()
    document = read_file(manifest, "the manifest", "give the ota_rtos_ota.json of the release", limit=DOCUMENT_MAX)
    release = parse_manifest(document, file=manifest)
    artifact = choose_file(release, module=module, file=name)
    read_artifact(manifest, artifact, "the file that the message offers")
    signer = load_private_key(parse_reference(key), access(), public_key_file) if key is not None else None
    message = push_message(release, artifact, url, signer=signer)
    click.echo(message.to_json().decode("ascii"))
    for warning in warnings(release, message):
        click.echo(f"warning: {warning}", err=True)
