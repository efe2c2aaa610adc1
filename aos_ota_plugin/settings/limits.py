"""Lengths, in characters, that the device's headers give its fields (a closing NUL comes on top)."""

from __future__ import annotations

VERSION_LENGTH = 63
PRODUCT_KEY_LENGTH = 20
DEVICE_NAME_LENGTH = 32
PRODUCT_SECRET_LENGTH = 64
DEVICE_SECRET_LENGTH = 64
