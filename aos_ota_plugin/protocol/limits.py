"""What the platform takes of files: sizes in bytes, and how their names end."""

from __future__ import annotations

HTTPS_MAX = 1_000_000_000
MQTT_MAX = 16_000_000
SUFFIXES = ("bin", "dav", "apk", "tar", "gz", "tar.gz", "zip", "gzip", "tar.xz", "pack")
"""Endings of names: the API's list and, the last two, only its console's."""
