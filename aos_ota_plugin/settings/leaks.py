"""Refusing secrets in package.yaml, in ota.config and on the command line."""

from __future__ import annotations

import re
from typing import Optional

from aos_ota_plugin.errors import SecretError
from aos_ota_plugin.settings.raw import COMMAND_LINE, Origin

_SECRET = re.compile(r"(?P<prefix>.*?)(?P<what>DEVICE_?SECRET|PRODUCT_?SECRET|KEY_?PASSPHRASE|PKCS11_?PIN)", re.DOTALL)
_OUR_PREFIXES = ("", "OTA_", "AOS_", "AOS_OTA_", "SIGNING_", "OTA_SIGNING_", "AOS_OTA_SIGNING_")
_FLAGS = {"", "y", "n", "yes", "no", "0", "1", "true", "false", "none", "null", "~"}
_VARIABLES = {
    "DEVICESECRET": "AOS_OTA_DEVICE_SECRET",
    "PRODUCTSECRET": "AOS_OTA_PRODUCT_SECRET",
    "KEYPASSPHRASE": "AOS_OTA_KEY_PASSPHRASE",
    "PKCS11PIN": "AOS_OTA_PKCS11_PIN",
}


def secret_variable(name: str, text: str = "-") -> Optional[str]:
    """Return the environment variable for a secret of this name; None for other names.

    A name with another prefix (``WITH_DEVICE_SECRET``) and a flag (y, n, 0, …) as value is not a secret.
    """
    match = _SECRET.fullmatch(name.strip().upper())
    if match is None:
        return None
    if match["prefix"] not in _OUR_PREFIXES and text.strip().strip("'\"").lower() in _FLAGS:
        return None
    return _VARIABLES[match["what"].replace("_", "")]


def refuse_secret(name: str, text: str, origin: Origin) -> None:
    """Raise SecretError when ``name`` is a secret's, or ``text`` holds a private key or a PIN.

    The message shows neither.
    """
    where = "on the command line" if origin.kind == COMMAND_LINE else f"in {origin.kind}"
    variable = secret_variable(name, text)
    if variable is not None:
        yaml_key = variable[len("AOS_OTA_") :].lower()
        raise SecretError(
            f"{name}: there is a secret {where}",
            place=origin.place,
            remedy=f"take it out; put it in the environment variable {variable}, or in ota.secrets.yaml as "
            f"{yaml_key}. It has been where others can read it: treat it as leaked and issue a new one",
        )
    if name not in {"OTA_SIGNING_KEY", "OTA_SECOND_SIGNER"}:
        return
    if "BEGIN" in text and ("-----" in text or "PRIVATE" in text):
        raise SecretError(
            f"{name}: the key itself is {where}, not the path of its file",
            place=origin.place,
            remedy=f"put the key in a file only you can read and set {name} to its path. This key has "
            "been where others can read it: treat it as leaked and make a new one",
        )
    if re.search(r"pin[-_]value|pin[-_]source=\|", text, re.IGNORECASE):
        raise SecretError(
            f"{name}: there is a PIN {where}",
            place=origin.place,
            remedy="take pin-value out of the URI and put the PIN in the environment variable "
            "AOS_OTA_PKCS11_PIN. Treat it as leaked and set a new one",
        )
