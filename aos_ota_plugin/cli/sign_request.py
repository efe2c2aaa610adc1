"""``aos-ota sign-request``."""

from __future__ import annotations

import os

import click

from aos_ota_plugin.cli.options import FILE
from aos_ota_plugin.cli.output import echo_json_text
from aos_ota_plugin.cli.signing import refuse_overwriting_inputs, release_parts, show_outcomes, signing_options
from aos_ota_plugin.files.transaction import write_set
from aos_ota_plugin.keys.load import load_public_key
from aos_ota_plugin.keys.offline import AttachedSigner
from aos_ota_plugin.release.make import signing_request
from aos_ota_plugin.release.proofs import Proofs
from aos_ota_plugin.verify.release_parts import NO_SECOND_SIGNER, Asked


@click.command("sign-request")
@click.option("--public-key", "public_key_file", required=True, type=FILE, help="The public key that devices trust.")
@signing_options("What has to be signed: FILE.json, and FILE.bin with the 32 bytes themselves.", "the request as JSON")
def command(asked: Asked, public_key_file: str) -> None:
    """Write what the machine with the private key has to sign for PAYLOAD.

    No image is written: `aos-ota sign-attach` makes it with the signature. What can be proven without the signature
    is proven.

    \b
    Example:
      aos-ota sign-request ota_rtos.bin --public-key ota.pub.pem --version app-1.0.1 -o request.json
    """
    if not asked.output.endswith(".json"):
        raise click.UsageError("a request is FILE.json, with FILE.bin beside it: give -o a name that ends in .json")
    message = asked.output[: -len(".json")] + ".bin"
    names = (asked.name, os.path.basename(message))
    refuse_overwriting_inputs(names, asked, NO_SECOND_SIGNER, public_key_file)
    proofs = Proofs()
    parts = release_parts(asked, lambda _: AttachedSigner(load_public_key(public_key_file)))
    request = signing_request(*parts, proofs=proofs)
    document = request.to_json()
    write_set(asked.folder, dict(zip(names, (document, request.hash32))))
    if asked.as_json:
        echo_json_text(document.decode("utf-8"))
        return
    click.echo(f"{asked.output}  what has to be signed, and what for")
    click.echo(f"{message}  the 32 bytes: sign them as any message, RSASSA-PKCS1-v1_5 with SHA-256, e.g.")
    click.echo(f"    openssl dgst -sha256 -sign KEY.pem -out SIGNATURE {message}")
    show_outcomes(proofs.passed, proofs.excused, proofs.not_judged)
