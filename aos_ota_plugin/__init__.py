"""Signed, proven OTA images for AliOS Things, from the solution's own build."""

__version__ = "0.1.0"
