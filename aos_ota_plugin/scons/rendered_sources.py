"""The C sources that a build renders, in the place of a component's own file or beside its sources."""

from __future__ import annotations

import os
import sys
from typing import Any, List, NamedTuple, Optional

import SCons.Script

from aos_ota_plugin.files.read import SOURCE_MAX, read_bytes
from aos_ota_plugin.files.transaction import remove_file
from aos_ota_plugin.pipeline.start_checks import AGENT, SourcePlan
from aos_ota_plugin.scons.actions import SourceKind
from aos_ota_plugin.scons.aos_build import AosBuild
from aos_ota_plugin.scons.components import find_source, source_files
from aos_ota_plugin.sources.names import INCLUDE_LINE

_MARK = b"/* Made by aos_ota_plugin"
"""The beginning of every rendered source, which may follow a byte order mark."""


class _Original(NamedTuple):
    """A component's own file to replace: its path below the component, and absolute; None for none."""

    relative: Optional[str]
    path: Optional[str]


def render_sources(build: AosBuild, plan: SourcePlan) -> Optional[str]:
    """Register the rendered sources; return the path of ``ota_app.h`` if it has the version."""
    header = _render_application(build, plan)
    if plan.digest:
        ota = build.components.find(AGENT)
        _render(build, ota, SourceKind.DIGEST, _Original(plan.digest, _below(ota, plan.digest)))
    elif not SCons.Script.GetOption("no_exec"):
        # From now on the user's own file is compiled again.
        rendered = rendered_digest(build)
        if rendered:
            _remove_rendered(build, rendered)
    return header


def rendered_digest(build: AosBuild) -> Optional[str]:
    """Return the path of the rendered ``ota_hal_digest.c``, None if the component has no such file."""
    ota = build.components.find(AGENT)
    if ota is None:
        return None
    relative = find_source(ota, SourceKind.DIGEST.value)
    return build.paths.rendered(ota.name, relative) if relative else None


def rendered_application(build: AosBuild) -> List[str]:
    """Return the existing rendered sources of the solution itself, of this build or an earlier one."""
    component = build.solution.solution_component
    names = dict.fromkeys((*source_files(component), SourceKind.APP.value))
    return [path for path in (build.paths.rendered(component.name, name) for name in names) if _is_rendered(path)]


def _render_application(build: AosBuild, plan: SourcePlan) -> Optional[str]:
    component = build.solution.solution_component
    choice = plan.application
    for other in choice.others:
        sys.stdout.write(
            f"aos_ota_plugin: warning: {other} holds version or identity, too, and stays as it is: "
            f"OTA_APP_SOURCE names {choice.source}\n"
        )
    rendered = choice.source or (SourceKind.APP.value if choice.template else None)
    if not SCons.Script.GetOption("no_exec"):
        current = build.paths.rendered(component.name, rendered) if rendered else None
        for path in rendered_application(build):
            if path != current:
                _remove_rendered(build, path)
    header = _render_header(build) if choice.header else None
    if header and not choice.including:
        sys.stdout.write(
            f"aos_ota_plugin: no source of {component.name} includes the version: add the line  {INCLUDE_LINE}  to the "
            "source that reports the version, and report MY_APP_VER\n"
        )
    if rendered:
        original = _Original(choice.source, _below(component, choice.source))
        _render(build, component, SourceKind.APP, original, OTA_VERSION_IN_HEADER=not choice.version_in_source)
    return header if not choice.version_in_source else None


def _render_header(build: AosBuild) -> str:
    folder = build.paths.header_folder
    header = build.env.OtaSource(f"{folder}/{SourceKind.HEADER.value}", [])[0]
    build.components.add_include_folder(build.solution.solution_component, folder)
    return str(header.abspath)


def _render(build: AosBuild, component: Any, kind: SourceKind, original: _Original, **variables: Any) -> None:
    target = original.relative or kind.value
    own_template = os.path.isfile(os.path.join(build.folder, "templates", kind.value + ".j2"))
    node = build.env.OtaSource(
        build.paths.rendered_target(component.name, target),
        [build.env.File(original.path)] if original.path and not own_template else [],
        OTA_DISPLAY=_display(original.path, build.folder),
        **variables,
    )[0]
    if original.path:
        build.components.add_include_folder(component, os.path.dirname(original.path))
    else:
        build.components.add_source(component, node)


def _is_rendered(path: str) -> bool:
    return os.path.isfile(path) and _MARK in read_bytes(path, 2 * SOURCE_MAX)[: len(_MARK) + 3]


def _remove_rendered(build: AosBuild, rendered: str) -> None:
    """Remove a source that an earlier build rendered, and its object file.

    The old object file is newer than the user's file, and would be newer than the same text when it is rendered again:
    it would count as up to date.
    """
    for path in (build.paths.object_of(rendered), rendered):
        if os.path.isfile(path):
            remove_file(path)


def _below(component: Any, relative: Optional[str]) -> Optional[str]:
    return os.path.join(component.path, *relative.split("/")) if relative else None


def _display(path: Optional[str], folder: str) -> Optional[str]:
    """Return the path for compiler messages: relative to the solution, unless on another drive."""
    if path is None:
        return None
    try:
        return os.path.relpath(path, folder)
    except ValueError:
        return path
