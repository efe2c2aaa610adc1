"""The C sources that a build renders, in the place of a component's own file or beside its sources."""

from __future__ import annotations

import os
from typing import Any, Optional

import SCons.Script

from aos_ota_plugin.errors import WorkspaceError
from aos_ota_plugin.files.transaction import remove_file
from aos_ota_plugin.scons.actions import SourceKind
from aos_ota_plugin.scons.aos_build import AosBuild
from aos_ota_plugin.scons.components import find_source
from aos_ota_plugin.settings.resolve import OtaSettings


def render_sources(build: AosBuild, settings: OtaSettings) -> None:
    """Register the rendered sources. Raises WorkspaceError when there is no place for the public key."""
    _render(build, build.solution.solution_component, SourceKind.APP, required=False)
    if settings.security != "none":
        _render(build, build.ota(), SourceKind.DIGEST, required=True)
    elif not SCons.Script.GetOption("no_exec"):
        _remove_rendered(build, build.ota(), SourceKind.DIGEST)


def rendered_path(build: AosBuild, component: Any, kind: SourceKind) -> Optional[str]:
    """Return the path that replaces a component's own file, None when it has no such file."""
    relative = find_source(component, kind.value)
    return build.paths.rendered(component.name, relative) if relative else None


def _render(build: AosBuild, component: Any, kind: SourceKind, *, required: bool) -> None:
    relative = find_source(component, kind.value)
    if relative is None and required:
        raise WorkspaceError(
            f"the component `{component.name}` does not compile {kind.value}: no place for the public key",
            remedy=f"list hal/{kind.value} under source_file: in {os.path.join(component.path, 'package.yaml')}",
        )
    target = relative or kind.value
    user_file = os.path.join(component.path, *relative.split("/")) if relative else None
    own_template = os.path.isfile(os.path.join(build.folder, "templates", kind.value + ".j2"))
    node = build.env.OtaSource(
        build.paths.rendered_target(component.name, target),
        [build.env.File(user_file)] if user_file and not own_template else [],
        OTA_DISPLAY=_display(user_file, build.folder),
        OTA_DOWNSTREAM=build.paths.users_of(component.name, build.paths.rendered(component.name, target)),
    )[0]
    if user_file:
        build.components.add_include_folder(component, os.path.dirname(user_file))
    else:
        build.components.add_source(component, node)


def _remove_rendered(build: AosBuild, component: Any, kind: SourceKind) -> None:
    """Remove what an earlier build rendered in the place of the user's file, and its object.

    The user's file counts again now. By their time stamps the old object would be newer than it, and newer than the
    same rendered text later.
    """
    rendered = rendered_path(build, component, kind)
    if rendered and os.path.isfile(rendered):
        for path in (build.paths.object_of(rendered), rendered):
            remove_file(path)


def _display(path: Optional[str], folder: str) -> Optional[str]:
    """Return the path for compiler messages: relative to the solution, unless on another drive."""
    if path is None:
        return None
    try:
        return os.path.relpath(path, folder)
    except ValueError:
        return path
