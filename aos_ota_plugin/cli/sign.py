"""``aos-ota sign``."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Mapping, Optional, Tuple

import click

from aos_ota_plugin.cli.options import Size, access, ask
from aos_ota_plugin.cli.output import echo_json_text, refuse_overwriting
from aos_ota_plugin.device.limits import HAAS100_RTOS_SIZE
from aos_ota_plugin.device.version import check_version
from aos_ota_plugin.files.read import DOCUMENT_MAX, ELF_MAX, KEY_MAX, PAYLOAD_MAX, read_file
from aos_ota_plugin.files.transaction import write_set
from aos_ota_plugin.images.full import Digesting
from aos_ota_plugin.keys.load import key_to_embed, load_private_key, load_public_key, load_second_signer, read_ring
from aos_ota_plugin.keys.reference import parse_reference
from aos_ota_plugin.release.make import make_release
from aos_ota_plugin.release.manifest import MAGICS, parse_manifest
from aos_ota_plugin.release.names import XZ_SUFFIX, diff_name
from aos_ota_plugin.release.proofs import key_lines
from aos_ota_plugin.release.request import Base, Firmware, KeySet, Options, PayloadSource

if TYPE_CHECKING:
    from aos_ota_plugin.keys.rsa import PublicKey
    from aos_ota_plugin.keys.signer import HashSigner, Signer
    from aos_ota_plugin.release.make import Release
    from aos_ota_plugin.release.manifest import Manifest

Parts = Tuple[Firmware, KeySet, Base, Options]


@click.command("sign", short_help="sign a payload outside a build")
@click.argument("payload", type=click.Path(dir_okay=False))
@click.option(
    "--key",
    metavar="FILE|pkcs11:…|command:…",
    help="The private key (PEM or DER), a token's PKCS#11 URI, or a program that signs. Passphrase and PIN "
    "come from AOS_OTA_KEY_PASSPHRASE and AOS_OTA_PKCS11_PIN, or are asked for.",
)
@click.option(
    "--public-key",
    "public_key_file",
    type=click.Path(dir_okay=False),
    help="The public key: for a --key that is a command, and for signing elsewhere.",
)
@click.option(
    "--emit-digest",
    type=click.Path(dir_okay=False),
    metavar="FILE.json",
    help="Sign elsewhere: write what has to be signed (the 32 bytes themselves into FILE.bin), and no image.",
)
@click.option(
    "--attach-signature",
    type=click.Path(dir_okay=False),
    help="The signature that was made elsewhere: raw, hexadecimal or base64.",
)
@click.option("--version", required=True, help="The version that the payload reports, e.g. app-1.0.1.")
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="The OTA image to write.")
@click.option(
    "--elf",
    type=click.Path(dir_okay=False),
    help="The linked firmware, to prove that it holds this key and this version.",
)
@click.option(
    "--chip", metavar="NAME", help="The chip whose image step made PAYLOAD: what that may have changed is allowed."
)
@click.option("--allow-changed-payload", is_flag=True, help="Let PAYLOAD differ from the firmware in the ELF.")
@click.option("--base-release", type=click.Path(dir_okay=False), help="The manifest of the release in the field.")
@click.option("--allow-new-key", is_flag=True, help="Let the key differ from the base release's.")
@click.option("--key-ring", type=click.Path(dir_okay=False), help="The key ring: who may sign, and who is next.")
@click.option(
    "--embeds-next-key",
    is_flag=True,
    help="A transition release: the payload holds the ring's next key; --key is the one that devices trust.",
)
@click.option("--allow-development-key", is_flag=True, help="Let a development key or a published sample key pass.")
@click.option("--second-signer", metavar="FILE|pkcs11:…|command:…", help="The second of four eyes: who has to agree.")
@click.option("--second-approval", type=click.Path(dir_okay=False), help="What `aos-ota approve` wrote elsewhere.")
@click.option("--second-public-key", type=click.Path(dir_okay=False), help="The second signer's public key.")
@click.option(
    "--magic",
    default="all",
    show_default=True,
    type=click.Choice([name.lower() for name in MAGICS], case_sensitive=False),
    help="What the image replaces: its image_magic.",
)
@click.option("--xz", is_flag=True, help="Write a compressed image (OUTPUT.xz), too.")
@click.option(
    "--diff",
    is_flag=True,
    help="Write a diff image from the base release (OUTPUT with .diff.bin), too; that release's payload or "
    "image must lie beside its manifest.",
)
@click.option(
    "--partition-size",
    type=Size(),
    default=HAAS100_RTOS_SIZE,
    help="Bytes that the OTA partition holds.  [default: the HaaS100's 0x578000]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as JSON.")
def command(
    payload: str,
    key: Optional[str],
    public_key_file: Optional[str],
    emit_digest: Optional[str],
    attach_signature: Optional[str],
    version: str,
    output: Optional[str],
    elf: Optional[str],
    chip: Optional[str],
    allow_changed_payload: bool,
    base_release: Optional[str],
    allow_new_key: bool,
    key_ring: Optional[str],
    embeds_next_key: bool,
    allow_development_key: bool,
    second_signer: Optional[str],
    second_approval: Optional[str],
    second_public_key: Optional[str],
    magic: str,
    xz: bool,
    diff: bool,
    partition_size: int,
    as_json: bool,
) -> None:
    """Sign PAYLOAD (ota_rtos.bin) and prove the image, as the build does; a manifest is written beside it.

    \b
    Example:
      aos-ota sign ota_rtos.bin --key keys/ota_key.pem --version app-1.0.1 -o ota_rtos_ota.bin
    """
    _check_usage(key, public_key_file, emit_digest, attach_signature, output, xz or diff)
    _check_keys_usage(
        key_ring, base_release, second_signer, second_approval, second_public_key, embeds_next_key=embeds_next_key
    )
    output = emit_digest or str(output)
    folder, name = os.path.split(os.path.abspath(output))
    manifest_name = os.path.splitext(name)[0] + ".json"
    for written in (
        name,
        _message_name(name) if emit_digest else manifest_name,
        *([name + XZ_SUFFIX] if xz else []),
        *([diff_name(name)] if diff else []),
    ):
        refuse_overwriting(
            os.path.join(folder, written),
            payload,
            key,
            elf,
            base_release,
            public_key_file,
            attach_signature,
            key_ring,
            second_signer,
            second_approval,
            second_public_key,
        )
    check_version(version, field="--version")
    if diff and not base_release:
        raise click.UsageError("--diff is made from the base release: give its manifest with --base-release")
    base = (
        parse_manifest(
            read_file(
                base_release,
                "the base release",
                "give the ota_rtos_ota.json of the release in the field",
                limit=DOCUMENT_MAX,
            ),
            file=base_release,
        )
        if base_release
        else None
    )
    ring = read_ring(key_ring) if key_ring else None
    second, second_key = _second(second_signer, second_approval, second_public_key)
    data = read_file(payload, "the payload", "give the ota_rtos.bin of your build", limit=PAYLOAD_MAX)
    digesting = Digesting(data)  # beside all that follows until the digests are needed
    if key:
        signer = load_private_key(parse_reference(key), access(), public_key_file)
    else:
        signer = _elsewhere(str(public_key_file), attach_signature)
    parts = (
        Firmware(
            data,
            version,
            payload_name=os.path.basename(payload),
            elf=read_file(elf, "the ELF", "give the .elf of your build", limit=ELF_MAX) if elf else None,
            elf_name=os.path.basename(elf or ""),
            source=_source(chip, allow_any=allow_changed_payload),
            digesting=digesting,
        ),
        KeySet(
            "local",
            signer,
            next_key=key_to_embed(ring) if ring and embeds_next_key else None,
            ring=ring,
            second=second,
            second_key=second_key,
        ),
        Base(base, _base_payload(base, str(base_release), output) if diff and base else None),
        Options(
            partition_size,
            name,
            image_magic=magic.upper(),
            compress_xz=xz,
            allow_new_key=allow_new_key,
            allow_development_key=allow_development_key,
        ),
    )
    if emit_digest:
        _emit(parts, folder, emit_digest, as_json=as_json)
        return
    release = _with_progress(parts) if diff else make_release(*parts)
    write_set(folder, {**release.images, manifest_name: release.manifest.to_json()})
    if as_json:
        echo_json_text(release.manifest.to_json().decode("utf-8"))
        return
    for image in release.manifest.images:
        path = os.path.join(os.path.dirname(output), image.file)
        click.echo(f"{path}  {image.size} bytes  {version}  sha256 {image.sha256}")
    if xz or diff:
        from aos_ota_plugin.release.transfer import advice

        for line in advice(release.manifest, release.compressed_size):
            click.echo(line)
    if magic.upper() != "ALL":
        click.echo(f"image_magic {magic.upper()}")
    click.echo(f"signed by key {release.manifest.signer}")
    for line in key_lines(release.manifest):
        click.echo(line)
    manifest = release.manifest
    show_outcomes(dict(manifest.proofs), dict(manifest.excused), dict(manifest.not_judged))


def show_outcomes(passed: Mapping[str, str], excused: Mapping[str, str], not_judged: Mapping[str, str]) -> None:
    """Print every rule with its outcome."""
    for mark, outcomes in (("ok", passed), ("!!", excused)):
        for rule, detail in outcomes.items():
            click.echo(f"  {mark}  {rule}: {detail}")
    for rule, detail in not_judged.items():
        click.echo(f"   -  {rule}: not judged: {detail}")


def _source(chip: Optional[str], *, allow_any: bool) -> PayloadSource:
    if chip is None:
        return PayloadSource(allow_any=allow_any)
    from aos_ota_plugin.workspace.chip import load_named_chip

    described = load_named_chip(chip)
    return PayloadSource(
        may_change=described.may_change, allowed_by=f"the description of the chip {described.name}", allow_any=allow_any
    )


def _check_usage(
    key: Optional[str],
    public_key: Optional[str],
    emit: Optional[str],
    attach: Optional[str],
    output: Optional[str],
    more: bool,
) -> None:
    if sum(one is not None for one in (key, emit, attach)) != 1:
        raise click.UsageError("give exactly one of --key, --emit-digest and --attach-signature")
    if key is None and public_key is None:
        raise click.UsageError("signing elsewhere needs the public key that devices trust: --public-key")
    if key is None and more:
        raise click.UsageError("--xz and --diff make images that are signed on their own: they need --key")
    if (emit is None) != (output is not None):
        raise click.UsageError("--emit-digest writes no image: leave -o out" if emit else "give -o, the image to write")
    if emit is not None and not emit.endswith(".json"):
        raise click.UsageError("--emit-digest writes FILE.json, and FILE.bin beside it: give a name that ends in .json")


def _check_keys_usage(
    ring: Optional[str],
    base: Optional[str],
    signer: Optional[str],
    approval: Optional[str],
    public_key: Optional[str],
    *,
    embeds_next_key: bool,
) -> None:
    if embeds_next_key and not (ring and base):
        raise click.UsageError(
            "--embeds-next-key needs --key-ring, where the next key stands, and --base-release, "
            "whose devices are to take it"
        )
    if signer and approval:
        raise click.UsageError("give --second-signer or --second-approval: one approval is enough")
    if approval and not public_key:
        raise click.UsageError("--second-approval needs --second-public-key: anyone could have made it")


def _second(
    reference: Optional[str], approval: Optional[str], public_key: Optional[str]
) -> Tuple[Optional[HashSigner], Optional[PublicKey]]:
    """The second signer, and the key that it has to have."""
    wanted = load_public_key(public_key) if public_key else None
    if approval and wanted:
        from aos_ota_plugin.keys.load import load_approval

        return load_approval(approval, wanted), wanted
    return (load_second_signer(parse_reference(reference), ask, "", wanted) if reference else None), wanted


def _elsewhere(public_key: str, signature: Optional[str]) -> Signer:
    """The signer that stands for whoever signs elsewhere."""
    from aos_ota_plugin.keys.offline import AttachedSigner

    trusted = load_public_key(public_key)
    if signature is None:
        return AttachedSigner(trusted)
    remedy = "give the file that was made of the digest: raw, hexadecimal or base64"
    return AttachedSigner(trusted, read_file(signature, "the signature", remedy, limit=KEY_MAX), file=signature)


def _message_name(name: str) -> str:
    return os.path.splitext(name)[0] + ".bin"


def _emit(parts: Parts, folder: str, output: str, *, as_json: bool) -> None:
    from aos_ota_plugin.release.make import signing_request
    from aos_ota_plugin.release.proofs import Proofs

    proofs = Proofs()
    request = signing_request(*parts, proofs=proofs)
    document = request.to_json()
    message = _message_name(output)
    write_set(folder, {os.path.basename(output): document, os.path.basename(message): request.hash32})
    if as_json:
        echo_json_text(document.decode("utf-8"))
        return
    click.echo(f"{output}  what has to be signed, and what for")
    click.echo(f"{message}  the 32 bytes: sign them as any message, RSASSA-PKCS1-v1_5 with SHA-256, e.g.")
    click.echo(f"    openssl dgst -sha256 -sign KEY.pem -out SIGNATURE {message}")
    show_outcomes(proofs.passed, proofs.excused, proofs.not_judged)


def _base_payload(base: Manifest, file: str, output: str) -> bytes:
    from aos_ota_plugin.pipeline.payloads import payload_of_release

    return payload_of_release(base, file, overwritten=(output,))


def _with_progress(parts: Parts) -> Release:
    from aos_ota_plugin.console.progress import WorkProgress

    with WorkProgress(sys.stderr) as progress:
        return make_release(*parts, progress=progress)
