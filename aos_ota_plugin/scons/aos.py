"""Attach the hook to ``aos make``, while SCons reads the build's scripts.

``attach(defconfig)`` is called from the component's SConscript, or from ``site_scons/site_init.py``. It changes only
the build that runs: no file of the user's, of the workspace's or of aos-tools'.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Set, Tuple

import SCons.Script

from aos_ota_plugin.console.streams import escape_unencodable
from aos_ota_plugin.errors import OtaError, OutputError
from aos_ota_plugin.files.lock import BuildLock
from aos_ota_plugin.files.private_files import close_folders
from aos_ota_plugin.pipeline import setting_files
from aos_ota_plugin.pipeline.build import last_outputs, recover
from aos_ota_plugin.pipeline.build_environment import BuildEnvironment
from aos_ota_plugin.pipeline.build_marker import BuildMarker
from aos_ota_plugin.pipeline.kept_releases import with_base_release
from aos_ota_plugin.pipeline.site import Site
from aos_ota_plugin.pipeline.start_checks import AGENT, check_images, check_kept_folder, plan_sources
from aos_ota_plugin.process import disable_core_dumps
from aos_ota_plugin.provenance.component import Component
from aos_ota_plugin.scons import builders, sconsign
from aos_ota_plugin.scons.actions import KeyStore, protect, show, show_internal, wait_past
from aos_ota_plugin.scons.aos_build import AosBuild
from aos_ota_plugin.scons.components import LOCAL_RSA, Components
from aos_ota_plugin.scons.paths import LIBRARY, OutputPaths, release_site
from aos_ota_plugin.scons.rendered_sources import render_sources
from aos_ota_plugin.scons.request import BuildRequest
from aos_ota_plugin.scons.spawn import inherit_lock
from aos_ota_plugin.scons.variables import settings_from_aos
from aos_ota_plugin.settings.fields import OBSOLETE, SYMBOLS
from aos_ota_plugin.settings.resolve import OtaSettings
from aos_ota_plugin.workspace.find import find_root

_EPOCH = "315532800"
"""1980-01-01, in seconds since 1970: the time for __DATE__ unless SOURCE_DATE_EPOCH is set."""


def attach(defconfig: Any) -> None:
    """Hook into the build of ``defconfig``; an error of ours ends SCons with status 2, its message shown."""
    if defconfig.build_env is None or defconfig.build_env.env.get("OTA_ATTACHED"):
        return
    defconfig.build_env.env["OTA_ATTACHED"] = True
    disable_core_dumps()
    escape_unencodable()
    try:
        _hook(defconfig)
    except OtaError as error:
        show(error)
        SCons.Script.Exit(2)
    except Exception as error:
        show_internal(error)
        SCons.Script.Exit(2)


def _hook(defconfig: Any) -> None:
    """Run the steps of the hook, in order."""
    build = _aos_build(defconfig)
    mark = BuildMarker(build.paths.own, build.paths.built_folders, _release_names(build.site))
    request = BuildRequest(build.folder, build.site.board or "")
    clean = SCons.Script.GetOption("clean")
    unfinished = False
    if not SCons.Script.GetOption("no_exec"):
        lock = _lock(build)
        unfinished = mark.is_set()
        _clean_up(build, mark, wait=not clean)
        if clean:
            mark.end()
            lock.release()  # the file itself will be removed
        else:
            _begin(build, mark, request)
    if clean:
        from aos_ota_plugin.scons.clean import register_clean

        register_clean(build)
        return
    settings = _settings(build, request)
    _keep_private(build, settings)
    build = _with_chip_file(build, settings, unfinished=unfinished)
    _check(build, settings)
    _warn(request, settings)
    builders.register(build.env)
    plan = plan_sources(build.components.inputs(), settings)
    _set_compile_lines(build, settings)
    header = render_sources(build, plan)
    _build_identity(build)
    _build_image(build._replace(site=replace(build.site, app_header=header)), settings)


def _aos_build(defconfig: Any) -> AosBuild:
    solution = defconfig.build_env.solution
    component = solution.solution_component
    env = defconfig.build_env.clone_component(component)
    env.Decider("content")
    components = Components(defconfig, env)
    binary, elf = (env.File(_below_solution(env[name])) for name in ("OBJCOPY_FILE", "ELF_FILE"))
    paths = OutputPaths(
        folder=SCons.Script.Dir("#").abspath,
        solution=component.name,
        lib_folder=solution.lib_path,
        binary=binary.abspath,
        elf=elf.abspath,
        object_suffix=str(env["OBJSUFFIX"]),
    )
    steps = components.image_steps()
    try:
        site = release_site(solution, paths, steps)
    except OtaError:
        if not SCons.Script.GetOption("clean"):
            raise
        site = release_site(solution, paths, ())  # the last build's files are removed by its own record
    return AosBuild(solution, env, components, binary, elf, paths, site)


# --- a build's beginning and end


def _lock(build: AosBuild) -> BuildLock:
    """Lock the solution's ``out/`` until SCons ends."""
    lock = BuildLock(Path(build.paths.lock))
    lock.acquire()
    inherit_lock(lock)
    build.env["OTA_LOCK"] = lock  # the environment lives as long as the build
    return lock


def _clean_up(build: AosBuild, mark: BuildMarker, *, wait: bool) -> None:
    """Remove leftovers of a build that did not succeed; with ``wait``, wait as ``wait_past`` does."""
    recover(build.site, unfinished=mark.is_set())
    cleanup = mark.clean_up(lambda: sconsign.recorded_targets(build.folder))
    if not wait:
        return
    if cleanup.removed:
        _say("the last build did not succeed: its files are built again")
    wait_past((*cleanup.left, *build.paths.programs))


def _begin(build: AosBuild, mark: BuildMarker, request: BuildRequest) -> None:
    """Mark this build as unfinished until it has succeeded."""

    def end() -> None:
        mark.end()
        request.report_success(build.env.get("OTA_MANIFEST", build.site.manifest))

    mark.begin()
    sconsign.on_success(end)


# --- settings


def _settings(build: AosBuild, request: BuildRequest) -> OtaSettings:
    settings, notices = settings_from_aos(build.solution, folder=build.folder, command_line=request.pairs)
    settings = with_base_release(settings, build.site.board)
    for notice in (*notices, *settings.notices):
        _say(f"warning: {notice}")
    return settings


def _keep_private(build: AosBuild, settings: OtaSettings) -> None:
    """Keep all that a firmware with a secret is made of from others, what earlier builds left included."""
    if settings.identity == "embedded" and not SCons.Script.GetOption("no_exec"):
        protect(settings)
        close_folders(build.paths.built_folders)


def _release_names(site: Site) -> Set[str]:
    """Return the names of this and the last release's files, which OTA_CHIP_FILE can change."""
    return {*site.names.outputs, *map(os.path.basename, last_outputs(site))}


def _with_chip_file(build: AosBuild, settings: OtaSettings, *, unfinished: bool) -> AosBuild:
    """Return the build with the places and names that OTA_CHIP_FILE gives.

    ``unfinished`` is as for ``recover``.
    """
    if not settings.chip_file:
        return build
    site = release_site(build.solution, build.paths, build.components.image_steps(), settings.chip_file)
    if not SCons.Script.GetOption("no_exec"):
        recover(site, unfinished=unfinished)
    build.env["OTA_MANIFEST"] = site.manifest
    return build._replace(site=site)


def _check(build: AosBuild, settings: OtaSettings) -> None:
    """Check the files that settings name and the outputs' places; hand settings and keys to the builders."""
    env, site = build.env, build.site
    setting_files.refuse_own_manifest(settings, site.manifest)
    env["OTA_KEYS"] = KeyStore()
    setting_files.check_files(settings, env["OTA_KEYS"].of(settings), overwritten=site.overwritten)
    for path in (site.image, site.manifest):
        if os.path.isdir(path):
            raise OutputError(f"cannot write {path}: a folder stands there", remedy="move it away")
    check_images(settings, site.names, site.chip.name)
    check_kept_folder(settings, site.board)
    setting_files.partition_size(settings, site.board_folder, site.chip_folder)  # before anything is compiled
    env["OTA_SETTINGS"] = settings
    templates = os.path.join(build.folder, "templates")
    env["OTA_TEMPLATES"] = templates if os.path.isdir(templates) else None


def _warn(request: BuildRequest, settings: OtaSettings) -> None:
    nothing_set = request.warning()
    if nothing_set:
        _say(f"warning: {nothing_set}")
    if settings.security == "none":
        _say(
            "warning: OTA_CONFIG_RSA is off: the image is not signed, and these devices take any image that "
            "reaches them"
        )
    if settings.identity == "embedded":
        _say(
            "warning: OTA_IDENTITY_EMBEDDED puts one device's identity into the image: every device that installs "
            "it becomes that device"
        )


# --- compile lines


def _set_compile_lines(build: AosBuild, settings: OtaSettings) -> None:
    """Compile the components as the settings say."""
    build.components.drop_defines((*SYMBOLS, *OBSOLETE))
    # 1 or undefined, never 0: with 0 the vendor's sources compile into a device that takes unsigned images.
    if settings.security == "local":
        build.components.set_define(build.components.find(AGENT), LOCAL_RSA, 1)
    if settings.reproducible:
        build.components.compile_all_with(*_reproducible_options(find_root(build.folder)))


def _reproducible_options(root: str) -> Tuple[List[str], Dict[str, str]]:
    """Return flags and variables that keep the place and time of a build out of objects' strings (GCC 8)."""
    roots = dict.fromkeys((os.path.realpath(root), root))
    flags = [f"-fmacro-prefix-map={path}/=" for path in roots]
    return flags, {"SOURCE_DATE_EPOCH": os.environ.get("SOURCE_DATE_EPOCH", _EPOCH)}


# --- targets


def _build_identity(build: AosBuild) -> None:
    """Build the object with the secrets, and its library."""
    solution = build.solution
    objects = build.env.OtaIdentity(build.paths.identity_target, [])
    library = build.env.StaticLibrary(build.paths.identity_library, objects)
    build.env.Default(library)
    if LIBRARY not in solution.libs:
        # Without the component (site_scons) aos-tools does not know the library yet.
        solution.libs.insert(0, LIBRARY)
        solution.depend_libs.append(library[0].abspath)


def _build_image(build: AosBuild, settings: OtaSettings) -> None:
    """Build the release after every link."""
    # aos-tools would ignore that the vendor's image step failed: our action runs the step, and checks it.
    steps = build.components.take_image_steps()
    environment = _build_environment(build) if settings.provenance else None
    image = build.env.OtaImage(
        build.env.File(build.site.image),
        [build.binary, build.elf],
        OTA_COMPONENTS=build.components,
        OTA_MODE_STATE=build.paths.mode,
        OTA_SITE=replace(build.site, steps=tuple(steps), environment=environment),
    )
    # The step may depend on undeclared files, and may overwrite our files: it runs on every build, as it does
    # without us. The contents of its files decide whether there is anything to do afterwards.
    build.env.AlwaysBuild(image)
    build.env.Default(image)


def _build_environment(build: AosBuild) -> BuildEnvironment:
    """Return the components as aos-tools uses them, and the tools, for the statement of provenance."""
    root = find_root(build.folder)
    return BuildEnvironment(
        root=root,
        components=tuple(
            Component(
                component.name,
                str(component.version or ""),
                component.type,
                os.path.relpath(os.path.realpath(component.path), os.path.realpath(root)).replace(os.sep, "/"),
                str(component.license or ""),
                tuple(sorted({str(name) for condition in component.depends for name in condition})),
            )
            for component in build.solution.components
        ),
        compiler=build.env.WhereIs(build.env.subst("$CC")),
        packages=("aos-tools", "scons"),
    )


def _below_solution(path: str) -> str:
    """Return the target for a path of aos-tools: a relative one is below the solution."""
    return path if os.path.isabs(path) else "#" + str(path).replace("\\", "/")


def _say(text: str) -> None:
    sys.stdout.write(f"aos_ota_plugin: {text}\n")
    sys.stdout.flush()
