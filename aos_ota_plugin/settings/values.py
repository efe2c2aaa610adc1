"""Turning raw values into typed values; errors show the line and what to write instead."""

from __future__ import annotations

import os
import posixpath
import re
from typing import Optional

from aos_ota_plugin.device.limits import DEVICE_NAME_MAX, PRODUCT_KEY_MAX, VERSION_MAX
from aos_ota_plugin.errors import OtaError
from aos_ota_plugin.keys.reference import KeyReference, parse_reference
from aos_ota_plugin.settings.raw import RawSetting, setting_error

_TRUE = {"y", "yes", "1", "true"}
_FALSE = {"n", "no", "0", "false"}
_VERSION = re.compile(r"[A-Za-z0-9._-]+")
_NO_VERSIONS = ("latest", "all", "none")
_HEX = re.compile(r"0[xX][0-9a-fA-F]+")
_INTEGER = re.compile(r"0|[1-9][0-9]*")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")  # two characters or more: C: is a drive
_MAX_SIZE = 0xFFFF_FFFF


def as_bool(raw: RawSetting) -> bool:
    """Return True for y and False for n, in the spellings of Kconfig and YAML. Raises SettingsError."""
    if isinstance(raw.value, bool):
        return raw.value
    if isinstance(raw.value, (int, str)):
        word = str(raw.value).strip().lower()
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
    raise setting_error(raw, f"{_excerpt(raw)} is neither y nor n", f"write {raw.name}: y or {raw.name}: n")


def as_text(raw: RawSetting) -> str:
    """Return a text. Raises SettingsError for a value that YAML reads as a number, a date or another type."""
    if isinstance(raw.value, str):
        return raw.value
    if raw.value is None:
        return ""
    raise setting_error(
        raw,
        f"YAML reads {_excerpt(raw)} as {_type_name(raw.value)}, not as text",
        f'quotes help only until `aos make -b` rewrites package.yaml without them; write {raw.name}="…" into '
        "ota.config, which keeps it",
    )


def as_version(raw: RawSetting) -> str:
    """Return a version: 1 to 63 letters, digits, dots, hyphens or underscores (the platform's own rule)."""
    if not isinstance(raw.value, str) and raw.value is not None:
        suggestion = re.sub(r"[^A-Za-z0-9._-]", "-", raw.text)[: VERSION_MAX - 4].strip("-")
        raise setting_error(
            raw,
            f"YAML reads {_excerpt(raw)} as {_type_name(raw.value)}, so this is not a version",
            f"begin it with letters, for example {raw.name}: app-{suggestion}. Quotes are not enough: "
            "`aos make -b` rewrites package.yaml without them",
        )
    version = as_text(raw)
    if not version:
        return ""
    remedy = "use only letters, digits, dots, hyphens and underscores, for example app-1.0.1"
    if len(version) > VERSION_MAX:
        raise setting_error(
            raw, f"the version has {len(version)} characters; a device keeps {VERSION_MAX}", "make it shorter"
        )
    if not _VERSION.fullmatch(version):
        raise setting_error(raw, f"the platform does not take {version[:80]!r} as a version", remedy)
    if version.lower() in _NO_VERSIONS:
        raise setting_error(
            raw,
            f"{version[:80]!r} means something else where a release is named, so it is no version",
            "give another one, for example app-1.0.1",
        )
    return version


def as_product_key(raw: RawSetting) -> str:
    """Return a product key of at most 20 characters."""
    return _identity(raw, "product key", PRODUCT_KEY_MAX)


def as_device_name(raw: RawSetting) -> str:
    """Return a device name of at most 32 characters."""
    return _identity(raw, "device name", DEVICE_NAME_MAX)


def _identity(raw: RawSetting, what: str, length: int) -> str:
    """Return a text that can be part of a C string and of an MQTT topic. Raises SettingsError."""
    text = as_text(raw)
    remedy = f"copy the {what} from the platform's console again"
    if len(text) > length:
        raise setting_error(raw, f"the {what} has {len(text)} characters; a device keeps {length}", remedy)
    for character in text:
        if not 0x21 <= ord(character) <= 0x7E or character in "\"'\\/+#":
            raise setting_error(raw, f"the {what} cannot have {character!r} in it", remedy)
    return text


def as_size(raw: RawSetting) -> int:
    """Return a size in bytes; 0 means unknown."""
    if isinstance(raw.value, int) and not isinstance(raw.value, bool):
        size = raw.value if _HEX.fullmatch(raw.text) or _INTEGER.fullmatch(raw.text) else -1
    elif isinstance(raw.value, str) and (_HEX.fullmatch(raw.value) or raw.value == "0"):
        size = int(raw.value, 16)
    else:
        size = -1
    if not 0 <= size <= _MAX_SIZE:
        remedy = f"write it in hexadecimal, for example {raw.name}: 0x578000"
        raise setting_error(raw, f"{_excerpt(raw)} is not a size in bytes", remedy)
    return size


def as_path(raw: RawSetting, solution_dir: str) -> Optional[str]:
    """Return an absolute path, None for an empty text; relative paths start at the solution's folder."""
    text = as_text(raw)
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in text):
        raise setting_error(raw, "this is not a path: it contains a control character", "set the path of a file")
    if "-----BEGIN" in text:
        raise setting_error(raw, "this is the key itself", "put it in a file and set this to the file's path")
    if not text or _URI.match(text):
        return text or None
    return os.path.normpath(os.path.join(solution_dir, os.path.expanduser(text)))


def as_source(raw: RawSetting) -> str:
    """Return the path of a C source below the solution, with forward slashes; "" for an empty text."""
    text = as_text(raw)
    path = posixpath.normpath(text.replace("\\", "/"))
    if not text:
        return ""
    remedy = f"write the path as under source_file:, for example {raw.name}: src/main.c"
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in text):
        raise setting_error(raw, "this is not a path: it contains a control character", remedy)
    if path.startswith(("/", "~", "../")) or path in (".", "..") or path[1:2] == ":":
        raise setting_error(raw, f"{_excerpt(raw)} is not a path below the solution", remedy)
    if not path.lower().endswith(".c"):
        raise setting_error(raw, f"{_excerpt(raw)} is not a C source", remedy)
    return path


def as_key_reference(raw: RawSetting, solution_dir: str) -> Optional[KeyReference]:
    """Return a key reference, None for an empty text; a file's path as from ``as_path``."""
    text = as_path(raw, solution_dir)
    if text is None:
        return None
    try:
        return parse_reference(text)
    except OtaError as error:
        raise setting_error(raw, error.problem, error.remedy, type(error)) from None


def _excerpt(raw: RawSetting) -> str:
    """Return the value's text in its file, shortened to a line of 80 characters."""
    text = " ".join(raw.text.split())
    return "an empty value" if not text else text if len(text) <= 80 else text[:77] + "..."


def _type_name(value: object) -> str:
    """Return the type that YAML gives a value, in words for readers of package.yaml."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, (list, tuple, set, dict)):
        return "a list or mapping"
    return f"a {type(value).__name__}"
