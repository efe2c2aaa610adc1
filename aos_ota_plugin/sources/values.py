"""What goes into an application's source: its version, and how it comes by its identity."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional, Union

FIELDS = ("product_key", "product_secret", "device_name", "device_secret")
SECRET_FIELDS = ("product_secret", "device_secret")


@dataclass(frozen=True)
class Embedded:
    """The identity stands in the firmware; its secrets only as symbols, so that no source holds them."""

    product_key: str
    device_name: str
    has_product_secret: bool = False
    has_device_secret: bool = True

    def has(self, name: str) -> bool:
        """Say whether the firmware holds this field of ``FIELDS``."""
        if name in SECRET_FIELDS:
            return self.has_product_secret if name == "product_secret" else self.has_device_secret
        return True


@dataclass(frozen=True)
class Kv:
    """The identity is read from the device's KV partition when it runs: one image fits the whole fleet."""


@dataclass(frozen=True)
class EmbeddedSecrets:
    """The secrets of an embedded identity, for the one object that holds them; never shown."""

    product_secret: Optional[str] = field(default=None, repr=False)
    device_secret: Optional[str] = field(default=None, repr=False)


@dataclass(frozen=True)
class AppValues:
    """What an application's source is given."""

    version: str
    identity: Union[Embedded, Kv]
