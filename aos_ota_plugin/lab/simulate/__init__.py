"""The emulated device: its firmware, its flash, and the scenarios of its upgrades."""
