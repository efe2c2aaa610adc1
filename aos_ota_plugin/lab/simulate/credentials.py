"""Read an emulated device's identity and trusted root certificate from files."""

from __future__ import annotations

from pathlib import Path

from aos_ota_plugin.errors import FormatError, Place
from aos_ota_plugin.files.documents import parse_json
from aos_ota_plugin.files.read import KEY_MAX, read_file
from aos_ota_plugin.lab.simulate.network import Identity
from aos_ota_plugin.settings.secretfile import read_private


def read_identity(file: str) -> Identity:
    """Read a JSON file with product_key, device_name and device_secret.

    Raises:
        FormatError: there is no file, or it is no identity.
        SecretError: other users can read the file.
    """
    text = read_private(Path(file))
    if text is None:
        raise FormatError(
            "there is no such file",
            place=Place(file),
            remedy="`aos-ota cloud register` writes one, or write product_key, device_name and device_secret",
        )
    try:
        value = parse_json(text.encode("utf-8"))
    except (ValueError, RecursionError, FormatError):
        value = None
    names = Identity._fields
    if not isinstance(value, dict) or not all(isinstance(value.get(name), str) for name in names):
        raise FormatError(
            "this is no identity of a device",
            place=Place(file),
            remedy=f"write a JSON object with {', '.join(names)} as text",
        )
    return Identity(*(value[name] for name in names))


def read_certificate(file: str) -> str:
    """Read a root certificate in PEM. Raises SettingsError, FormatError."""
    from cryptography import x509

    data = read_file(file, "the root certificate", "give the file in PEM", limit=KEY_MAX)
    try:
        x509.load_pem_x509_certificate(data)
    except ValueError:
        raise FormatError(
            "this is no certificate in PEM", place=Place(file), remedy="give the root's certificate, not its key"
        ) from None
    return data.decode("ascii", "replace")
