"""``aos-ota keygen``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Optional

import click

from aos_ota_plugin.cli.options import FILE, json_option
from aos_ota_plugin.cli.output import echo_json
from aos_ota_plugin.errors import OutputError
from aos_ota_plugin.files.transaction import NewFile, create_files, take_back


@click.command("keygen")
@click.option(
    "-o",
    "--output",
    default="ota_key.pem",
    show_default=True,
    type=FILE,
    help="The private key's file; it must not exist yet.",
)
@click.option(
    "--public", "public_path", type=FILE, help="The public key's file.  [default: the private key's name with .pub.pem]"
)
@click.option("--dev", is_flag=True, help="Make a development key: it carries a mark, and release builds refuse it.")
@json_option()
def command(output: str, public_path: Optional[str], dev: bool, as_json: bool) -> None:
    """Make an RSA-2048 key pair, the one kind that devices accept.

    Only you can read the private key's file. The key is encrypted when AOS_OTA_KEY_PASSPHRASE is set in the
    environment. A development key carries its mark in the key itself: no conversion removes it.

    \b
    Example:
      aos-ota keygen -o keys/ota_key.pem
    """
    from aos_ota_plugin.keys.development import development_private_pem
    from aos_ota_plugin.keys.generate import generate_private_pem
    from aos_ota_plugin.keys.secret import Secret
    from aos_ota_plugin.keys.signer import load_signer

    text = os.environ.get("AOS_OTA_KEY_PASSPHRASE")
    passphrase = Secret(text).reveal() if text is not None else None
    private = Path(output)
    public = Path(public_path) if public_path else private.with_suffix(".pub.pem")
    take_back([public, private])
    for path in (private, public):
        if os.path.lexists(path):
            raise OutputError(
                f"{path} is there already; a key that is overwritten cannot be had back",
                remedy="choose another name with -o, or move that file away yourself",
            )
    if dev and passphrase:
        raise click.UsageError("a development key is not encrypted: unset AOS_OTA_KEY_PASSPHRASE")
    pem = development_private_pem() if dev else generate_private_pem(passphrase)
    signer = load_signer(pem, file=output, passphrase=passphrase)
    create_files([NewFile(public, signer.public_key.to_pem().encode("ascii")), NewFile(private, pem, 0o600)])
    if as_json:
        echo_json(
            {
                "private": str(private),
                "public": str(public),
                "encrypted": bool(passphrase),
                "development": dev,
                "fingerprint": signer.public_key.fingerprint,
            }
        )
        return
    state = "encrypted" if passphrase else "for development, not encrypted" if dev else "not encrypted"
    click.echo(f"private key  {private}  ({state}; keep a copy in a safe place)")
    click.echo(f"public key   {public}")
    click.echo(f"fingerprint  {signer.public_key.fingerprint}")
    click.echo(
        f"next: set `OTA_SIGNING_KEY: {output}` under def_config in the solution's package.yaml"
        + (", and `OTA_ALLOW_DEVELOPMENT_KEY: y`" if dev else "")
    )
