"""``aos-ota sign``."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Optional

import click

from aos_ota_plugin.cli.output import refuse_overwriting
from aos_ota_plugin.device.limits import HAAS100_RTOS_SIZE
from aos_ota_plugin.device.version import check_version
from aos_ota_plugin.images.full import Digesting
from aos_ota_plugin.release.inputs import load_private_key, read
from aos_ota_plugin.release.make import ReleaseInput, make_release
from aos_ota_plugin.release.manifest import MAGICS, parse_manifest
from aos_ota_plugin.release.names import XZ_SUFFIX, diff_name
from aos_ota_plugin.release.store import write_set

if TYPE_CHECKING:
    from aos_ota_plugin.release.make import Release
    from aos_ota_plugin.release.manifest import Manifest
    from aos_ota_plugin.settings.secret import Secret


class Size(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic in some versions of click
    """A number of bytes, decimal or 0x hexadecimal."""

    name = "bytes"

    def convert(self, value: object, param: Optional[click.Parameter], ctx: Optional[click.Context]) -> int:
        """The number; a usage error for anything else."""
        if isinstance(value, int):
            return value
        try:
            return int(str(value), 0)
        except ValueError:
            self.fail(f"{value!r} is not a number of bytes such as 5734400 or 0x578000", param, ctx)


@click.command("sign", short_help="sign a payload outside a build")
@click.argument("payload", type=click.Path(dir_okay=False))
@click.option("--key", required=True, type=click.Path(dir_okay=False),
              help="The private key (PEM or DER); its passphrase comes from AOS_OTA_KEY_PASSPHRASE.")
@click.option("--version", required=True, help="The version that the payload reports, e.g. app-1.0.1.")
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False), help="The OTA image to write.")
@click.option("--elf", type=click.Path(dir_okay=False),
              help="The linked firmware, to prove that it holds this key and this version.")
@click.option("--base-release", type=click.Path(dir_okay=False), help="The manifest of the release in the field.")
@click.option("--allow-new-key", is_flag=True, help="Let the key differ from the base release's.")
@click.option("--magic", default="all", show_default=True, type=click.Choice(
    [name.lower() for name in MAGICS], case_sensitive=False), help="What the image replaces: its image_magic.")
@click.option("--xz", is_flag=True, help="Write a compressed image (OUTPUT.xz), too.")
@click.option("--diff", is_flag=True,
              help="Write a diff image from the base release (OUTPUT with .diff.bin), too; that release's payload or "
                   "image must lie beside its manifest.")
@click.option("--partition-size", type=Size(), default=HAAS100_RTOS_SIZE,
              help="Bytes that the OTA partition holds.  [default: the HaaS100's 0x578000]")
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as JSON.")
def command(
    payload: str, key: str, version: str, output: str, elf: Optional[str], base_release: Optional[str],
    allow_new_key: bool, magic: str, xz: bool, diff: bool, partition_size: int, as_json: bool,
) -> None:
    """Sign PAYLOAD (ota_rtos.bin) and prove the image, as the build does; a manifest is written beside it.

    \b
    Example:
      aos-ota sign ota_rtos.bin --key keys/ota_key.pem --version app-1.0.1 -o ota_rtos_ota.bin
    """
    folder, name = os.path.split(os.path.abspath(output))
    manifest_name = os.path.splitext(name)[0] + ".json"
    for written in (name, manifest_name, *([name + XZ_SUFFIX] if xz else []), *([diff_name(name)] if diff else [])):
        refuse_overwriting(os.path.join(folder, written), payload, key, elf, base_release)
    check_version(version, field="--version")
    if diff and not base_release:
        raise click.UsageError("--diff is made from the base release: give its manifest with --base-release")
    base = parse_manifest(read(base_release, "the base release", "give the ota_rtos_ota.json of the release in the "
                               "field"), file=base_release) if base_release else None
    data = read(payload, "the payload", "give the ota_rtos.bin of your build")
    digesting = Digesting(data)  # beside all that follows until the digests are needed
    given = ReleaseInput(
        payload=data,
        payload_name=os.path.basename(payload),
        image_name=name,
        version=version,
        security="local",
        identity="unknown",
        partition_size=partition_size,
        signer=load_private_key(key, passphrase()),
        elf=read(elf, "the ELF", "give the .elf of your build") if elf else None,
        elf_name=os.path.basename(elf or ""),
        base=base,
        base_payload=_base_payload(base, str(base_release), output) if diff and base else None,
        allow_new_key=allow_new_key,
        image_magic=magic.upper(),
        compress_xz=xz,
        digesting=digesting,
    )
    release = _with_progress(given) if diff else make_release(given)
    write_set(folder, {**release.images, manifest_name: release.manifest.to_json()})
    if as_json:
        click.echo(release.manifest.to_json().decode("utf-8"), nl=False)
        return
    for image in release.manifest.images:
        path = os.path.join(os.path.dirname(output), image.file)
        click.echo(f"{path}  {image.size} bytes  {version}  sha256 {image.sha256}")
    if xz or diff:
        from aos_ota_plugin.release.report import advice

        for line in advice(release.manifest, release.compressed_size):
            click.echo(line)
    if magic.upper() != "ALL":
        click.echo(f"image_magic {magic.upper()}")
    click.echo(f"signed by key {release.manifest.key_fingerprint}")
    for proof in release.manifest.proofs:
        click.echo(f"  ok  {proof.rule}: {proof.detail}")


def _base_payload(base: Manifest, file: str, output: str) -> bytes:
    from aos_ota_plugin.release.payloads import payload_of_release

    return payload_of_release(base, file, overwritten=(output,))


def _with_progress(given: ReleaseInput) -> Release:
    from aos_ota_plugin.console.progress import WorkProgress

    with WorkProgress(sys.stderr) as progress:
        return make_release(given, progress=progress)


def passphrase() -> Optional[Secret]:
    """The signing key's passphrase from the environment, if it is there."""
    value = os.environ.get("AOS_OTA_KEY_PASSPHRASE")
    if not value:
        return None
    from aos_ota_plugin.settings.secret import Secret

    return Secret(value)
