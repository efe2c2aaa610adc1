"""``aos-ota verify``."""

from __future__ import annotations

import os
import sys
from typing import Any, Optional

import click

from aos_ota_plugin.cli.options import ANY_PATH, FILE, FOLDER, Size, json_option
from aos_ota_plugin.cli.output import echo_error, echo_json
from aos_ota_plugin.device.verdicts import DeviceVerdict, Finding
from aos_ota_plugin.errors import OtaError
from aos_ota_plugin.pipeline.payloads import read_payload
from aos_ota_plugin.verify.answer import Answer, Question, answer_all, read_device_key, read_message


@click.command("verify")
@click.argument("image", type=ANY_PATH)
@click.option("--elf", type=FILE, help="The firmware that runs on the device: its key is used.")
@click.option(
    "--public-key",
    type=FILE,
    help="The key that the device holds: PEM, DER, C arrays or the text copied from the console.",
)
@click.option("--keys", type=FOLDER, help="A folder of public keys, to name the one that signed.")
@click.option("--version", help="The version that the push message names.  [default: the manifest's]")
@click.option(
    "--current-version",
    help="The version that the device runs: a new one has to be higher.  [default: the manifest's base version]",
)
@click.option("--partition-size", type=Size(), help="Bytes that the OTA partition holds.  [default: the manifest's]")
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
    "--push",
    "push_file",
    type=FILE,
    help="The push message (JSON), as the platform sent it: the device's answer to it.",
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
@click.option("--allow-unchecked", is_flag=True, help="Status 0 also where the device checks no signature.")
@json_option()
def command(
    image: str,
    elf: Optional[str],
    public_key: Optional[str],
    keys: Optional[str],
    push_file: Optional[str],
    base: Optional[str],
    allow_unchecked: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Check IMAGE as the vendor's device would: the message, the agent, the second boot stage.

    IMAGE is a file; or a release, by its folder or its ota_rtos_ota.json: then each of its files is checked. Version,
    base version, partition size and security mode are taken from the manifest beside the file, unless given.

    The status is 0 when the device installs and runs it, 1 when it refuses it, would be damaged by it or does not check
    its signature, 2 when something cannot be read. `aos-ota verify-release` checks a release's statement and where it
    comes from.

    \b
    Example:
      aos-ota verify ota_rtos_ota.bin --elf out/ota_demo@haas100.elf --current-version app-1.0.0
    """
    if (elf is None) == (public_key is None):
        raise click.UsageError("give the device's key by exactly one of --elf and --public-key")
    if push_file and (given["digestsign"] is not None or given["version"] is not None):
        raise click.UsageError("--push brings its own digestsign and version")
    try:
        question = Question(
            read_device_key(elf, public_key),
            text=read_message(push_file) if push_file else None,
            base=read_payload(base, "the base").data if base else None,
            **given,
        )
        answers = answer_all(image, question, keys)
    except OtaError as error:  # 1 is for what was judged
        echo_error(error)
        sys.exit(2)
    good = [answer.judgement.accepted and (allow_unchecked or not answer.is_unchecked) for answer in answers]
    if not as_json:
        for answer in answers:
            _show(answer)
    elif os.path.isdir(image) or image.lower().endswith(".json"):
        echo_json({"accepted": all(good), "files": [answer.to_document() for answer in answers]})
    else:
        echo_json(answers[0].to_document())
    sys.exit(0 if all(good) else 1)


def _mark(finding: Finding) -> str:
    if not finding.ok:
        return "NO "
    return "ok " if finding.judged else " - "


def _show(answer: Answer) -> None:
    judgement = answer.judgement
    unchecked = click.style(", its signature NOT CHECKED", fg="red") if answer.is_unchecked else ""
    accepted = f"not judged: {answer.not_judged}" if answer.not_judged else "accepted"
    click.echo(f"{answer.file}: {accepted if judgement.accepted else _refusal(answer)}{unchecked}")
    for finding in judgement.findings:
        click.echo(f"  {_mark(finding)} {finding.rule}: {finding.detail}")
    if answer.is_unchecked:
        click.secho("  signature: NOT CHECKED: the device installs this, and anything else that comes so", fg="red")
    for line in answer.taken:
        click.echo(f"  {line}")
    click.echo(f"  device's key  {answer.key.fingerprint if answer.key else 'none'}")
    if answer.trailer:
        click.echo(f"  signed by     {answer.signer or 'a key not at hand (give a folder of public keys with --keys)'}")


def _refusal(answer: Answer) -> str:
    verdict = answer.judgement.verdict
    if verdict is DeviceVerdict.DEVICE_FAULT:
        return f"{verdict.name}: the device would crash, or write outside a buffer"
    return f"refused: {verdict.name} ({int(verdict)})" + (
        "" if answer.judgement.by_agent else ", by the second boot stage, after the agent has accepted it"
    )
