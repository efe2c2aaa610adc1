"""``aos-ota sign-attach``."""

from __future__ import annotations

import click

from aos_ota_plugin.cli.options import FILE
from aos_ota_plugin.cli.signing import second_signer_options, sign_and_write, signing_options
from aos_ota_plugin.files.read import KEY_MAX, read_file
from aos_ota_plugin.keys.load import load_public_key
from aos_ota_plugin.keys.offline import AttachedSigner
from aos_ota_plugin.verify.release_parts import Asked, SecondSigner


@click.command("sign-attach")
@click.option("--public-key", "public_key_file", required=True, type=FILE, help="The public key that devices trust.")
@click.option("--signature", required=True, type=FILE, help="The signature's file: raw, hexadecimal or base64.")
@signing_options("The OTA image to write.")
@second_signer_options
def command(asked: Asked, second: SecondSigner, public_key_file: str, signature: str) -> None:
    """Make the OTA image of PAYLOAD with a signature that was made on another machine.

    The signature is that of the file which `aos-ota sign-request` wrote; give the same options here as there. The
    signature is verified, and the image proven, before anything is written.

    \b
    Example:
      aos-ota sign-attach ota_rtos.bin --public-key ota.pub.pem --signature signature \\
        --version app-1.0.1 -o ota_rtos_ota.bin
    """

    def attached(_: object) -> AttachedSigner:
        trusted = load_public_key(public_key_file)
        remedy = "give the file that was made of the digest: raw, hexadecimal or base64"
        return AttachedSigner(trusted, read_file(signature, "the signature", remedy, limit=KEY_MAX), file=signature)

    sign_and_write(asked, attached, second, inputs=(public_key_file, signature))
