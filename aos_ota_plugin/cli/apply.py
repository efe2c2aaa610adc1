"""``aos-ota apply``."""

from __future__ import annotations

import hashlib
import os
import sys

import click

from aos_ota_plugin.cli.options import FILE, OutputPath, output_option
from aos_ota_plugin.cli.output import refuse_overwriting, write_output
from aos_ota_plugin.console.progress import WorkProgress
from aos_ota_plugin.errors import ProofError, placed
from aos_ota_plugin.pipeline.payloads import Payload, read_diff, read_payload


@click.command("apply")
@click.argument("old", type=FILE)
@click.argument("patch", type=FILE)
@output_option("The new payload to write; - is standard output.", type=OutputPath(stream=True))
def command(old: str, patch: str, output: str) -> None:
    """Write the payload that a device makes of OLD and the diff image PATCH.

    OLD is a payload (ota_rtos.bin), a full OTA image, or a manifest (.json) with its release's payload or image
    beside it. PATCH is a diff image, or the manifest that lists one: then its digests are proven, too. PATCH may be
    unsigned: `aos-ota verify` checks signatures, this command does not.

    \b
    Example:
      aos-ota apply old/ota_rtos_ota.json p.diff.bin -o new/ota_rtos.bin
    """
    from aos_ota_plugin.images import diff

    refuse_overwriting(output, old, patch)
    before, change = read_payload(old, "the old payload"), read_diff(patch)
    _check_base(before.data, change, patch)
    with WorkProgress(sys.stderr) as progress, placed(patch):
        after = diff.apply(
            before.data, change.data, progress=lambda done, steps: progress(os.path.basename(output), done, steps)
        )
    digest = hashlib.sha256(after).hexdigest()
    if change.manifest and digest != change.manifest.payload.sha256:
        raise ProofError(
            f"the diff does not make the payload of {change.manifest.version} that {patch} describes",
            remedy="keep the release's files together, unchanged",
        )
    write_output(output, after, f"{output}  {len(after)} bytes  sha256 {digest}")


def _check_base(old: bytes, change: Payload, patch: str) -> None:
    base = change.manifest.base if change.manifest else None
    if base and hashlib.sha256(old).hexdigest() != base.payload_sha256:
        raise ProofError(
            f"the diff of {patch} is made from the payload of {base.version}, and this is another",
            remedy=f"give the payload, the image or the manifest of {base.version}",
        )
