"""One run of ``aos make``, as the steps of the hook see it."""

from __future__ import annotations

import os
from typing import Any, NamedTuple, Sequence

from aos_ota_plugin.errors import WorkspaceError
from aos_ota_plugin.pipeline.site import Site
from aos_ota_plugin.scons.components import Components
from aos_ota_plugin.scons.paths import OutputPaths
from aos_ota_plugin.workspace.disk import depends_place


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

    def ota(self) -> Any:
        """Return the component ``ota``, the agent on the device. Raises WorkspaceError when it is not in use."""
        ota = self.components.find("ota")
        if ota is None:
            raise WorkspaceError(
                f"the solution {self.paths.solution} does not use the component `ota`, so the firmware could not take "
                "any update",
                remedy=f"add `- ota: master` under depends: in {os.path.join(self.folder, 'package.yaml')}",
            )
        return ota

    def require(self, names: Sequence[str], user: str) -> None:
        """Raise WorkspaceError unless all of these components are in use; ``user`` is what needs them."""
        missing = [name for name in names if self.components.find(name) is None]
        if missing:
            several = len(missing) > 1
            raise WorkspaceError(
                f"{user} needs the component{'s' if several else ''} {', '.join(missing)}, and the solution "
                f"{self.paths.solution} does not use {'them' if several else 'it'}",
                place=depends_place(os.path.join(self.folder, "package.yaml")),
                remedy="add under depends:" + "".join(f"\n  - {name}: master" for name in missing),
            )
