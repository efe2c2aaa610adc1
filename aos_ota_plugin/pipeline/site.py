"""The paths of one release's files on this machine, and facts about its build."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Dict, Optional, Tuple

from aos_ota_plugin.pipeline.mode_proof import COMPILED_ELSEWHERE, ModeEvidence
from aos_ota_plugin.release.names import DEFAULT_NAMES, ImageNames
from aos_ota_plugin.workspace.chip import SOLUTION_FOLDER, UNDESCRIBED, Chip, Folders

if TYPE_CHECKING:
    from aos_ota_plugin.pipeline.build_environment import BuildEnvironment


def names_of(chip: Chip) -> ImageNames:
    """Return the names of the images that a chip's image step makes."""
    return ImageNames(chip.full.name, chip.xz.name if chip.xz else None, chip.diff, chip.unsigned)


@dataclass(frozen=True)
class Site:
    """The files of one release on this machine, by absolute paths.

    ``binary`` is the linker's .bin. The vendor's image steps (``steps``) turn it into ``payload``, and into
    ``xz_payload`` if the description of the ``chip`` has another payload for the xz image. ``state`` is the file about
    the last good release, and ``copy`` the folder with a copy of that release and its ELF. ``environment`` is for the
    statement of provenance. Builds of other solutions write to the folder ``shared``, too. ``objcopy`` are the options
    with which objcopy makes ``binary``. ``mode`` is the evidence of the security mode in the sources of ``ota``,
    ``app_header`` the generated ``ota_app.h``. A field is None or empty where there is no such thing.
    The class is no tuple: SCons would take a tuple apart.
    """

    image: str
    manifest: str
    payload: str
    elf: Optional[str] = None
    binary: Optional[str] = None
    state: Optional[str] = None
    copy: Optional[str] = None
    board_folder: Optional[str] = None
    chip_folder: Optional[str] = None
    solution: Optional[str] = None
    board: Optional[str] = None
    steps: Tuple[str, ...] = ()
    environment: Optional[BuildEnvironment] = None
    shared: Optional[str] = None
    chip: Chip = UNDESCRIBED
    objcopy: Tuple[str, ...] = ()
    mode: ModeEvidence = COMPILED_ELSEWHERE
    app_header: Optional[str] = None
    names: ImageNames = DEFAULT_NAMES
    xz_payload: Optional[str] = None
    solution_folder: Optional[str] = None

    @property
    def overwritten(self) -> Tuple[str, ...]:
        """Return the files that a build replaces: they cannot hold the base release."""
        return (self.image, self.payload, *([self.xz_payload] if self.xz_payload else []))

    @property
    def chip_override(self) -> str:
        """Return the path of the solution's own description of the chip, which need not be there."""
        return os.path.join(self.solution_folder or "", SOLUTION_FOLDER, f"{self.chip.name or 'CHIP'}.yaml")

    def prebuilt(self) -> Dict[str, str]:
        """Return the paths of the prebuilt parts by their names in the description of the chip.

        Raises:
            WorkspaceError: a name begins with a folder that is not known.
        """
        folders = Folders(self.chip_folder, self.board_folder, self.solution_folder)
        return {name: folders.resolve(name, self.chip) for name in self.chip.prebuilt()}
