"""``aos-ota sign``."""

from __future__ import annotations

from typing import Tuple

import click

from aos_ota_plugin.cli.options import access, private_key_option
from aos_ota_plugin.cli.signing import also_option, sign_and_write, signing_options
from aos_ota_plugin.verify.release_parts import Asked, signer_of


@click.command("sign")
@private_key_option(
    "The private key (PEM or DER), a token's PKCS#11 URI, or a program that signs. Passphrase and PIN come from "
    "AOS_OTA_KEY_PASSPHRASE and AOS_OTA_PKCS11_PIN, or are asked for. "
    "A program's public key is the key ring's current one.",
    required=True,
)
@signing_options("The OTA image to write.")
@also_option
def command(asked: Asked, key: str, also: Tuple[str, ...]) -> None:
    """Sign PAYLOAD (ota_rtos.bin) and prove the image, as the build does.

    The manifest is written beside the image.

    \b
    Example:
      aos-ota sign ota_rtos.bin --key keys/ota_key.pem --version app-1.0.1 -o ota_rtos_ota.bin
    """
    sign_and_write(asked, lambda ring: signer_of(key, ring, access()), also=also, inputs=(key,))
