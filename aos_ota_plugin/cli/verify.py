"""``aos-ota verify``."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Dict, List, Optional, Tuple

import click

from aos_ota_plugin.cli.options import Size
from aos_ota_plugin.cli.output import echo_json
from aos_ota_plugin.device.acceptance import Device, Finding, Judgement, Push, judge
from aos_ota_plugin.device.elf import read_public_key
from aos_ota_plugin.device.module_file import judge_module, judge_packed_payload
from aos_ota_plugin.device.updater import judge_update
from aos_ota_plugin.errors import FormatError, OtaError, Place, SigningKeyError, placed
from aos_ota_plugin.files.read import DOCUMENT_MAX, ELF_MAX, IMAGE_MAX, KEY_MAX, read_bytes, read_file
from aos_ota_plugin.images.full import kind_of, parse
from aos_ota_plugin.images.pack import is_pack
from aos_ota_plugin.keys.public import parse_public_key
from aos_ota_plugin.keys.rsa import PublicKey
from aos_ota_plugin.pipeline.payloads import read_payload
from aos_ota_plugin.protocol.module_names import DEFAULT
from aos_ota_plugin.protocol.push import PushMessage, parse_push

_GIVE_PUSH = "give the message with --push, or the digestsign that the platform returned with --digestsign"
_STAGES = {True: "agent", False: "boot stage"}


@click.command("verify", short_help="answer as a device would")
@click.argument("image", type=click.Path(dir_okay=False))
@click.option("--elf", type=click.Path(dir_okay=False), help="The firmware that runs on the device: its key is used.")
@click.option(
    "--public-key",
    type=click.Path(dir_okay=False),
    help="The key that the device holds: PEM, DER, C arrays or the text copied from the console.",
)
@click.option("--keys", type=click.Path(file_okay=False), help="A folder of public keys, to name the one that signed.")
@click.option("--version", help="The version that the push message names.")
@click.option("--current-version", help="The version that the device runs, for its order rule.")
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
    "--push",
    "push_file",
    type=click.Path(dir_okay=False),
    help="The push message (JSON): its size, version, sign and digestsign are used.",
)
@click.option(
    "--base",
    type=click.Path(dir_okay=False),
    help="What the device runs, for a diff: a payload, a full or compressed OTA image, or a manifest.",
)
@click.option(
    "--module",
    is_flag=True,
    help="A module's file for the device's file system, without a trailer.  [default: for data-file packs]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
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
    """Take IMAGE through the device's own checks; exit 0 when it accepts, 1 when it refuses.

    First the agent's, then those of the second boot stage, which decodes compressed images and applies diffs. A
    module's file needs --push in local mode to be judged at all. A pack with a name that leaves its folder is refused,
    as a hardened device does; the vendor's would write it.

    \b
    Example:
      aos-ota verify ota_rtos_ota.bin --elf out/ota_demo@haas100.elf --current-version app-1.0.0
    """
    if (elf is None) == (public_key is None):
        raise click.UsageError("give the device's key by exactly one of --elf and --public-key")
    if push_file and digestsign:
        raise click.UsageError("--push brings its own digestsign")
    data = read_file(image, "the image", "give the path of an ota_rtos_ota.bin", limit=IMAGE_MAX)
    key = _device_key(elf, public_key)
    message = _message(push_file) if push_file else None
    module = module or _is_module_file(data, message)
    cloud = cloud or (digestsign is not None and not module)
    push = _push_of(message) if message else _push(data, sign_method, digestsign) if cloud or digestsign else None
    device = Device(public_key=key, local_rsa=not cloud, version=current_version, partition_size=partition_size)
    version = version or (message.version if message else None)
    if module:
        judgement, agents = judge_module(device, data, version=version, push=push), True
        if judgement.accepted and push is None:
            raise FormatError(
                "in local mode the push message signs a module's file; without it nothing says whether a "
                "device accepts this one",
                place=Place(image),
                remedy=_GIVE_PUSH,
            )
    else:
        held = read_payload(base, "the base").data if base else None
        judgement, agents = _judge_image(device, data, version, push, held)
    signer = None if cloud or module else _who_signed(data, key, keys)
    if as_json:
        echo_json(_report(image, judgement, key, signer, agents))
    else:
        _show(image, judgement, key, agents)
        if not cloud and not module:
            click.echo(f"  signed by     {signer or 'a key not at hand (give a folder of public keys with --keys)'}")
    sys.exit(0 if judgement.accepted else 1)


def _judge_image(
    device: Device, data: bytes, version: Optional[str], push: Optional[Push], base: Optional[bytes]
) -> Tuple[Judgement, bool]:
    """Ask the agent, and the boot stage when the agent accepts; say whether the last word is the agent's."""
    judgement = judge(device, data, version=version, push=push)
    if not judgement.accepted:
        return judgement, True
    packed = judge_packed_payload(data)
    more = packed or judge_update(data, partition_size=device.partition_size, base=base)
    if not more:
        return judgement, True
    last = next((one for one in more if not one.ok), more[-1])
    return Judgement(last.verdict, (*judgement.findings, *more), judgement.signature_checked), bool(packed)


def _message(path: str) -> PushMessage:
    data = read_file(path, "the push message", "save the message that the platform sent", limit=DOCUMENT_MAX)
    return parse_push(data, file=path)


def _push_of(message: PushMessage) -> Push:
    return Push(message.size, message.sign_method, message.sign, message.digestsign)


def _is_module_file(data: bytes, message: Optional[PushMessage]) -> bool:
    """Whether this goes to the file system: a pack does, and what is pushed for a module without being an image."""
    if is_pack(data):
        return True
    if message is None or message.module in (None, DEFAULT) or kind_of(data) != "full":
        return False
    try:
        parse(data)
    except FormatError:
        return True
    return False


def _device_key(elf: Optional[str], public_key: Optional[str]) -> Optional[PublicKey]:
    if public_key:
        data = read_file(
            public_key,
            "the public key",
            "give the file with the key that the device holds",
            limit=KEY_MAX,
            error=SigningKeyError,
        )
        return parse_public_key(data, file=public_key)
    with placed(str(elf)):
        return read_public_key(
            read_file(str(elf), "the ELF", "give the .elf of the firmware that the device runs", limit=ELF_MAX)
        )


def _push(data: bytes, method: str, digestsign: Optional[str]) -> Push:
    digest = hashlib.md5(data, usedforsecurity=False) if method.lower() == "md5" else hashlib.sha256(data)
    return Push(size=len(data), sign_method=method, sign=digest.hexdigest(), digestsign=digestsign)


def _who_signed(data: bytes, key: Optional[PublicKey], folder: Optional[str]) -> Optional[str]:
    """The fingerprint of the key whose signature the image carries, among those at hand; None when none is."""
    try:
        sign_info = parse(data, local=True).sign_info
    except FormatError:
        return None
    if sign_info is None:
        return None
    candidates = ([key] if key else []) + (_keys_in(folder) if folder else [])
    for candidate in candidates:
        if candidate.verify_hash(sign_info.hash, sign_info.signature):
            return candidate.fingerprint
    return None


def _keys_in(folder: str) -> List[PublicKey]:
    root = Path(folder)
    if not root.is_dir():
        raise SigningKeyError(
            f"{folder} is not a folder of keys", remedy="give a folder with public key files to --keys"
        )
    found = []
    for path in sorted(root.rglob("*")):
        if path.is_file() and path.stat().st_size < 1 << 16:
            try:
                found.append(parse_public_key(read_bytes(path, KEY_MAX), file=str(path)))
            except (OtaError, OSError):
                continue  # a folder of keys may hold other things, private keys among them
    return found


def _report(
    image: str, judgement: Judgement, key: Optional[PublicKey], signer: Optional[str], agents: bool
) -> Dict[str, object]:
    return {
        "file": image,
        "accepted": judgement.accepted,
        "verdict": judgement.verdict.name,
        "code": int(judgement.verdict),
        "refused_by": None if judgement.accepted else _STAGES[agents],
        "device_key": key.fingerprint if key else None,
        "signed_by": signer,
        "findings": [
            {"rule": finding.rule, "ok": finding.ok, "judged": finding.judged, "detail": finding.detail}
            for finding in judgement.findings
        ],
    }


def _mark(finding: Finding) -> str:
    if not finding.ok:
        return "NO "
    return "ok " if finding.judged else " - "


def _show(image: str, judgement: Judgement, key: Optional[PublicKey], agents: bool) -> None:
    refusal = f"refused: {judgement.verdict.name} ({int(judgement.verdict)})"
    if not agents:
        refusal += ", by the second boot stage, after the agent has accepted it"
    click.echo(f"{image}: {'accepted' if judgement.accepted else refusal}")
    for finding in judgement.findings:
        click.echo(f"  {_mark(finding)} {finding.rule}: {finding.detail}")
    click.echo(f"  device's key  {key.fingerprint if key else 'none'}")
