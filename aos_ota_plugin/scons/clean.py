"""Our part of ``aos make clean``; SCons and aos-tools remove all other files by themselves."""

from __future__ import annotations

import os
from typing import List, Optional

from aos_ota_plugin.pipeline.build import last_outputs
from aos_ota_plugin.scons.actions import SourceKind
from aos_ota_plugin.scons.aos_build import AosBuild
from aos_ota_plugin.scons.components import find_source
from aos_ota_plugin.scons.rendered_sources import rendered_application, rendered_digest


def register_clean(build: AosBuild) -> None:
    """Register all files of our builds for removal, with the identity's library."""
    library = build.env.StaticLibrary(build.paths.identity_library, [])
    paths = [*_rendered(build), *_release(build), build.paths.own]
    build.env.Clean(library, [path for path in paths if path])
    build.env.Default(library)


def _rendered(build: AosBuild) -> List[Optional[str]]:
    """Return the rendered sources, and the object file of an application that was added."""
    beside = build.paths.rendered(build.paths.solution, SourceKind.APP.value)
    paths = [beside, build.paths.identity_folder, *rendered_application(build), rendered_digest(build)]
    if find_source(build.solution.solution_component, SourceKind.APP.value) is None:
        paths += [build.paths.object_of(beside), os.path.splitext(beside)[0] + ".d"]
    return paths


def _release(build: AosBuild) -> List[Optional[str]]:
    """Return the files of the release and of the image step, and the lock of version 0.1.0."""
    site = build.site
    folder = os.path.dirname(site.image)
    return [
        *(os.path.join(folder, name) for name in (*site.names.outputs, *site.names.unsigned)),
        *last_outputs(site),
        # 0.1.0 had its lock beside the vendor's files.
        os.path.join(site.shared, ".ota_rtos_ota.lock") if site.shared else None,
    ]
