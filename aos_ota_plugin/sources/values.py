"""The values for an application's source: its version, and the source of its identity."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional, Union

from .names import SECRET_FIELDS


@dataclass(frozen=True)
class Embedded:
    """An identity in the firmware; its secrets are symbols only, so that no source holds them."""

    product_key: str
    device_name: str
    has_product_secret: bool = False
    has_device_secret: bool = True

    def has(self, name: str) -> bool:
        """Return whether the firmware holds this field of ``FIELDS``."""
        if name in SECRET_FIELDS:
            return self.has_product_secret if name == "product_secret" else self.has_device_secret
        return True


@dataclass(frozen=True)
class Kv:
    """An identity that the device reads from its KV partition: one image fits the whole fleet."""


@dataclass(frozen=True)
class EmbeddedSecrets:
    """The secrets of an embedded identity; their repr is hidden."""

    product_secret: Optional[str] = field(default=None, repr=False)
    device_secret: Optional[str] = field(default=None, repr=False)


@dataclass(frozen=True)
class AppValues:
    """The values for an application's source; ``version`` is None where ``ota_app.h`` has it."""

    version: Optional[str]
    identity: Union[Embedded, Kv]
