"""The diff image ("nbdiff"): a patch that devices apply in place, section by section.

The new payload is cut into sections. Each is a patch of its own in bsdiff's terms, made against the content of the
flash when the device reaches it: the new payload up to the section, the old one from there on. `create` and `apply`
are each other's reverse; `parse` reads a patch without the old payload.

>>> old, new = bytes(5000), bytes(4000) + b"new"
>>> patch = create(old, new)
>>> apply(old, patch) == new
True
>>> [section.new_size for section in parse(patch)]
[4096, 16]
"""

from aos_ota_plugin.images.diff.apply import apply
from aos_ota_plugin.images.diff.container import DEVICE_3X, Limits, Section, build, parse, patch_of
from aos_ota_plugin.images.diff.create import create

__all__ = ["DEVICE_3X", "Limits", "Section", "apply", "build", "create", "parse", "patch_of"]
