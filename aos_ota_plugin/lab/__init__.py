"""Emulated devices, models of devices and the demo's firmware; no build needs this package.

From outside: ``simulate`` (QEMU, flash, scenarios), ``models`` (devices as threads), ``demo`` (workspace and firmware).
"""
