"""The paths of one release's files on this machine, and what else is known of where it is built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional, Tuple

from aos_ota_plugin.pipeline.mode_proof import COMPILED_ELSEWHERE, ModeEvidence

if TYPE_CHECKING:
    from aos_ota_plugin.pipeline.build_environment import BuildEnvironment


@dataclass(frozen=True)
class Site:
    """The files of one release on this machine, by absolute paths.

    ``binary`` is the linker's output that the vendor's image steps (``steps``, run first) turn into ``payload``;
    ``state`` describes the last good release; ``environment`` is for the statement of provenance; ``shared`` is the
    folder that other solutions' builds write to, too; ``chip`` is the chip component's name, ``objcopy`` the options
    with which objcopy makes ``binary``; ``mode`` is what the sources of ``ota`` say about the security mode,
    ``app_header`` the generated ``ota_app.h``. They are None or empty where there is no such thing. No tuple: SCons
    takes those apart.
    """

    image: str
    manifest: str
    payload: str
    elf: Optional[str] = None
    binary: Optional[str] = None
    state: Optional[str] = None
    board_folder: Optional[str] = None
    chip_folder: Optional[str] = None
    solution: Optional[str] = None
    board: Optional[str] = None
    steps: Tuple[str, ...] = ()
    environment: Optional[BuildEnvironment] = None
    shared: Optional[str] = None
    chip: Optional[str] = None
    objcopy: Tuple[str, ...] = ()
    mode: ModeEvidence = COMPILED_ELSEWHERE
    app_header: Optional[str] = None

    @property
    def overwritten(self) -> Tuple[str, ...]:
        """Return the files that a build replaces: they cannot hold the base release."""
        return (self.image, self.payload)
