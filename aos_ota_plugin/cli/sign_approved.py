"""``aos-ota sign-approved``."""

from __future__ import annotations

from typing import Tuple

import click

from aos_ota_plugin.cli.options import access, private_key_option
from aos_ota_plugin.cli.signing import also_option, second_signer_options, sign_and_write, signing_options
from aos_ota_plugin.verify.release_parts import Asked, SecondSigner, signer_of


@click.command("sign-approved")
@private_key_option("The private key, a token's URI or a program, as for `aos-ota sign`.", required=True)
@second_signer_options
@signing_options("The OTA image to write.")
@also_option
def command(asked: Asked, second: SecondSigner, key: str, also: Tuple[str, ...]) -> None:
    """Sign PAYLOAD as `aos-ota sign` does, with a second signer's approval.

    The approval has to be over these very bytes; it is copied into the manifest. Give --second-approval with
    --second-public-key, or --second-signer.

    \b
    Example:
      aos-ota sign-approved ota_rtos.bin --key ota_key.pem --version app-1.0.1 \\
        --second-approval app-1.0.1.json --second-public-key second.pub.pem -o ota_rtos_ota.bin
    """
    if not any(second):
        raise click.UsageError("give --second-approval with --second-public-key, or --second-signer")
    sign_and_write(asked, lambda ring: signer_of(key, ring, access()), second, also=also, inputs=(key,))
