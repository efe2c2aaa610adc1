"""The paths below a solution's ``out/`` that a build of ours uses; no other module here has them.

>>> library_stem("ota")
'libota'
"""

from __future__ import annotations

import os
from typing import Any, Iterable, List, NamedTuple, Optional

from aos_ota_plugin.pipeline.site import Site
from aos_ota_plugin.release.names import IMAGE_NAME, MANIFEST_NAME

LIBRARY = "aos_ota_plugin"
"""The library with the identity's object, and its folder below ``out/``."""


class OutputPaths(NamedTuple):
    """The paths of one solution's outputs.

    They are absolute, but for targets, which begin with SCons' ``#``, the solution's folder. ``lib_folder`` is where
    aos-tools puts libraries, ``binary`` and ``elf`` are the firmware's files, and ``object_suffix`` is how objects'
    names end (``.o``).
    """

    folder: str
    solution: str
    lib_folder: str
    binary: str
    elf: str
    object_suffix: str

    @property
    def own(self) -> str:
        """Return the folder of what we alone write."""
        return os.path.join(self.folder, "out", "ota")

    @property
    def lock(self) -> str:
        """Return the file that a running build locks."""
        return os.path.join(self.own, "build.lock")

    @property
    def state(self) -> str:
        """Return the file that describes the last good release."""
        return os.path.join(self.own, "release-state.json")

    @property
    def mode(self) -> str:
        """Return the file that keeps what the sources of ``ota`` say about the security mode."""
        return os.path.join(self.own, "mode.json")

    @property
    def built_folders(self) -> List[str]:
        """Return the folders that a build writes to: first objects and programs, then libraries."""
        return [os.path.join(self.folder, "out"), os.path.dirname(self.lib_folder)]

    @property
    def identity_folder(self) -> str:
        """Return the folder of the identity's object."""
        return os.path.join(self.folder, "out", LIBRARY)

    @property
    def identity_target(self) -> str:
        """Return the identity's object, as a target."""
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
        """Return the linked programs, which take up every library."""
        return [os.path.join(self.folder, "out", self.solution, "aos.elf"), self.elf, self.binary]

    def rendered_target(self, component: str, relative: str) -> str:
        """Return the target of a rendered source, in the build folder that SCons gives its component.

        ``relative`` is the original's path below the component, with forward slashes. What is rendered there takes its
        place, in whatever order aos-tools reads the components.
        """
        return f"#out/{component}/{relative}"

    def rendered(self, component: str, relative: str) -> str:
        """Return the absolute path of ``rendered_target``."""
        return os.path.join(self.folder, "out", component, *relative.split("/"))

    def object_of(self, source: str) -> str:
        """Return the object that is compiled from a source in a build folder."""
        return os.path.splitext(source)[0] + self.object_suffix

    def users_of_header(self, sources: Iterable[str]) -> List[str]:
        """Return what is made of the solution's own sources, which may include ``ota_app.h``."""
        objects = (self.object_of(self.rendered(self.solution, name)) for name in sources)
        return [*objects, os.path.join(self.lib_folder, library_stem(self.solution) + ".a"), *self.programs]

    def users_of(self, component: str, source: str) -> List[str]:
        """Return what is made of a component's source: its object, the component's library, the programs."""
        library = os.path.join(self.lib_folder, library_stem(component) + ".a")
        return [self.object_of(source), library, *self.programs]


def library_stem(component: str) -> str:
    """Return the name of a component's library, without its suffix."""
    return component if component.startswith("lib") else "lib" + component


def release_site(solution: Any, paths: OutputPaths) -> Site:
    """Return the files of the release that a build of aos-tools' ``solution`` makes.

    They lie in the folder that the chip's image step writes to, else beside the .bin.
    """
    chip, board = solution.chip_component, solution.board_component
    flasher = os.path.join(chip.path, "release", "write_flash_gui") if chip else ""
    has_step = chip is not None and bool(chip.build_config.postimage_script) and os.path.isdir(flasher)
    folder = os.path.join(flasher, "ota_bin") if has_step else os.path.dirname(paths.binary)
    board_name: Optional[str] = solution.solution_component.hw_info.board_name or None
    return Site(
        image=os.path.join(folder, IMAGE_NAME),
        manifest=os.path.join(folder, MANIFEST_NAME),
        payload=os.path.join(folder, "ota_rtos.bin") if has_step else paths.binary,
        elf=paths.elf,
        binary=paths.binary,
        state=paths.state,
        board_folder=board.path if board else None,
        chip_folder=chip.path if chip else None,
        solution=paths.solution,
        board=board_name,
        shared=flasher if has_step else None,
        chip=chip.name if chip else None,
    )
