"""What the files of a release are called: the vendor's names, so that the upload procedure does not change."""

from __future__ import annotations

IMAGE_NAME = "ota_rtos_ota.bin"
MANIFEST_NAME = "ota_rtos_ota.json"
XZ_SUFFIX = ".xz"
MODULE_PREFIX = "ota_module_"


def module_image(name: str) -> str:
    """What the file of the module `name` is called; module names are safe in file names."""
    return f"{MODULE_PREFIX}{name}.bin"
