"""The four parts of a release together, for tests that change a field or two of them."""

from __future__ import annotations

from typing import NamedTuple

from aos_ota_plugin.release.request import Base, Firmware, KeySet, Options

_OTHER_NAMES = {"base": ("base", "manifest"), "base_payload": ("base", "payload"), "patch": ("base", "patch")}


class ReleaseParts(NamedTuple):
    """``make_release(*parts)``."""

    firmware: Firmware
    keys: KeySet
    base: Base
    options: Options

    def but(self, **changes: object) -> ReleaseParts:
        """The parts with other fields; ``base`` is the base's manifest, ``base_payload`` its payload."""
        parts = self
        for name, value in changes.items():
            part, field = _OTHER_NAMES.get(name) or (next(p for p in _ORDER if name in getattr(self, p)._fields), name)
            parts = parts._replace(**{part: getattr(parts, part)._replace(**{field: value})})
        return parts


_ORDER = ("firmware", "keys", "options")
