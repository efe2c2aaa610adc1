"""``aos-ota approve``."""

from __future__ import annotations

import os
from typing import Optional

import click

from aos_ota_plugin.cli.options import (
    FILE,
    access,
    json_option,
    magic_option,
    output_option,
    private_key_option,
    public_key_of_command_option,
)
from aos_ota_plugin.cli.output import echo_json, refuse_overwriting
from aos_ota_plugin.files.read import PAYLOAD_MAX, read_file
from aos_ota_plugin.files.transaction import write_file
from aos_ota_plugin.images.info import ImageMagic
from aos_ota_plugin.keys.load import load_private_key
from aos_ota_plugin.keys.reference import parse_reference


@click.command("approve")
@click.argument("payload", type=FILE)
@private_key_option("The second signer's private key.", required=True)
@public_key_of_command_option
@output_option("The approval to write.", metavar="FILE.json")
@magic_option
@json_option("the approval as JSON")
def command(payload: str, key: str, public_key_file: Optional[str], output: str, magic: str, as_json: bool) -> None:
    """Sign the hash of PAYLOAD (ota_rtos.bin) with the second signer's key.

    The file that is written is for OTA_SECOND_APPROVAL. Approve only what you built or checked yourself: the same
    sources give the same bytes. The approval is valid for this payload alone.

    \b
    Example:
      aos-ota approve ota_rtos.bin --key second_key.pem -o approvals/app-1.0.1.json
    """
    from aos_ota_plugin.errors import placed
    from aos_ota_plugin.release.approving import approve_payload

    refuse_overwriting(output, payload, key, public_key_file)
    data = read_file(payload, "the payload", "give the ota_rtos.bin of your build", limit=PAYLOAD_MAX)
    signer = load_private_key(parse_reference(key), access(), public_key_file)
    with placed(payload):
        approval = approve_payload(data, signer, ImageMagic[magic.upper()])
    write_file(output, approval.to_json())
    if as_json:
        echo_json({"approval": output, "hash": approval.hash32.hex(), "key_fingerprint": approval.key_fingerprint})
        return
    click.echo(f"{output}  {os.path.basename(payload)}, {len(data)} bytes")
    click.echo(f"hash          {approval.hash32.hex()}")
    click.echo(f"approved by   {approval.key_fingerprint}")
