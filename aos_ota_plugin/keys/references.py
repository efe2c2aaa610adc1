"""Signers that are no key file: a token (``pkcs11:…``), a program (``command:…``), a kept release (``release:…``)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Optional

from aos_ota_plugin.errors import SigningKeyError
from aos_ota_plugin.keys.signer import reference_kind

if TYPE_CHECKING:
    from aos_ota_plugin.keys.access import Access
    from aos_ota_plugin.keys.rsa import PublicKey
    from aos_ota_plugin.keys.signer import Signer


def check_reference(reference: str, folder: str) -> None:
    """Look at a reference as cheaply as every build can afford: no token is opened and no program started.

    Raises:
        SigningKeyError, SecretError: it cannot be understood, or there is a PIN in it; no program is there.
    """
    if reference_kind(reference) == "pkcs11":
        from aos_ota_plugin.keys.pkcs11_uri import parse_uri

        parse_uri(reference)
    elif reference_kind(reference) == "command":
        from aos_ota_plugin.keys.command import find_program, parse_command

        find_program(parse_command(reference)[0], folder)


def load_reference(reference: str, access: Access, public_key: Optional[PublicKey]) -> Signer:
    """The signer behind a reference; its own public key is ``public_key`` where both are known.

    Raises:
        SigningKeyError, SecretError: as the signers do; a program without a public key.
    """
    if reference_kind(reference) == "pkcs11":
        from aos_ota_plugin.keys.passwords import pin
        from aos_ota_plugin.keys.pkcs11 import Pkcs11Signer
        from aos_ota_plugin.keys.pkcs11_module import find_module
        from aos_ota_plugin.keys.pkcs11_uri import parse_uri

        uri = parse_uri(reference)
        module = find_module(uri, folder=access.folder, environ=os.environ)
        return Pkcs11Signer(uri, module, lambda: pin(access, uri))
    if reference_kind(reference) == "release":
        raise SigningKeyError(
            "a kept release stands for a key only in a build that makes it again",
            remedy="give a key's file, a token's PKCS#11 URI or a command",
        )
    from aos_ota_plugin.keys.command import CommandSigner, parse_command, timeout_of

    words = parse_command(reference)
    if public_key is None:
        raise SigningKeyError(
            "a signing command does not say which public key devices need to trust",
            remedy="give it with OTA_PUBLIC_KEY, or --public-key",
        )
    return CommandSigner(words, public_key, folder=access.folder, timeout=timeout_of(os.environ))
