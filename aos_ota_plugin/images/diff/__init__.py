"""The diff image ("nbdiff"): a patch that devices apply in place, section by section.

The new payload is cut into sections. Each is a patch of its own in bsdiff's terms, made against what the flash holds
by the time the device comes to it: the new payload up to the section, the old one from there on. `create` and `apply`
are each other's reverse; `parse` reads a patch without the old payload.
"""

from aos_ota_plugin.images.diff.apply import apply
from aos_ota_plugin.images.diff.container import DEVICE_3X, Limits, Section, build, parse, patch_of
from aos_ota_plugin.images.diff.create import create

__all__ = ["DEVICE_3X", "Limits", "Section", "apply", "build", "create", "parse", "patch_of"]
