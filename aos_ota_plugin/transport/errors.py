"""What goes wrong on a line."""

from __future__ import annotations

from aos_ota_plugin.errors import OtaError


class TransferError(OtaError):
    """A transfer over a serial line failed."""


class LostBytesError(TransferError):
    """Bytes were lost or damaged on the way, and only starting again is safe."""
