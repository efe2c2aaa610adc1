"""The paths below a solution's ``out/`` that a build of ours uses; no other module here has them.

>>> library_stem("ota")
'libota'
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any, List, NamedTuple, Optional, Sequence

from aos_ota_plugin.files.lock import LOCK_NAME
from aos_ota_plugin.pipeline.site import Site, names_of
from aos_ota_plugin.pipeline.state import STATE_NAME
from aos_ota_plugin.release.names import IMAGE_NAME, MANIFEST_NAME, board_folder
from aos_ota_plugin.workspace.chip import Chip, Folders, UploadedImage, load_chip

LIBRARY = "aos_ota_plugin"
"""Name of the library with the identity's object file, and of its folder below ``out/``."""


class OutputPaths(NamedTuple):
    """The paths of one solution's outputs.

    They are absolute, except for targets, which begin with ``#`` (to SCons, the solution's folder). ``lib_folder`` is
    where aos-tools puts libraries, ``binary`` and ``elf`` are the firmware's files, and ``object_suffix`` is the suffix
    of object files (``.o``).
    """

    folder: str
    solution: str
    lib_folder: str
    binary: str
    elf: str
    object_suffix: str

    @property
    def own(self) -> str:
        """Return the folder for the files that only this project writes."""
        return os.path.join(self.folder, "out", "ota")

    @property
    def lock(self) -> str:
        """Return the file that a running build locks."""
        return os.path.join(self.own, LOCK_NAME)

    def release_copy(self, board: Optional[str]) -> str:
        """Return the folder with the last good release for a board, and the file that describes it."""
        return os.path.join(self.own, board_folder(board))

    @property
    def mode(self) -> str:
        """Return the file with the evidence of the security mode in the sources of ``ota``."""
        return os.path.join(self.own, "mode.json")

    @property
    def built_folders(self) -> List[str]:
        """Return the folders that a build writes to: first objects and programs, then libraries."""
        return [os.path.join(self.folder, "out"), os.path.dirname(self.lib_folder)]

    @property
    def identity_folder(self) -> str:
        """Return the folder of the identity's object file."""
        return os.path.join(self.folder, "out", LIBRARY)

    @property
    def identity_target(self) -> str:
        """Return the identity's object file, as a target."""
        return f"#out/{LIBRARY}/ota_identity{self.object_suffix}"

    @property
    def header_folder(self) -> str:
        """Return the folder of ``ota_app.h``, as a target; only the solution's own component includes it."""
        return f"#out/{LIBRARY}/include"

    @property
    def identity_library(self) -> str:
        """Return the path of our library, without prefix and suffix."""
        return os.path.join(self.lib_folder, LIBRARY)

    @property
    def programs(self) -> List[str]:
        """Return the linked programs: every library is linked into them, last in a build."""
        return [os.path.join(self.folder, "out", self.solution, "aos.elf"), self.elf, self.binary]

    def rendered_target(self, component: str, relative: str) -> str:
        """Return the target of a rendered source, in the build folder that SCons gives its component.

        ``relative`` is the original's path below the component, with forward slashes. The rendered source is compiled
        in place of the original, in whatever order aos-tools reads the components.
        """
        return f"#out/{component}/{relative}"

    def rendered(self, component: str, relative: str) -> str:
        """Return the absolute path of ``rendered_target``."""
        return os.path.join(self.folder, "out", component, *relative.split("/"))

    def object_of(self, source: str) -> str:
        """Return the object file that is compiled from a source in a build folder."""
        return os.path.splitext(source)[0] + self.object_suffix


def library_stem(component: str) -> str:
    """Return the name of a component's library, without its suffix."""
    return component if component.startswith("lib") else "lib" + component


def release_site(solution: Any, paths: OutputPaths, steps: Sequence[str], chip_file: str = "") -> Site:
    """Return the files of the release that a build of aos-tools' ``solution`` makes.

    With image steps they lie in the folder of the chip's description, else beside the .bin. The file ``chip_file``
    replaces fields of that description.

    Raises:
        WorkspaceError: a description is not as docs/chips.md says.
    """
    chip, board = solution.chip_component, solution.board_component
    copy = paths.release_copy(solution.solution_component.hw_info.board_name or None)
    site = Site(
        image=os.path.join(os.path.dirname(paths.binary), IMAGE_NAME),
        manifest=os.path.join(os.path.dirname(paths.binary), MANIFEST_NAME),
        payload=paths.binary,
        elf=paths.elf,
        binary=paths.binary,
        state=os.path.join(copy, STATE_NAME),
        copy=copy,
        board_folder=board.path if board else None,
        chip_folder=chip.path if chip else None,
        solution=paths.solution,
        board=solution.solution_component.hw_info.board_name or None,
        chip=Chip(chip.name if chip else ""),
        solution_folder=paths.folder,
    )
    if not steps:
        return site  # the .bin is what devices get
    described = load_chip(site.chip.name, paths.folder, chip_file)
    return _described_site(site, described) if described.file else site


def _described_site(site: Site, chip: Chip) -> Site:
    """Return a site with the places and names that the description of its chip gives."""
    folders = Folders(site.chip_folder, site.board_folder, site.solution_folder)
    folder = folders.resolve(chip.folder, chip) if chip.folder else os.path.dirname(site.image)

    def payload(image: UploadedImage) -> str:
        if not image.payload:
            return site.payload
        is_path = image.payload.startswith("$")
        return folders.resolve(image.payload, chip) if is_path else os.path.join(folder, image.payload)

    in_solution = not chip.folder or chip.folder.startswith("$SOLUTION")
    return replace(
        site,
        image=os.path.join(folder, chip.full.name),
        manifest=os.path.join(folder, MANIFEST_NAME),
        payload=payload(chip.full),
        xz_payload=payload(chip.other_xz) if chip.other_xz else None,
        shared=None if in_solution else os.path.dirname(folder),
        chip=chip,
        names=names_of(chip),
    )
