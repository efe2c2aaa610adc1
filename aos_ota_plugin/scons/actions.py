"""The actions of the builders. They are module-level functions: SCons signs an action by its code.

Each returns 0, or 1 after showing an error; no error leaves this module as a traceback.
"""

from __future__ import annotations

import enum
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, List, Sequence, Tuple

from aos_ota_plugin.console.progress import WorkProgress
from aos_ota_plugin.errors import BuildError, OtaError
from aos_ota_plugin.files.private_files import create_private
from aos_ota_plugin.files.transaction import write_file, written_by_program
from aos_ota_plugin.pipeline import build, rendering, setting_files
from aos_ota_plugin.pipeline.kept_releases import is_kept, with_base_release
from aos_ota_plugin.pipeline.keyset import BuildKeys
from aos_ota_plugin.pipeline.mode_proof import ModeEvidence, judge_mode
from aos_ota_plugin.pipeline.site import Site
from aos_ota_plugin.process import describe
from aos_ota_plugin.release.names import ImageNames
from aos_ota_plugin.scons.variables import settings_from_variables
from aos_ota_plugin.settings.resolve import OtaSettings
from aos_ota_plugin.sources.names import APP_HEADER, APP_SOURCE, DIGEST_SOURCE

Nodes = List[Any]


class SourceKind(enum.Enum):
    """The C files that are rendered, by the names that the vendor or we give them."""

    APP = APP_SOURCE
    DIGEST = DIGEST_SOURCE
    HEADER = APP_HEADER

    @classmethod
    def of(cls, path: str) -> SourceKind:
        """Return the kind of a target by its file name; the application may have any name."""
        name = os.path.basename(path)
        return next((kind for kind in (cls.DIGEST, cls.HEADER) if kind.value == name), cls.APP)


def show(error: OtaError) -> None:
    """Print an error of ours to stderr."""
    sys.stdout.flush()
    sys.stderr.write(f"aos_ota_plugin: error: {error}\n")
    sys.stderr.flush()


def show_internal(error: Exception) -> None:
    """Print where an unexpected error was raised, without its message, which may hold a secret."""
    sys.stdout.flush()
    sys.stderr.write(f"aos_ota_plugin: {describe(error)}\n")
    sys.stderr.flush()


def settings_of(env: Any) -> OtaSettings:
    """Return the settings that ``aos make`` resolved, else those of the construction variables."""
    settings = env.get("OTA_SETTINGS")
    if settings is None:
        settings = with_base_release(settings_from_variables(env), None)
        for notice in settings.notices:
            sys.stdout.write(f"aos_ota_plugin: warning: {notice}\n")
        env["OTA_SETTINGS"] = settings
        protect(settings)
    return settings  # type: ignore[no-any-return]


def protect(settings: OtaSettings) -> None:
    """Let a build whose firmware holds a secret create files for their owner alone, from here to its end."""
    if settings.identity == "embedded":
        create_private()


class KeyStore:
    """The keys of one run of SCons, by settings.

    ``aos make`` has one set of settings, a plain SCons project may have several. The class is no list: SCons would copy
    a list with the environment. SCons writes no construction variable of ours to its record.
    """

    def __init__(self) -> None:
        self._pairs: List[Tuple[OtaSettings, BuildKeys]] = []

    def of(self, settings: OtaSettings) -> BuildKeys:
        """Return the keys that these settings name: the same object for emitters and for later actions."""
        for other, keys in self._pairs:
            if other is settings or other == settings:
                return keys
        keys = BuildKeys(settings)
        self._pairs.append((settings, keys))
        return keys


def keys_of(env: Any) -> BuildKeys:
    """Return the keys that the settings of an environment name."""
    return env["OTA_KEYS"].of(settings_of(env))  # type: ignore[no-any-return]


def templates_of(env: Any) -> Any:
    """Return the templates in force: the solution's own before ours."""
    from aos_ota_plugin.sources.template_files import load_templates

    return load_templates(env.get("OTA_TEMPLATES"))


def render(target: Nodes, source: Nodes, env: Any) -> int:
    """Render one C file: inject into the user's, or fill in the template."""
    return _run(lambda: _render(target, source, env))


def compile_identity(target: Nodes, source: Nodes, env: Any) -> int:
    """Compile the identity's C text, piped to the compiler: no file and no command line holds a secret."""
    return _run(lambda: _compile_identity(target, env))


def image(target: Nodes, source: Nodes, env: Any) -> int:
    """Make the release, prove it, and write it, unless it is unchanged."""
    return _run(lambda: _image(target, source, env))


def _run(step: Callable[[], None]) -> int:
    try:
        step()
    except OtaError as error:
        show(error)
        return 1
    except Exception as error:
        show_internal(error)
        return 1
    return 0


def _render(target: Nodes, source: Nodes, env: Any) -> None:
    settings = settings_of(env)
    kind = SourceKind.of(str(target[0]))
    user_file = source[0].srcnode().abspath if source else None
    if kind is SourceKind.DIGEST and settings.security == "none" and user_file:
        # Nothing is signed or checked, so there is no key to inject.
        rendered = rendering.read_source(user_file)
    elif kind is SourceKind.HEADER:
        rendered = rendering.render_app_header(settings)
    else:
        where = {"user_file": user_file, "display": env.get("OTA_DISPLAY"), "templates": templates_of(env)}
        if kind is SourceKind.DIGEST:
            rendered = rendering.render_digest_source(keys_of(env).trusted, **where)
        else:
            with_version = not env.get("OTA_VERSION_IN_HEADER")
            rendered = rendering.render_app_source(settings, with_version=with_version, **where)
    write_file(target[0].abspath, rendered)


def _compile_identity(target: Nodes, env: Any) -> None:
    settings = settings_of(env)
    text = rendering.render_identity_source(settings, templates=templates_of(env))
    tokens = [str(token) for token in env.subst_list("$CC $CFLAGS $CCFLAGS")[0]]
    compiler = env.WhereIs(tokens[0]) or tokens[0]
    # -pipe: no assembler text with a secret in a temporary folder.
    command = [compiler, *_machine_flags(tokens[1:]), "-w", "-fno-diagnostics-show-caret", "-pipe", "-c", "-x", "c"]
    with written_by_program(target[0].abspath) as output:
        _run_compiler([*command, "-o", output, "-"], text, env, settings)


def _run_compiler(command: List[str], text: str, env: Any, settings: OtaSettings) -> None:
    try:
        done = subprocess.run(
            command,
            input=text.encode("utf-8"),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=env["ENV"],
            check=False,
            close_fds=False,
        )  # it holds the build's lock, see spawn.py
    except OSError as error:
        raise BuildError(
            f"cannot run the compiler {command[0]}: {error.strerror or error}",
            remedy="check the chip's toolchain_prefix and toolchain_path",
        ) from None
    if done.returncode:
        message = setting_files.scrub(done.stdout.decode("utf-8", "replace"), settings).strip()
        raise BuildError(
            f"the compiler refused the identity source (status {done.returncode}):\n{message}",
            remedy="check the chip's cflag; the source itself is aos_ota_plugin's",
        )


def _machine_flags(tokens: Sequence[str]) -> List[str]:
    """Return the flags that decide the object's ABI, without macros, include paths and dependency files."""
    flags: List[str] = []
    skip = False
    for token in tokens:
        if skip:
            skip = False
        elif token in ("-D", "-U", "-I", "-include", "-imacros", "-isystem", "-iquote", "-MF", "-MT", "-MQ"):
            skip = True
        elif not token.startswith(("-D", "-U", "-I", "-M", "-iquote", "-save-temps")):
            flags.append(token)
    return flags


def _image(target: Nodes, source: Nodes, env: Any) -> None:
    site = env.get("OTA_SITE") or Site(
        image=target[0].abspath,
        manifest=target[1].abspath,
        payload=source[0].abspath,
        elf=source[1].abspath if len(source) > 1 else None,
        names=ImageNames.of(os.path.basename(target[0].abspath)),
    )
    site = replace(site, objcopy=_objcopy_options(source[0], env))
    if "OTA_MODE_STATE" in env:
        site = replace(site, mode=_mode(env))
    sys.stdout.flush()  # what the vendor's image step prints comes after what SCons has printed
    with WorkProgress(sys.stdout, prefix="aos_ota_plugin: ") as progress:
        outcome = build.build_release(site, settings_of(env), keys_of(env), progress=progress)
    for line in (*outcome.lines, *_kept(site, env)):
        sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _kept(site: Site, env: Any) -> List[str]:
    """Keep the release where OTA_KEEP_RELEASES says so; return the lines about it. Raises OtaError."""
    settings = settings_of(env)
    # In aos make the ELF lies beside the copy of the release.
    manifest = os.path.join(site.copy, os.path.basename(site.manifest)) if site.copy else site.manifest
    if not settings.keep_releases or is_kept(settings.solution_dir, site.board, settings.app_version, manifest):
        return []
    from aos_ota_plugin.verify.kept_releases import Keeping, keep_release

    elf = None if site.copy else site.elf
    kept = keep_release(manifest, settings.solution_dir, elf=elf, key=lambda: keys_of(env).signing_public_key)
    if kept.keeping is Keeping.NEW:
        return [f"aos_ota_plugin: kept in {kept.folder}"]
    if kept.keeping is Keeping.OTHER:
        return [
            f"aos_ota_plugin: warning: {kept.folder} holds another {kept.manifest.version}, and stays as it is: give "
            "this build a version of its own"
        ]
    return []


def _mode(env: Any) -> ModeEvidence:
    """Check the security mode of the sources of ``ota``. Raises as ``judge_mode``."""
    components = env["OTA_COMPONENTS"]
    ota = components.find("ota")
    return judge_mode(
        components.compiled_sources(ota) if ota is not None else None,
        settings_of(env).security,
        folder=env.Dir("#").abspath,
        state=env["OTA_MODE_STATE"],
    )


def _objcopy_options(binary: Any, env: Any) -> Tuple[str, ...]:
    """Return the options of the objcopy command that makes the .bin, without program and files.

    If no builder of aos-tools makes the .bin, the options are the construction variable BINFLAGS.
    """
    own = binary.get_build_env() if binary.has_builder() else env
    if "BINCOM" not in own:
        return tuple(str(word) for line in own.subst_list("$BINFLAGS") for word in line)
    words = [str(word) for line in own.subst_list("$BINCOM", target=[binary], source=binary.sources) for word in line]
    files = {str(binary), *(str(node) for node in binary.sources)}
    return tuple(word for word in words[1:] if word not in files)


def wait_past(paths: Sequence[str]) -> None:
    """Wait until the clock is in a later second than the newest of ``paths``.

    aos-tools compares time stamps in whole seconds: an object file made in the second in which the last build made its
    archive or program would not be linked into it, and the old firmware would be shipped. The programs are the newest
    files of a build. Only a build that begins within a second of them waits, for less than a second.

    Raises:
        BuildError: an output carries a time stamp from the future.
    """
    newest = max((_seconds(path) for path in paths), default=0)
    ahead = newest + 1 - time.time()
    if ahead > 5:
        raise BuildError(
            f"the outputs of the last build are dated {ahead:.0f} s in the future, so this build could "
            "not tell old from new",
            remedy="set the clock right, run `aos make clean`, and build again",
        )
    if ahead > 0:
        time.sleep(ahead + 0.01)


def _seconds(path: str) -> int:
    try:
        return int(Path(path).stat().st_mtime)
    except OSError:
        return 0
