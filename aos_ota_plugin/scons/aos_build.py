"""One run of ``aos make``, as the steps of the hook see it."""

from __future__ import annotations

from typing import Any, NamedTuple

from aos_ota_plugin.pipeline.site import Site
from aos_ota_plugin.scons.components import Components
from aos_ota_plugin.scons.paths import OutputPaths


class AosBuild(NamedTuple):
    """The build of one solution.

    ``solution`` is aos-tools' object; ``env`` a clone of the solution's environment, with the chip's compiler and
    flags and the toolchain on its PATH; ``binary`` and ``elf`` are nodes.
    """

    solution: Any
    env: Any
    components: Components
    binary: Any
    elf: Any
    paths: OutputPaths
    site: Site

    @property
    def folder(self) -> str:
        """Return the solution's folder."""
        return self.paths.folder
