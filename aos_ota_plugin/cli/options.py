"""Types and values that options of several commands share."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, List, Optional, Tuple

import click

from aos_ota_plugin.files.read import PAYLOAD_MAX
from aos_ota_plugin.keys.access import Access

if TYPE_CHECKING:
    from aos_ota_plugin.keys.secret import Secret

CLOUD_FOLDER = "build/cloud"
PUBLIC_KEY_HELP = "The public key; needed when --key is a command, which cannot tell."


class Size(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic in some versions of click
    """A number of bytes, decimal or 0x hexadecimal."""

    name = "bytes"

    def convert(self, value: object, param: Optional[click.Parameter], ctx: Optional[click.Context]) -> int:
        """The number; a usage error for anything else."""
        if isinstance(value, int):
            return value
        try:
            size = int(str(value), 0)
        except ValueError:
            size = 0
        if not 0 < size <= PAYLOAD_MAX:
            self.fail(f"{value!r} is not a number of bytes such as 5734400 or 0x578000", param, ctx)
        return size


def access() -> Access:
    """How this command gets at a private key: secrets from the environment, else whoever sits at the terminal."""
    return Access(_from_environment("AOS_OTA_KEY_PASSPHRASE"), _from_environment("AOS_OTA_PKCS11_PIN"), ask)


def ask(question: str) -> Optional[str]:
    """Ask whoever sits at the terminal; None where nobody does."""
    from aos_ota_plugin.console.prompt import ask_secret

    return ask_secret(question)


def _from_environment(variable: str) -> Optional[Secret]:
    value = os.environ.get(variable)
    if not value:  # an empty one is judged when it is needed
        return None
    from aos_ota_plugin.keys.secret import Secret

    return Secret(value)


def split_pairs(arguments: Tuple[str, ...]) -> Tuple[Tuple[str, str], ...]:
    """``KEY=value`` arguments as ``aos make`` takes them; a usage error for anything else."""
    pairs: List[Tuple[str, str]] = []
    for argument in arguments:
        name, separator, value = argument.partition("=")
        if not separator:
            raise click.UsageError(f"{argument!r} is not KEY=value")
        if name in dict(pairs):
            raise click.UsageError(f"{name} is given twice")
        pairs.append((name, value))
    return tuple(pairs)
