"""Signers that are no key file: a token (``pkcs11:…``), a program (``command:…``), a kept release (``release:…``)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Dict, Optional

from aos_ota_plugin.errors import SigningKeyError
from aos_ota_plugin.keys.signer import reference_kind

if TYPE_CHECKING:
    from aos_ota_plugin.keys.rsa import PublicKey
    from aos_ota_plugin.keys.signer import Signer
    from aos_ota_plugin.release.key_files import Access


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
        from aos_ota_plugin.keys.pkcs11 import Pkcs11Signer, find_module
        from aos_ota_plugin.keys.pkcs11_uri import parse_uri
        from aos_ota_plugin.release.passwords import pin

        uri = parse_uri(reference)
        module = find_module(uri, folder=access.folder, environ=os.environ)
        return Pkcs11Signer(uri, module, lambda: pin(access, uri))
    if reference_kind(reference) == "release":
        return _released(reference, access.folder, public_key)
    from aos_ota_plugin.keys.command import CommandSigner, parse_command, timeout_of

    words = parse_command(reference)
    if public_key is None:
        raise SigningKeyError("a signing command does not say which public key devices need to trust",
                              remedy="give it with OTA_PUBLIC_KEY, or --public-key")
    return CommandSigner(words, public_key, folder=access.folder, timeout=timeout_of(os.environ))


def _released(reference: str, folder: str, public_key: Optional[PublicKey]) -> Signer:
    from aos_ota_plugin.errors import placed
    from aos_ota_plugin.images import full
    from aos_ota_plugin.keys.released import SCHEME, ReleasedSigner
    from aos_ota_plugin.release.manifest import parse_manifest
    from aos_ota_plugin.release.names import MANIFEST_NAME
    from aos_ota_plugin.release.payloads import is_plain
    from aos_ota_plugin.release.reading import read

    if public_key is None:
        raise SigningKeyError("a kept release does not say which public key devices need to trust",
                              remedy="give it with OTA_PUBLIC_KEY, or --public-key")
    kept = os.path.normpath(os.path.join(folder, reference[len(SCHEME):]))
    path = os.path.join(kept, MANIFEST_NAME)
    manifest = parse_manifest(read(path, "the release", "name the folder of a release after release:"), file=path)
    signatures: Dict[bytes, bytes] = {}
    for artifact in (*manifest.images, *(module.image for module in manifest.modules)):
        if artifact.kind not in ("full", "xz", "diff") or not is_plain(artifact.file):
            continue
        image = os.path.join(kept, artifact.file)
        with placed(image):
            info = full.parse(read(image, "the release's image", "keep its files together"), local=True).sign_info
        if info is not None:
            signatures[info.hash] = info.signature
    return ReleasedSigner(public_key, signatures, folder=kept)
