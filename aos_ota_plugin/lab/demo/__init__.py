"""Copies the demo workspace and builds its firmware with the real ``aos make``."""
