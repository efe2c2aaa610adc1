"""Limits of the platform on names, versions and files; where devices have a lower one, that."""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple, Optional, Sequence

from aos_ota_plugin.device.limits import DEVICE_NAME_MAX, PRODUCT_KEY_MAX
from aos_ota_plugin.device.version import check_version
from aos_ota_plugin.errors import FormatError, SettingsError
from aos_ota_plugin.protocol.limits import HTTPS_MAX, SUFFIXES
from aos_ota_plugin.protocol.module_names import DEFAULT, check_module_name
from aos_ota_plugin.protocol.push import SIGN_METHODS

PACKAGE_NAME_MAX = 40
PACKAGES_MAX = 500
PRODUCT_NAME_MAX = 64
MODULES_MAX = 64
"""Modules of one device whose versions are kept."""
VERIFY_DEVICES_MAX = 10
BATCH_DEVICES_MAX = 1_000_000
RATE_MIN, RATE_MAX = 10, 10_000
"""Pushes a minute of one batch."""
_IDENTIFIER = re.compile(r"[A-Za-z0-9._:@-]+", re.ASCII)
_PRODUCT = re.compile(r"[A-Za-z0-9]+", re.ASCII)
_CHANGES_TOPICS = "a topic is made of it"


def check_product_key(key: str) -> None:
    """Raise SettingsError unless the product key has 1 to 20 letters and digits."""
    if not _PRODUCT.fullmatch(key) or len(key) > PRODUCT_KEY_MAX:
        raise SettingsError(
            f"the product key {key[:80]!a} is not 1 to {PRODUCT_KEY_MAX} letters and digits",
            remedy=f"choose another one; {_CHANGES_TOPICS}",
        )


def check_product_name(name: str) -> None:
    """Raise SettingsError for a product's name that cannot be stored and shown; none is one."""
    if len(name) > PRODUCT_NAME_MAX or not name.isprintable():
        raise SettingsError(
            f"the product name {name[:80]!a} is not up to {PRODUCT_NAME_MAX} printable characters",
            remedy="shorten it, or leave it out",
        )


def check_device_names(names: Sequence[str]) -> None:
    """Raise SettingsError for a name that is none of a device, or stands twice."""
    for name, number in Counter(names).items():
        check_device_name(name)
        if number > 1:
            raise SettingsError(f"the device {name} is given twice", remedy="give each name once")


def check_device_name(name: str) -> None:
    """Raise SettingsError unless the device name has 1 to 32 letters, digits and ``.:@_-``."""
    if not _IDENTIFIER.fullmatch(name) or len(name) > DEVICE_NAME_MAX:
        raise SettingsError(
            f"the device name {name[:80]!a} is not 1 to {DEVICE_NAME_MAX} letters, digits, '.', ':', '@', '_' and '-'",
            remedy=f"choose another one; {_CHANGES_TOPICS}",
        )


class Upload(NamedTuple):
    """The description of an uploaded file; with a `source_version` the file is a diff."""

    product_key: str
    name: str
    file: str
    version: str
    module: str = DEFAULT
    sign_method: str = "SHA256"
    source_version: Optional[str] = None


def check_upload(upload: Upload, size: int) -> None:
    """Check an upload against the platform's rules; `size` in bytes.

    Raises:
        SettingsError: the name, version, module or sign method is not allowed by platform and devices.
        FormatError: the file's suffix or size is not one that the platform takes.
    """
    _, name, file, version, module, sign_method, source_version = upload
    if not 1 <= len(name) <= PACKAGE_NAME_MAX or not _is_plain(name):
        raise SettingsError(
            f"the package name {name[:80]!a} is not 1 to {PACKAGE_NAME_MAX} printable characters without / and \\",
            remedy="choose another with --name; it cannot be changed later",
        )
    if not _is_plain(file):
        raise SettingsError(
            f"the file name {file[-80:]!a} has a slash, or characters that cannot be printed",
            remedy="choose another with --file-name",
        )
    check_version(version, field="the version")
    if module != DEFAULT:
        check_module_name(module)
    if sign_method not in SIGN_METHODS:
        raise SettingsError(f"signMethod {sign_method[:20]!a} is none of {', '.join(SIGN_METHODS)}")
    if source_version is not None:
        check_version(source_version, field="the source version")
        if source_version == version:
            raise SettingsError(
                f"the diff is from {version} to {version}",
                remedy="give the version that devices run now as the source version",
            )
    if not file.lower().endswith(tuple(f".{suffix}" for suffix in SUFFIXES)):
        hint = (
            "upload the same bytes under a name that ends in .bin; devices go by the first bytes"
            if file.lower().endswith(".xz")
            else f"the platform takes names that end in {', '.join(SUFFIXES)}"
        )
        raise FormatError(f"the platform takes no file named {file[-80:]!a}", remedy=hint)
    if not 0 < size <= HTTPS_MAX:
        raise FormatError(f"the file has {size} bytes; the platform takes 1 to {HTTPS_MAX}")


def _is_plain(name: str) -> bool:
    """Return whether a name can be shown, and leads to no other folder."""
    return name.isprintable() and not set(name) & set("/\\")


def check_rate(rate: int) -> None:
    """Raise SettingsError unless `rate`, in pushes a minute, is allowed for a batch."""
    if not RATE_MIN <= rate <= RATE_MAX:
        raise SettingsError(f"{rate} pushes a minute; the platform takes {RATE_MIN} to {RATE_MAX}")
