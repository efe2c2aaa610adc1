"""Errors of transfers over a serial line."""

from __future__ import annotations

from aos_ota_plugin.errors import OtaError


class TransferError(OtaError):
    """A transfer over a serial line failed."""


class LostBytesError(TransferError):
    """Bytes were lost or damaged on the way; only a new start from the first byte is safe."""
