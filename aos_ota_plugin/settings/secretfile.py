"""The secrets of a build, from environment variables, then from ``ota.secrets.yaml``."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Dict, List, Mapping, Optional

from aos_ota_plugin.device.limits import DEVICE_SECRET_MAX, PRODUCT_SECRET_MAX
from aos_ota_plugin.errors import OtaError, Place, SecretError, SettingsError
from aos_ota_plugin.files.git import tracked_by_git
from aos_ota_plugin.files.read import decode_text, read_with_mode
from aos_ota_plugin.files.yaml_text import Entry, parse_yaml
from aos_ota_plugin.keys.secret import Secret
from aos_ota_plugin.settings.foreign import nearest
from aos_ota_plugin.settings.raw import ENVIRONMENT, SECRETS_YAML, Origin, RawSetting

SECRETS_FILE = "ota.secrets.yaml"
VARIABLES = {
    "device_secret": "AOS_OTA_DEVICE_SECRET",
    "product_secret": "AOS_OTA_PRODUCT_SECRET",
    "key_passphrase": "AOS_OTA_KEY_PASSPHRASE",
    "pkcs11_pin": "AOS_OTA_PKCS11_PIN",
}
_LENGTHS = {"device_secret": DEVICE_SECRET_MAX, "product_secret": PRODUCT_SECRET_MAX}


Ask = Callable[[str], Optional[str]]
"""A function that asks the user a question and returns the answer; None without a terminal."""


@dataclass(frozen=True)
class Secrets:
    """The secrets that are set, their origins by field name, and the function that asks for others."""

    device_secret: Optional[Secret] = None
    product_secret: Optional[Secret] = None
    key_passphrase: Optional[Secret] = None
    pkcs11_pin: Optional[Secret] = None
    origins: Mapping[str, Origin] = field(default_factory=dict)
    ask: Optional[Ask] = field(default=None, compare=False, repr=False)


def read_environment(environ: Mapping[str, str]) -> List[RawSetting]:
    """Read the secrets among environment variables; an empty variable counts as not set."""
    settings = []
    for name, variable in VARIABLES.items():
        value = environ.get(variable, "")
        if value:
            origin = Origin(ENVIRONMENT)
            settings.append(RawSetting(name, _check_secret(name, value, variable, origin), "<secret>", origin))
    return settings


def read_secrets_yaml(text: str, file: str) -> List[RawSetting]:
    """Read an ``ota.secrets.yaml``; every value is returned as a Secret.

    Raises SettingsError for an unknown key or an impossible value. No message shows a value.
    """
    yaml_text = parse_yaml(text, file, error=SettingsError, quote=False)
    if yaml_text.value is None:
        return []
    if not isinstance(yaml_text.value, dict):
        raise _malformed(Place(file, 1))
    entries = yaml_text.entries(yaml_text.root, yaml_text.value)
    if len(entries) != len(yaml_text.value):
        raise _malformed(Place(file))
    return [_read_entry(entry) for entry in entries]


def _malformed(place: Place) -> SettingsError:
    return SettingsError(
        "a secrets file is a mapping of names to values, this is not",
        place=place,
        remedy=f"write one `name: 'value'` a line; the names are {', '.join(VARIABLES)}",
    )


def _read_entry(entry: Entry) -> RawSetting:
    origin = Origin(SECRETS_YAML, entry.place)
    if entry.key not in VARIABLES:
        # An unknown key may be a secret without its name, or hold a part of a secret: only its line is shown.
        near = nearest(entry.key.lower().replace("aos_ota_", ""), VARIABLES)
        raise SettingsError(
            "no secret has this name",
            place=Place(entry.place.file, entry.place.line),
            remedy=f"did you mean {near}?" if near else f"the names are {', '.join(VARIABLES)}",
        )
    if not isinstance(entry.value, str):
        raise SettingsError(
            f"{entry.key}: YAML does not read this value as text",
            place=entry.place,
            remedy="put it in single quotes; a secret of digits alone is a number to YAML without them",
        )
    return RawSetting(entry.key, _check_secret(entry.key, entry.value, entry.key, origin), "<secret>", origin)


def _check_secret(name: str, value: str, shown: str, origin: Origin) -> Secret:
    """Return a checked secret. Raises SettingsError, without showing the value."""
    problem = _problem(name, value)
    if problem:
        raise SettingsError(
            f"{shown}: the value {problem}",
            place=origin.place,
            remedy="copy it again, whole and without quotes around it, from where it was issued",
        )
    return Secret(value)


def _problem(name: str, value: str) -> str:
    if not value:
        return "is empty"
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in value):
        return "has a line break or another control character in it"
    # The user chooses a passphrase, and it is never in C source.
    return _problem_in_c(value, _LENGTHS[name]) if name in _LENGTHS else _problem_in_utf8(value)


def _problem_in_utf8(value: str) -> str:
    try:
        value.encode("utf-8", "surrogateescape")  # bytes of a variable that are no text are taken as they are
    except UnicodeEncodeError:
        return "is not text"
    return ""


def _problem_in_c(value: str, length: int) -> str:
    if len(value) > length:
        return f"is longer than {length} characters, more than a device can hold"
    if not value.isascii():
        return "has a character outside ASCII in it"
    if any(character in value for character in "\"'\\"):
        return "has a quote or a backslash in it"
    return ""


def load_secrets(solution_dir: str, environ: Mapping[str, str], ask: Optional[Ask] = None) -> Secrets:
    """Read the secrets of a solution; environment variables have priority over the file.

    Raises SecretError when others can read the file or git tracks it, SettingsError for bad content.
    """
    raws: Dict[str, RawSetting] = {}
    path = Path(solution_dir) / SECRETS_FILE
    text = read_private(path)
    for raw in read_secrets_yaml(text, str(path)) if text is not None else []:
        raws[raw.name] = raw
    for raw in read_environment(environ):
        raws[raw.name] = raw
    values = {name: raw.value for name, raw in raws.items() if isinstance(raw.value, Secret)}
    return Secrets(
        device_secret=values.get("device_secret"),
        product_secret=values.get("product_secret"),
        key_passphrase=values.get("key_passphrase"),
        pkcs11_pin=values.get("pkcs11_pin"),
        origins={name: raw.origin for name, raw in raws.items()},
        ask=ask,
    )


def read_private(path: Path) -> Optional[str]:
    """Return a secrets file's text, None without a file. Raises SecretError where others can read it."""
    place = Place(str(path))
    try:
        data, mode = read_with_mode(path)
    except OSError as error:
        if not os.path.lexists(path):
            return None
        raise SecretError(
            f"the secrets file cannot be read: {error.strerror}",
            place=place,
            remedy=f"make it a file that you can read, and only you: chmod 600 '{path}'",
        ) from None
    refuse_exposed(path, mode)
    try:
        return decode_text(data)
    except UnicodeDecodeError:
        remedy = "save it as UTF-8"
        raise SettingsError("the secrets file is not UTF-8 text", place=place, remedy=remedy) from None


def refuse_exposed(path: Path, mode: int) -> None:
    """Raise SecretError when others can read a secrets file (POSIX permission bits) or git tracks it."""
    place = Place(str(path))
    error: Optional[OtaError] = None
    if os.name == "posix" and mode & 0o077:
        error = SecretError(
            f"others can read or change this secrets file (mode {mode:04o})",
            place=place,
            remedy=f"chmod 600 '{path}'; if others use this machine, issue new secrets too",
        )
    elif tracked_by_git(str(path)):
        error = SecretError(
            "git tracks this secrets file",
            place=place,
            remedy=f"git rm --cached '{path}', add {SECRETS_FILE} to .gitignore, and issue new secrets: "
            "every clone has the old ones",
        )
    if error:
        raise error
