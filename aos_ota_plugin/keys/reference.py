"""Key references: where a private key is.

A file, a token (``pkcs11:…``), a program (``command:…``), or in a rebuild a kept release (``release:…``).

>>> parse_reference("keys/ota_key.pem").file
'keys/ota_key.pem'
>>> parse_reference("command:tools/sign --key-id ota").command
('tools/sign', '--key-id', 'ota')
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple, Optional, Tuple

if TYPE_CHECKING:
    from aos_ota_plugin.keys.pkcs11_uri import Pkcs11Uri


class KeyReference(NamedTuple):
    """Where a private key is: exactly one of ``file``, ``uri``, ``command`` and ``release`` is set.

    ``text`` is the reference as it was written. ``command`` is a program and its arguments, ``release`` the folder of a
    kept release. Paths in ``uri``, ``command`` and ``release`` may be relative to a folder that the loader gets.
    """

    text: str
    file: Optional[str] = None
    uri: Optional[Pkcs11Uri] = None
    command: Tuple[str, ...] = ()
    release: Optional[str] = None

    def __str__(self) -> str:
        return self.text

    @property
    def needs_public_key(self) -> bool:
        """Return True where the public key has to be given: a program or a kept release."""
        return bool(self.command) or self.release is not None


def has_scheme(text: str) -> bool:
    """Return whether a reference is none to a file."""
    return text.partition(":")[0].lower() in ("pkcs11", "command", "release")


def parse_reference(text: str) -> KeyReference:
    """Read a reference by its scheme, in any case; a text without a scheme is a file's path.

    Raises:
        SigningKeyError: not a PKCS#11 URI of a private key, or a command without a program.
        SecretError: the URI contains a PIN.
    """
    scheme, _, rest = text.partition(":")
    scheme = scheme.lower() if has_scheme(text) else ""
    if scheme == "pkcs11":
        from aos_ota_plugin.keys.pkcs11_uri import parse_uri

        return KeyReference(text, uri=parse_uri(text))
    if scheme == "command":
        from aos_ota_plugin.keys.command import parse_command

        return KeyReference(text, command=parse_command(text))
    if scheme == "release":
        return KeyReference(text, release=os.path.expanduser(rest))
    return KeyReference(text, file=text)
