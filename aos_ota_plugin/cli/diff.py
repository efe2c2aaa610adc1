"""``aos-ota diff``."""

from __future__ import annotations

import hashlib
import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Optional

import click

from aos_ota_plugin.cli.options import (
    FILE,
    access,
    json_option,
    output_option,
    partition_size_option,
    public_key_of_command_option,
)
from aos_ota_plugin.cli.output import echo_json, refuse_overwriting
from aos_ota_plugin.console.progress import WorkProgress
from aos_ota_plugin.device.payload_content import refuse_private_key
from aos_ota_plugin.errors import placed
from aos_ota_plugin.files.transaction import write_file
from aos_ota_plugin.images.diff import build
from aos_ota_plugin.keys.load import load_private_key
from aos_ota_plugin.keys.reference import parse_reference
from aos_ota_plugin.pipeline.payloads import read_payload
from aos_ota_plugin.release.diffs import check_releases, compressed_size, make_patch, prove_accepted, prove_diff

if TYPE_CHECKING:
    from aos_ota_plugin.keys.signer import Signer
    from aos_ota_plugin.release.diffs import DiffImage


@click.command("diff")
@click.argument("old", type=FILE)
@click.argument("new", type=FILE)
@output_option("The diff image to write.")
@click.option(
    "--key",
    type=FILE,
    help="Sign it, as devices in local mode want it; the passphrase comes from AOS_OTA_KEY_PASSPHRASE.",
)
@public_key_of_command_option
@partition_size_option
@json_option()
def command(
    old: str,
    new: str,
    output: str,
    key: Optional[str],
    public_key_file: Optional[str],
    partition_size: int,
    as_json: bool,
) -> None:
    """Make a diff image from OLD to NEW, and prove it by applying it as a device does.

    OLD and NEW are payloads (ota_rtos.bin), full OTA images, or manifests (.json) with their release's payload or
    image beside them. With OLD's manifest it is also proven that the devices of that release accept the diff.

    \b
    Example:
      aos-ota diff old/ota_rtos_ota.json new/ota_rtos.bin --key keys/ota_key.pem -o p.diff.bin
    """
    refuse_overwriting(output, old, new, key, public_key_file)
    before, after = read_payload(old, "the old payload"), read_payload(new, "the new payload")
    signer = load_private_key(parse_reference(key), access(), public_key_file) if key else None
    public_key = signer.public_key if signer else None
    with placed(new):
        refuse_private_key(after.data, public_key)
    check_releases(before.manifest, after.manifest, public_key)
    with WorkProgress(sys.stderr) as progress:
        told = partial(progress, os.path.basename(output))
        patch = make_patch(before.data, after.data, partition_size=partition_size, progress=told)
    patch = build(patch, sign=signer.sign_hash if signer else None)
    diff_image = prove_diff(before.data, after.data, patch, partition_size=partition_size)
    prove_accepted(diff_image.image, public_key=public_key, partition_size=partition_size)
    write_file(output, diff_image.image)
    rival = compressed_size(after.data, signed=signer is not None, other=len(diff_image.image))
    if as_json:
        echo_json(
            {
                "file": output,
                "size": len(diff_image.image),
                "sha256": hashlib.sha256(diff_image.image).hexdigest(),
                "old_sha256": hashlib.sha256(before.data).hexdigest(),
                "new_sha256": hashlib.sha256(after.data).hexdigest(),
                "signed_by": public_key.fingerprint if public_key else None,
                "smaller_than_compressed": len(diff_image.image) < rival,
            }
        )
        return
    _show(output, diff_image, signer, rival)


def _show(output: str, diff_image: DiffImage, signer: Optional[Signer], rival: int) -> None:
    click.echo(f"{output}  {len(diff_image.image)} bytes  sha256 {hashlib.sha256(diff_image.image).hexdigest()}")
    click.echo(
        f"signed by key {signer.public_key.fingerprint}"
        if signer
        else "not signed: for cloud mode; devices in local mode want a diff with --key"
    )
    click.echo(f"  ok  applied in place: {diff_image.proof}")
    click.echo(f"  ok  device limits: {diff_image.limits}")
    if len(diff_image.image) >= rival:
        click.echo(f"no smaller than the new payload's compressed image with {rival} bytes: send that instead")
