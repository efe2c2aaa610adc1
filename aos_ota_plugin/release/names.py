"""The names of a release's files: the vendor's, so that the upload procedure does not change."""

from __future__ import annotations

IMAGE_NAME = "ota_rtos_ota.bin"
MANIFEST_NAME = "ota_rtos_ota.json"
XZ_SUFFIX = ".xz"
MODULE_PREFIX = "ota_module_"


def diff_name(image_name: str) -> str:
    """Return the name of the diff beside an image, ``ota_rtos_ota.diff.bin``; the platform takes ``.bin``."""
    return f"{_stem(image_name)}.diff.bin"


def module_image(name: str) -> str:
    """Return the name of the file of module `name`; module names are safe in file names."""
    return f"{MODULE_PREFIX}{name}.bin"


def sbom_name(image_name: str) -> str:
    """Return the name of the list of components beside an image, ``ota_rtos_ota.cdx.json``."""
    return f"{_stem(image_name)}.cdx.json"


def statement_name(image_name: str) -> str:
    """Return the name of the signed statement beside an image, ``ota_rtos_ota.intoto.jsonl``."""
    return f"{_stem(image_name)}.intoto.jsonl"


def _stem(image_name: str) -> str:
    return image_name[:-4] if image_name.lower().endswith(".bin") else image_name


IMAGES = (IMAGE_NAME, IMAGE_NAME + XZ_SUFFIX, diff_name(IMAGE_NAME))
"""The names of all images that a release of the firmware may have."""

DOCUMENTS = (sbom_name(IMAGE_NAME), statement_name(IMAGE_NAME))
"""The names of the documents that OTA_PROVENANCE adds."""
