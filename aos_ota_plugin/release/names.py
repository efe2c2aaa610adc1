"""The names of a release's files: the vendor's, so that the upload procedure does not change.

Images are called as the description of the chip says (``workspace/chips``), else as below.

>>> ImageNames.of("ota_rtos_ota.bin").diff
'ota_rtos_ota.diff.bin'
"""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple

IMAGE_NAME = "ota_rtos_ota.bin"
MANIFEST_NAME = "ota_rtos_ota.json"
XZ_SUFFIX = ".xz"
WITHDRAWN_NAME = "withdrawn.json"
"""The mark beside the manifest of a kept release that is withdrawn."""
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


def documents_of(image_name: str) -> Tuple[str, str]:
    """Return the names of the documents beside an image that OTA_PROVENANCE adds."""
    return sbom_name(image_name), statement_name(image_name)


def board_folder(board: Optional[str]) -> str:
    """Return the name of the folder for a board's releases: ``none`` without a board."""
    return board or "none"


def _stem(image_name: str) -> str:
    return image_name[:-4] if image_name.lower().endswith(".bin") else image_name


class ImageNames(NamedTuple):
    """The names of the images that a release may have, beside its manifest.

    ``xz`` and ``diff`` are None on chips whose devices take none. ``unsigned`` are further files that an image step
    writes there, which nobody must take for an image.
    """

    full: str = IMAGE_NAME
    xz: Optional[str] = IMAGE_NAME + XZ_SUFFIX
    diff: Optional[str] = diff_name(IMAGE_NAME)
    unsigned: Tuple[str, ...] = ()

    @classmethod
    def of(cls, image_name: str) -> ImageNames:
        """Return the names beside a full image of this name, where no chip's description says others."""
        return cls(image_name, image_name + XZ_SUFFIX, diff_name(image_name))

    @property
    def images(self) -> Tuple[str, ...]:
        """Return the names of all images."""
        return tuple(name for name in (self.full, self.xz, self.diff) if name)

    @property
    def documents(self) -> Tuple[str, str]:
        """Return the names of the documents that OTA_PROVENANCE adds."""
        return documents_of(self.full)

    @property
    def outputs(self) -> Tuple[str, ...]:
        """Return the names of all files of a release but those of modules."""
        return (*self.images, *self.documents, MANIFEST_NAME)

    @property
    def of_vendors(self) -> Tuple[str, ...]:
        """Return the names under which image steps write files of their own, which are not signed."""
        return tuple(name for name in (self.full, self.xz, *self.unsigned) if name)


DEFAULT_NAMES = ImageNames()
"""The names where there is no description of the chip."""
