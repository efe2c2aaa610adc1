"""What stands for a private key: a file, a token (``pkcs11:…``), a program (``command:…``), a release (``release:…``).

Example:
    parse_reference("keys/ota_key.pem").file  # "keys/ota_key.pem"
    parse_reference("pkcs11:token=OTA%20keys;object=ota").uri.token  # "OTA keys"
    parse_reference("command:tools/sign --key-id ota").command  # ("tools/sign", "--key-id", "ota")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Optional, Tuple

if TYPE_CHECKING:
    from aos_ota_plugin.keys.pkcs11_uri import Pkcs11Uri


class KeyReference(NamedTuple):
    """A private key by where it is; exactly one of ``file``, ``uri``, ``command`` and ``release`` is set.

    ``text`` is the reference as it was written. ``command`` is a program and its arguments, ``release`` the folder of a
    kept release. Paths in ``uri``, ``command`` and ``release`` may be relative; who loads the key says to what.
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
        """Say whether what signs cannot tell which public key belongs to it."""
        return bool(self.command) or self.release is not None


def parse_reference(text: str) -> KeyReference:
    """Read a reference: the scheme decides, in capital or small letters, and what has none is a file's path.

    Raises:
        SigningKeyError: it is no PKCS#11 URI of a private key, or names no program.
        SecretError: a PIN stands in the URI.
    """
    scheme, _, rest = text.partition(":")
    scheme = scheme.lower()
    if scheme == "pkcs11":
        from aos_ota_plugin.keys.pkcs11_uri import parse_uri

        return KeyReference(text, uri=parse_uri(text))
    if scheme == "command":
        from aos_ota_plugin.keys.command import parse_command

        return KeyReference(text, command=parse_command(text))
    if scheme == "release":
        return KeyReference(text, release=rest)
    return KeyReference(text, file=text)
