"""Limits that the platform sets for files: sizes in bytes, and endings of names."""

from __future__ import annotations

HTTPS_MAX = 1_000_000_000
MQTT_MAX = 16_000_000
SUFFIXES = ("bin", "dav", "apk", "tar", "gz", "tar.gz", "zip", "gzip", "tar.xz", "pack")
"""Endings of file names: the API's list; the last two are in the console's list only."""
