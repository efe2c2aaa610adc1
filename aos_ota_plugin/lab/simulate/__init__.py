"""The emulated device: what it is made of, its flash, and the upgrades it is taken through."""
