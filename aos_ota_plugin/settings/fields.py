"""The table of settings: a row of ``OtaSettings`` for each setting.

A row has the setting's name in Kconfig, its type and default, the function that reads its value, the parts of a build
that it affects, and the version that introduced it. From the rows come names, defaults, ``aos-ota config``, what SCons
compares, the release's fingerprint and the settings in the statement of provenance. Tests compare Kconfig and the
READMEs with them.

>>> [(row.symbols[0].name, row.since) for row in ROWS if row.attribute == "compress_xz"]
[('OTA_COMPRESS_XZ', '0.1.0')]

To add a yes/no setting, add its row, its prompt in ``Kconfig``, its line in the READMEs, its use and its test:

    verbose_manifest: bool = yes_no("OTA_VERBOSE_MANIFEST", Part.IMAGE, since="0.3.0")
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, fields, replace
from typing import Any, Callable, Dict, Mapping, NamedTuple, Optional, Tuple

from aos_ota_plugin.keys.reference import KeyReference
from aos_ota_plugin.settings.raw import Origin, RawSetting
from aos_ota_plugin.settings.secretfile import Secrets
from aos_ota_plugin.settings.values import (
    as_bool,
    as_device_name,
    as_key_reference,
    as_path,
    as_product_key,
    as_size,
    as_source,
    as_text,
    as_version,
)


class Part(enum.Flag):
    """Parts of a build that can depend on a setting."""

    APP = enum.auto()
    """The rendered otaappdemo.c."""
    DIGEST = enum.auto()
    """The rendered ota_hal_digest.c."""
    IDENTITY = enum.auto()
    """The object file that holds the secrets of an embedded identity."""
    FLAGS = enum.auto()
    """What is compiled, and the compile lines, which SCons compares by itself."""
    IMAGE = enum.auto()
    """The images of the firmware, and what the manifest says of them."""
    MODULES = enum.auto()
    """The images of modules."""
    DOCUMENTS = enum.auto()
    """The statement of provenance, which lists every setting that is not a path."""


class Symbol(NamedTuple):
    """A symbol of Kconfig; ``kind`` is "bool", "string" or "hex".

    ``choice`` is the name of its choice, "" for none. ``on`` are the values of the row for which a symbol of a choice
    is y.
    """

    name: str
    kind: str
    default: str
    choice: str = ""
    on: Tuple[str, ...] = ()


class Choice(NamedTuple):
    """A choice of Kconfig: exactly one of its members is y."""

    name: str
    members: Tuple[str, ...]
    default: str


@dataclass(frozen=True)
class Row:
    """The properties of a setting; ``attribute`` is its name in ``OtaSettings``."""

    attribute: str
    symbols: Tuple[Symbol, ...]
    affects: Part
    since: str
    is_path: bool = False
    parser: Callable[[RawSetting], object] = as_text
    path_parser: Callable[[RawSetting, str], object] = as_path
    choice: Optional[Choice] = None

    def parse(self, raw: RawSetting, folder: str) -> object:
        """Return the value of a setting that is not a choice; paths start at ``folder``. Raises SettingsError."""
        return self.path_parser(raw, folder) if self.is_path else self.parser(raw)

    def texts(self, value: Any) -> Dict[str, str]:
        """Return a value as Kconfig writes it, by symbol."""
        return {symbol.name: _text(symbol, value) for symbol in self.symbols}


def _text(symbol: Symbol, value: Any) -> str:
    if symbol.kind == "bool":
        return "y" if (value in symbol.on if symbol.on else value) else "n"
    return hex(value) if symbol.kind == "hex" else str(value or "")


_ROW = "row"


def _row(*symbols: Symbol, affects: Part, since: str, **more: Any) -> Any:  # Any: the field of a dataclass
    return field(metadata={_ROW: Row("", symbols, affects, since, **more)})


def yes_no(name: str, affects: Part, *, default: str = "n", since: str = "0.1.0") -> Any:
    """Define a setting that is y or n."""
    return _row(Symbol(name, "bool", default), affects=affects | Part.DOCUMENTS, since=since, parser=as_bool)


def text(name: str, affects: Part, parser: Callable[[RawSetting], str], *, since: str = "0.1.0") -> Any:
    """Define a setting that is a text, "" by default."""
    return _row(Symbol(name, "string", ""), affects=affects | Part.DOCUMENTS, since=since, parser=parser)


def size(name: str, affects: Part, *, since: str = "0.1.0") -> Any:
    """Define a setting that is a number of bytes, 0 by default."""
    return _row(Symbol(name, "hex", "0x0"), affects=affects | Part.DOCUMENTS, since=since, parser=as_size)


def path(name: str, affects: Part, *, since: str = "0.1.0") -> Any:
    """Define a setting that is the path of a file, None by default."""
    return _row(Symbol(name, "string", ""), affects=affects, since=since, is_path=True)


def private_key(name: str, affects: Part, *, since: str = "0.1.0") -> Any:
    """Define a setting that says where a private key is, None by default."""
    symbol = Symbol(name, "string", "")
    return _row(symbol, affects=affects, since=since, is_path=True, path_parser=as_key_reference)


def choice(name: str, members: Mapping[str, str], affects: Part, *, switch: str = "", since: str = "0.1.0") -> Any:
    """Define a setting with the value of the member that is y, by default the first.

    ``switch`` is a yes/no symbol, y by default, without which no member counts and the value is "none".
    """
    first = next(iter(members))
    symbols = [Symbol(member, "bool", "y" if member == first else "n", name, (on,)) for member, on in members.items()]
    if switch:
        symbols.insert(0, Symbol(switch, "bool", "y", "", tuple(members.values())))
    return _row(*symbols, affects=affects | Part.DOCUMENTS, since=since, choice=Choice(name, tuple(members), first))


_IMAGES = {f"OTA_IMAGE_{magic}": magic for magic in ("ALL", "APP", "KERNEL", "FS", "MCU")}


@dataclass(frozen=True)
class OtaSettings:
    """The checked settings of a build. Paths are absolute; a path that is not set is None.

    The rows have the order of the Kconfig file.
    """

    secrets: Secrets
    origins: Mapping[str, Origin]  # by the settings' names, all of them
    solution_dir: str  # where relative paths start, those in a KeyReference, too
    notices: Tuple[str, ...]  # settings that are ignored: their place, and what to do

    app_version: str = text("OTA_APP_VERSION", Part.APP | Part.IMAGE, as_version)
    app_source: str = text("OTA_APP_SOURCE", Part.FLAGS, as_source, since="0.2.0")
    identity: str = choice(
        "OTA_IDENTITY",
        {"OTA_IDENTITY_KV": "kv", "OTA_IDENTITY_EMBEDDED": "embedded"},
        Part.APP | Part.IDENTITY | Part.IMAGE,
    )
    product_key: str = text("OTA_PRODUCT_KEY", Part.APP, as_product_key)
    device_name: str = text("OTA_DEVICE_NAME", Part.APP, as_device_name)
    security: str = choice(
        "OTA_SIGNER",
        {"OTA_CONFIG_LOCAL_RSA": "local", "OTA_CONFIG_CLOUD_RSA": "cloud"},
        Part.DIGEST | Part.FLAGS | Part.IMAGE,
        switch="OTA_CONFIG_RSA",
    )
    signing_key: Optional[KeyReference] = private_key("OTA_SIGNING_KEY", Part.DIGEST | Part.IMAGE)
    key_ring: Optional[str] = path("OTA_KEY_RING", Part.DIGEST | Part.IMAGE)
    embed_next_key: bool = yes_no("OTA_EMBED_NEXT_KEY", Part.DIGEST | Part.IMAGE)
    allow_development_key: bool = yes_no("OTA_ALLOW_DEVELOPMENT_KEY", Part.IMAGE)
    public_key: Optional[str] = path("OTA_PUBLIC_KEY", Part.DIGEST | Part.IMAGE)
    second_public_key: Optional[str] = path("OTA_SECOND_PUBLIC_KEY", Part.IMAGE)
    second_signer: Optional[KeyReference] = private_key("OTA_SECOND_SIGNER", Part.IMAGE)
    second_approval: Optional[str] = path("OTA_SECOND_APPROVAL", Part.IMAGE)
    base_release: Optional[str] = path("OTA_BASE_RELEASE", Part.IMAGE)
    allow_new_key: bool = yes_no("OTA_ALLOW_NEW_KEY", Part.IMAGE)
    allow_other_base: bool = yes_no("OTA_ALLOW_OTHER_BASE", Part.IMAGE, since="0.2.0")
    allow_changed_payload: bool = yes_no("OTA_ALLOW_CHANGED_PAYLOAD", Part.IMAGE, since="0.2.0")
    chip_file: Optional[str] = path("OTA_CHIP_FILE", Part.IMAGE, since="0.2.0")
    image_magic: str = choice("OTA_IMAGE", _IMAGES, Part.IMAGE)  # a name of images.info.ImageMagic
    modules: Optional[str] = path("OTA_MODULES", Part.MODULES)
    compress_xz: bool = yes_no("OTA_COMPRESS_XZ", Part.IMAGE)
    diff: bool = yes_no("OTA_DIFF", Part.IMAGE)
    keep_releases: bool = yes_no("OTA_KEEP_RELEASES", Part(0), since="0.2.0")
    provenance: bool = yes_no("OTA_PROVENANCE", Part.DOCUMENTS)
    reproducible: bool = yes_no("OTA_REPRODUCIBLE", Part.FLAGS)
    partition_size: int = size("OTA_PARTITION_SIZE", Part.IMAGE)  # bytes; 0: the board's own files say

    def values(self, part: Optional[Part] = None) -> Dict[str, str]:
        """Return all settings as Kconfig's texts, or those that affect ``part``; without secrets."""
        texts: Dict[str, str] = {}
        for row in ROWS:
            if part is None or part & row.affects:
                texts.update(row.texts(getattr(self, row.attribute)))
        return texts


ROWS: Tuple[Row, ...] = tuple(
    replace(column.metadata[_ROW], attribute=column.name) for column in fields(OtaSettings) if column.metadata
)
SYMBOLS: Mapping[str, Symbol] = {symbol.name: symbol for row in ROWS for symbol in row.symbols}
PATHS = frozenset(symbol.name for row in ROWS if row.is_path for symbol in row.symbols)
"""Settings whose value is a path on this machine."""
OBSOLETE: Mapping[str, str] = {
    "OTA_WARN_SHARED_KEY": "`aos-ota keys` tells from kept releases which key signed which product"
}
"""Settings of earlier versions, which are ignored with a warning, and what replaces them."""
