"""``aos-ota verify``."""

from __future__ import annotations

import sys
from typing import Optional

import click

from aos_ota_plugin.cli.options import FILE, FOLDER, Size, json_option
from aos_ota_plugin.cli.output import echo_json
from aos_ota_plugin.device.acceptance import Device, Finding
from aos_ota_plugin.files.read import IMAGE_MAX, read_file
from aos_ota_plugin.pipeline.payloads import read_payload
from aos_ota_plugin.verify.answer import (
    Answer,
    find_signer,
    is_module_file,
    judge_image,
    judge_module_file,
    push_for,
    push_of,
    read_device_key,
    read_message,
)


@click.command("verify")
@click.argument("image", type=FILE)
@click.option("--elf", type=FILE, help="The firmware that runs on the device: its key is used.")
@click.option(
    "--public-key",
    type=FILE,
    help="The key that the device holds: PEM, DER, C arrays or the text copied from the console.",
)
@click.option("--keys", type=FOLDER, help="A folder of public keys, to name the one that signed.")
@click.option("--version", help="The version that the push message names.")
@click.option("--current-version", help="The version that the device runs: a new one has to be higher.")
@click.option("--partition-size", type=Size(), help="Bytes that the OTA partition holds.")
@click.option("--cloud", is_flag=True, help="A cloud-mode device: no ota_sign_info_t, the push message decides.")
@click.option("--digestsign", help="What the platform returned (base64), for a cloud-mode device; implies --cloud.")
@click.option(
    "--sign-method",
    type=click.Choice(["Md5", "SHA256"], case_sensitive=False),
    default="Md5",
    show_default=True,
    help="The push message's signMethod.",
)
@click.option(
    "--push", "push_file", type=FILE, help="The push message (JSON): its size, version, sign and digestsign are used."
)
@click.option(
    "--base",
    type=FILE,
    help="What the device runs, for a diff: a payload, a full or compressed OTA image, or a manifest.",
)
@click.option(
    "--module",
    is_flag=True,
    help="A module's file for the device's file system, without a trailer.  [default: for data-file packs]",
)
@json_option()
def command(
    image: str,
    elf: Optional[str],
    public_key: Optional[str],
    keys: Optional[str],
    version: Optional[str],
    current_version: Optional[str],
    partition_size: Optional[int],
    cloud: bool,
    digestsign: Optional[str],
    sign_method: str,
    push_file: Optional[str],
    base: Optional[str],
    module: bool,
    as_json: bool,
) -> None:
    """Check IMAGE as a device would; exit with 0 when it accepts, with 1 when it refuses.

    The checks are the agent's, then those of the second boot stage, which decodes compressed images and applies
    diffs. In local mode a module's file is judged only with --push. A pack with a name that leaves its folder is
    refused, as a hardened device does; the vendor's device would write it.

    \b
    Example:
      aos-ota verify ota_rtos_ota.bin --elf out/ota_demo@haas100.elf --current-version app-1.0.0
    """
    if (elf is None) == (public_key is None):
        raise click.UsageError("give the device's key by exactly one of --elf and --public-key")
    if push_file and digestsign:
        raise click.UsageError("--push brings its own digestsign")
    data = read_file(image, "the image", "give the path of an ota_rtos_ota.bin", limit=IMAGE_MAX)
    key = read_device_key(elf, public_key)
    message = read_message(push_file) if push_file else None
    module = module or is_module_file(data, message)
    cloud = cloud or (digestsign is not None and not module)
    push = push_of(message) if message else push_for(data, sign_method, digestsign) if cloud or digestsign else None
    device = Device(public_key=key, local_rsa=not cloud, version=current_version, partition_size=partition_size)
    version = version or (message.version if message else None)
    if module:
        judgement, by_agent = judge_module_file(device, data, version, push, file=image), True
    else:
        held = read_payload(base, "the base").data if base else None
        judgement, by_agent = judge_image(device, data, version, push, held)
    trailer = not cloud and not module
    answer = Answer(judgement, by_agent, key, find_signer(data, key, keys) if trailer else None)
    if as_json:
        echo_json(answer.to_document(image))
    else:
        _show(image, answer, trailer=trailer)
    sys.exit(0 if judgement.accepted else 1)


def _mark(finding: Finding) -> str:
    if not finding.ok:
        return "NO "
    return "ok " if finding.judged else " - "


def _show(image: str, answer: Answer, *, trailer: bool) -> None:
    judgement = answer.judgement
    refusal = f"refused: {judgement.verdict.name} ({int(judgement.verdict)})"
    if not answer.by_agent:
        refusal += ", by the second boot stage, after the agent has accepted it"
    click.echo(f"{image}: {'accepted' if judgement.accepted else refusal}")
    for finding in judgement.findings:
        click.echo(f"  {_mark(finding)} {finding.rule}: {finding.detail}")
    click.echo(f"  device's key  {answer.key.fingerprint if answer.key else 'none'}")
    if trailer:
        click.echo(f"  signed by     {answer.signer or 'a key not at hand (give a folder of public keys with --keys)'}")
