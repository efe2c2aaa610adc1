"""The laboratory, which no build needs: emulated devices and models of devices, and building the demo's firmware.

From outside: ``simulate`` (QEMU, flash, scenarios), ``models`` (devices as threads), ``demo`` (workspace and firmware).
"""
