"""The hook into ``aos make``: everything between "the solution is known" and "SCons starts to build".

``attach(defconfig)`` is called from the component's SConscript, or from ``site_scons/site_init.py``. It changes only
the build that runs: no file of the user's, of the workspace's or of aos-tools'.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import SCons.Script

from aos_ota_plugin.console.streams import escape_unencodable
from aos_ota_plugin.errors import OtaError, OutputError, SettingsError, WorkspaceError
from aos_ota_plugin.files.lock import BuildLock
from aos_ota_plugin.files.transaction import remove_file
from aos_ota_plugin.pipeline import inputs
from aos_ota_plugin.pipeline.build import last_modules, recover, shared_lock
from aos_ota_plugin.pipeline.site import Site
from aos_ota_plugin.pipeline.unfinished import BuildMark, Healing
from aos_ota_plugin.pipeline.workplace import Workplace
from aos_ota_plugin.process import disable_core_dumps
from aos_ota_plugin.provenance.component import Component
from aos_ota_plugin.release.names import DOCUMENTS, IMAGE_NAME, MANIFEST_NAME, XZ_SUFFIX, diff_name
from aos_ota_plugin.scons import builders, sconsign
from aos_ota_plugin.scons.actions import KeyStore, SourceKind, show, show_internal, wait_past
from aos_ota_plugin.scons.components import LOCAL_RSA, Components, find_source
from aos_ota_plugin.scons.request import BuildRequest
from aos_ota_plugin.scons.spawn import hold_in_programs
from aos_ota_plugin.scons.variables import settings_from_aos
from aos_ota_plugin.settings.fields import OBSOLETE, SYMBOLS
from aos_ota_plugin.settings.resolve import OtaSettings
from aos_ota_plugin.workspace.find import find_root

LIBRARY = "aos_ota_plugin"
_LOCK = "build.lock"
_EPOCH = "315532800"
"""1980-01-01, in seconds since 1970: what __DATE__ says where SOURCE_DATE_EPOCH does not say another time."""


def attach(defconfig: Any) -> None:
    """Hook into the build of ``defconfig``; an error of ours ends SCons with status 2, its message shown."""
    if defconfig.build_env is None or defconfig.build_env.env.get("OTA_ATTACHED"):
        return
    defconfig.build_env.env["OTA_ATTACHED"] = True
    disable_core_dumps()
    escape_unencodable()
    try:
        _Hook(defconfig).run()
    except OtaError as error:
        show(error)
        SCons.Script.Exit(2)
    except Exception as error:
        show_internal(error)
        SCons.Script.Exit(2)


class _Hook:
    """One build."""

    def __init__(self, defconfig: Any) -> None:
        self.solution = defconfig.build_env.solution
        component = self.solution.solution_component
        self.name: str = component.name
        self.folder: str = SCons.Script.Dir("#").abspath
        self.out = os.path.join(self.folder, "out", "ota")
        # The environment of the solution: the chip's compiler and flags, the toolchain on its PATH.
        self.env = defconfig.build_env.clone_component(component)
        self.env.Decider("content")
        self.components = Components(defconfig, self.env)
        # "#out/…" is SCons' name for a path below the solution, whatever its folder is called.
        self.binary = self.env.File(_from_top(self.env["OBJCOPY_FILE"]))
        self.elf = self.env.File(_from_top(self.env["ELF_FILE"]))
        self.site = self._site()
        # Objects and programs, then libraries: dylibs and userspace libraries, too.
        self.mark = BuildMark(self.out, [os.path.dirname(self.out), os.path.dirname(self.solution.lib_path)])
        self.request = BuildRequest(self.folder, component.hw_info.board_name or "")

    def run(self) -> None:
        clean = SCons.Script.GetOption("clean")
        if not SCons.Script.GetOption("no_exec"):
            lock = BuildLock(Path(self.out, _LOCK))
            lock.acquire()
            hold_in_programs(lock)
            recover(self.site, unfinished=self.mark.is_set())
            # Held until SCons ends: the environment lives as long as the build.
            self.env["OTA_LOCK"] = lock
            healing = self.mark.heal(lambda: sconsign.recorded_targets(self.folder))
            if clean:  # the file itself will be removed
                self.mark.end()
                lock.release()
            else:
                self._make_anew(healing)
                # From here on this build counts as unfinished, until it has succeeded.
                self.mark.begin()
                sconsign.when_built(self._end)
        if clean:
            self._clean()
            return
        settings = self._settings()
        inputs.refuse_own_manifest(settings, self.site.manifest)
        self.env["OTA_KEYS"] = KeyStore()
        inputs.check_files(settings, self.env["OTA_KEYS"].of(settings), overwritten=self.site.overwritten)
        for path in (self.site.image, self.site.manifest):
            if os.path.isdir(path):
                raise OutputError(f"cannot write {path}: a folder stands there", remedy="move it away")
        self._warn(settings)
        self.env["OTA_SETTINGS"] = settings
        self.env["OTA_TEMPLATES"] = self._user_templates()
        builders.register(self.env)
        self._compile_as_set(settings)
        self._render(settings)
        self._identity()
        self._image(settings)

    def _end(self) -> None:
        self.mark.end()
        self.request.report_success(self.site.manifest)

    def _make_anew(self, healing: Healing) -> None:
        if healing.removed:
            _say("the last build did not succeed: what it had made is made anew")
        # What takes up an object that is made again has to be older than that, in whole seconds.
        wait_past(healing.left)

    # --- what is set

    def _settings(self) -> OtaSettings:

        settings, notices = settings_from_aos(self.solution, folder=self.folder, command_line=self.request.pairs)
        for notice in (*notices, *settings.notices):
            _say(f"warning: {notice}")
        return settings

    def _warn(self, settings: OtaSettings) -> None:
        nothing_set = self.request.warning()
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

    def _user_templates(self) -> Optional[str]:
        folder = os.path.join(self.folder, "templates")
        return folder if os.path.isdir(folder) else None

    # --- compile lines

    def _compile_as_set(self, settings: OtaSettings) -> None:
        self.components.drop_defines((*SYMBOLS, *OBSOLETE))
        ota = self._ota()
        flags = " ".join([*self.solution.CFLAGS, ota.build_config.cflag])
        if LOCAL_RSA in flags:
            raise SettingsError(
                f"a cflag defines {LOCAL_RSA}, which is for the setting of that name to decide",
                remedy=f"take -D{LOCAL_RSA}… out of the cflag in package.yaml and set "
                f"`{LOCAL_RSA}: y` or `OTA_CONFIG_CLOUD_RSA: y` under def_config",
            )
        # Only ever 1 or undefined: with 0 the vendor's sources compile into a device that takes unsigned images.
        if settings.security == "local":
            self.components.set_define(ota, LOCAL_RSA, 1)
        if settings.reproducible:
            self.components.compile_all_with(*_reproducibly(find_root(self.folder)))

    def _ota(self) -> Any:
        ota = self.components.named("ota")
        if ota is None:
            raise WorkspaceError(
                f"the solution {self.name} does not use the component `ota`, so the firmware could not take any update",
                remedy=f"add `- ota: master` under depends: in {os.path.join(self.folder, 'package.yaml')}",
            )
        return ota

    # --- rendered sources

    def _render(self, settings: OtaSettings) -> None:
        self._render_into(self.solution.solution_component, SourceKind.APP, required=False)
        if settings.security != "none":
            self._render_into(self._ota(), SourceKind.DIGEST, required=True)
        elif not SCons.Script.GetOption("no_exec"):
            self._forget_rendered(self._ota(), SourceKind.DIGEST)

    def _render_into(self, component: Any, kind: SourceKind, *, required: bool) -> None:
        relative = find_source(component, kind.value)
        if relative is None and required:
            raise WorkspaceError(
                f"the component `{component.name}` does not compile {kind.value}: no place for the public key",
                remedy=f"list hal/{kind.value} under source_file: in {os.path.join(component.path, 'package.yaml')}",
            )
        # The path that SCons gives the original in the component's build folder: what is rendered there takes its
        # place, in whatever order aos-tools reads the components.
        target = f"#out/{component.name}/{relative or kind.value}"
        user_file = os.path.join(component.path, *relative.split("/")) if relative else None
        own_template = os.path.isfile(os.path.join(self.folder, "templates", kind.value + ".j2"))
        node = self.env.OtaSource(
            target,
            [self.env.File(user_file)] if user_file and not own_template else [],
            OTA_DISPLAY=_display(user_file, self.folder),
            OTA_DOWNSTREAM=self._downstream(component, target),
        )[0]
        if user_file:
            self.components.add_include_folder(component, os.path.dirname(user_file))
        else:
            self.components.add_source(component, node)

    def _downstream(self, component: Any, target: str) -> List[str]:
        stem = component.name if component.name.startswith("lib") else "lib" + component.name
        made = os.path.join(self.folder, *target[1:].split("/"))
        return [
            os.path.splitext(made)[0] + str(self.env["OBJSUFFIX"]),
            os.path.join(self.solution.lib_path, stem + ".a"),
            *self._programs(),
        ]

    def _programs(self) -> List[str]:
        return [os.path.join(self.folder, "out", self.name, "aos.elf"), self.elf.abspath, self.binary.abspath]

    # --- the object with the secrets, and its library

    def _identity(self) -> None:
        solution = self.solution
        objects = self.env.OtaIdentity(
            f"#out/{LIBRARY}/ota_identity{self.env['OBJSUFFIX']}", [], OTA_DOWNSTREAM=self._programs()
        )
        library = self.env.StaticLibrary(os.path.join(solution.lib_path, LIBRARY), objects)
        self.env.Default(library)
        if LIBRARY not in solution.libs:
            # Without the component (site_scons) aos-tools does not know the library yet.
            solution.libs.insert(0, LIBRARY)
            solution.depend_libs.append(library[0].abspath)

    # --- the image

    def _site(self) -> Site:
        chip, board = self.solution.chip_component, self.solution.board_component
        flasher = os.path.join(chip.path, "release", "write_flash_gui") if chip else ""
        has_step = chip is not None and bool(chip.build_config.postimage_script) and os.path.isdir(flasher)
        folder = os.path.join(flasher, "ota_bin") if has_step else os.path.dirname(self.binary.abspath)
        return Site(
            image=os.path.join(folder, IMAGE_NAME),
            manifest=os.path.join(folder, MANIFEST_NAME),
            payload=os.path.join(folder, "ota_rtos.bin") if has_step else self.binary.abspath,
            elf=self.elf.abspath,
            binary=self.binary.abspath,
            state=os.path.join(self.out, "release-state.json"),
            board_folder=board.path if board else None,
            chip_folder=chip.path if chip else None,
            solution=self.name,
            board=self.solution.solution_component.hw_info.board_name or None,
            shared=flasher if has_step else None,
            chip=chip.name if chip else None,
        )

    def _workplace(self) -> Workplace:
        """What the statement of provenance speaks of: the components as aos-tools uses them, and what builds them."""
        root = find_root(self.folder)
        return Workplace(
            root=root,
            components=tuple(
                Component(
                    component.name,
                    str(component.version or ""),
                    component.type,
                    os.path.relpath(os.path.realpath(component.path), os.path.realpath(root)).replace(os.sep, "/"),
                    str(component.license or ""),
                    tuple(sorted({str(name) for one in component.depends for name in one})),
                )
                for component in self.solution.components
            ),
            compiler=self.env.WhereIs(self.env.subst("$CC")),
            packages=("aos-tools", "scons"),
        )

    def _image(self, settings: OtaSettings) -> None:
        # aos-tools would run the vendor's image step whatever comes of it: the action of ours runs it, and looks.
        steps = self.components.take_image_steps()
        image = self.env.OtaImage(
            self.env.File(self.site.image),
            [self.binary, self.elf],
            OTA_SITE=replace(
                self.site, steps=tuple(steps), workplace=self._workplace() if settings.provenance else None
            ),
        )
        # The step may depend on files that nobody declares, and may overwrite what is ours: it runs on every build,
        # as it does without us, and whether there is anything to do afterwards is found out by content.
        self.env.AlwaysBuild(image)
        self.env.Default(image)

    # --- clean

    def _clean(self) -> None:
        site = self.site
        library = self.env.StaticLibrary(os.path.join(self.solution.lib_path, LIBRARY), [])
        rendered = [
            os.path.join(self.folder, "out", self.name, SourceKind.APP.value),
            os.path.join(self.folder, "out", LIBRARY),
        ]
        for component, kind in self._rendered():
            path = self._rendered_path(component, kind)
            if path:
                rendered.append(path)
        if find_source(self.solution.solution_component, SourceKind.APP.value) is None:
            stem = os.path.join(self.folder, "out", self.name, "otaappdemo")
            rendered += [stem + str(self.env["OBJSUFFIX"]), stem + ".d"]
        self.env.Clean(
            library,
            [
                path
                for path in (
                    *rendered,
                    site.image,
                    site.image + XZ_SUFFIX,
                    diff_name(site.image),
                    *(os.path.join(os.path.dirname(site.image), name) for name in DOCUMENTS),
                    *last_modules(site),
                    site.manifest,
                    site.state,
                    shared_lock(site),
                    os.path.join(self.out, _LOCK),
                )
                if path
            ],
        )
        self.env.Default(library)

    def _forget_rendered(self, component: Any, kind: SourceKind) -> None:
        """Remove what an earlier build rendered and compiled in the place of the user's file, which counts again.

        By their time stamps the old object would be newer than the user's file now, and newer than the same rendered
        text later.
        """
        rendered = self._rendered_path(component, kind)
        if rendered and os.path.isfile(rendered):
            for path in (os.path.splitext(rendered)[0] + str(self.env["OBJSUFFIX"]), rendered):
                remove_file(path)

    def _rendered_path(self, component: Any, kind: SourceKind) -> Optional[str]:
        relative = find_source(component, kind.value)
        return os.path.join(self.folder, "out", component.name, *relative.split("/")) if relative else None

    def _rendered(self) -> List[Tuple[Any, SourceKind]]:
        ota = self.components.named("ota")
        pairs: Dict[SourceKind, Any] = {SourceKind.APP: self.solution.solution_component}
        if ota is not None:
            pairs[SourceKind.DIGEST] = ota
        return [(component, kind) for kind, component in pairs.items()]


def _reproducibly(root: str) -> Tuple[List[str], Dict[str, str]]:
    """Flags and variables with which neither where nor when it was compiled stands in an object's strings (GCC 8)."""
    roots = dict.fromkeys((os.path.realpath(root), root))
    flags = [f"-fmacro-prefix-map={path}/=" for path in roots]
    return flags, {"SOURCE_DATE_EPOCH": os.environ.get("SOURCE_DATE_EPOCH", _EPOCH)}


def _from_top(path: str) -> str:
    return path if os.path.isabs(path) else "#" + str(path).replace("\\", "/")


def _display(path: Optional[str], folder: str) -> Optional[str]:
    """The path that compiler messages show: relative to the solution where that is shorter to read."""
    if path is None:
        return None
    try:
        relative = os.path.relpath(path, folder)
    except ValueError:  # another drive
        return path
    return relative


def _say(text: str) -> None:
    sys.stdout.write(f"aos_ota_plugin: {text}\n")
    sys.stdout.flush()
