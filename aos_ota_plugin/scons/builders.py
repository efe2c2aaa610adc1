"""The SCons builders ``OtaSource``, ``OtaIdentity`` and ``OtaImage``.

They make a rendered C file, the object that holds secrets, and a release.

They take their values from ``env["OTA_SETTINGS"]`` (the hook into ``aos make`` puts it there) or, in a plain SCons
project, from construction variables with the settings' own names: ``OTA_APP_VERSION="app-1.0.0"`` and so on.
The inputs of a target are its dependencies, as a ``Value`` or a file, compared by content: a build makes exactly the
targets that a change affects. A key file is a ``Value``: when SCons reads the file, it may hold another key than the
build has used. A secret is there as a salted, slow fingerprint only: SCons stores what it compares.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Callable, List, Tuple

from SCons.Action import Action
from SCons.Builder import Builder

from aos_ota_plugin.errors import OtaError
from aos_ota_plugin.pipeline.fingerprint import part_inputs
from aos_ota_plugin.scons import actions
from aos_ota_plugin.scons.actions import SourceKind
from aos_ota_plugin.settings.fields import Part
from aos_ota_plugin.sources.template_files import OWN, SUFFIX

Nodes = List[Any]
_RENDERED = ("ota_identity.c", *(kind.value for kind in SourceKind))


def register(env: Any) -> None:
    """Add the builders to ``env``. They compare by content; other targets keep their own decider."""
    builders = {
        "OtaSource": Builder(action=Action(actions.render, "OTA $TARGET"), emitter=_emit_source),
        "OtaIdentity": Builder(
            action=Action(actions.compile_identity, "CC $TARGET", varlist=["CC", "CFLAGS", "CCFLAGS"]),
            emitter=_emit_identity,
        ),
        "OtaImage": Builder(action=Action(actions.image, None), emitter=_emit_image),
    }
    env.SetDefault(OTA_KEYS=actions.KeyStore())
    for name, builder in builders.items():
        env.AddMethod(_by_content(builder), name)


def _by_content(builder: Any) -> Callable[..., Any]:
    """Return a method of an environment that calls the builder in a copy that compares by content.

    By time stamps a changed ``Value`` would go unnoticed: the old version would be built, signed and shipped.
    """

    def build(env: Any, target: Any, source: Any = (), **overrides: Any) -> Any:
        own = env
        if "OTA_SETTINGS" not in env:  # with it, env is the hook's own copy, and compares by content already
            own = env.Clone()
            own.Decider("content")
        try:
            return builder(own, target, source, **overrides)
        except OtaError as error:
            actions.show(error)
            sys.exit(2)

    return build


def _emit_source(target: Nodes, source: Nodes, env: Any) -> Tuple[Nodes, Nodes]:
    """Complete the nodes of ``OtaSource("out/otaappdemo.c", "otaappdemo.c")``.

    Without a source the full template is rendered. ``OtaSource("include/ota_app.h")`` makes the header with the
    version.
    """
    settings = actions.settings_of(env)
    kind = SourceKind.of(str(target[0]))
    part = Part.DIGEST if kind is SourceKind.DIGEST else Part.APP
    depends: List[Any]
    if kind is SourceKind.HEADER:
        depends = [env.Value(settings.app_version)]
    else:
        depends = [env.Value(part_inputs(part, settings)), *_templates(env, kind.value)]
    if kind is SourceKind.DIGEST:
        keys = actions.keys_of(env)
        depends.append(env.Value(repr(keys.digests(keys.trust_files))))
    if env.get("OTA_VERSION_IN_HEADER"):
        depends.append(env.Value("without the version"))
    env.Depends(target, depends)
    # SCons must not remove the source before it is rendered: unchanged text keeps its time stamp and its object file.
    env.Precious(target)
    return target, source


def _emit_identity(target: Nodes, source: Nodes, env: Any) -> Tuple[Nodes, Nodes]:
    settings = actions.settings_of(env)
    depends: List[Any] = [env.Value(part_inputs(Part.IDENTITY, settings)), *_templates(env, "ota_identity.c")]
    env.Depends(target, depends)
    return target, source


def _emit_image(target: Nodes, source: Nodes, env: Any) -> Tuple[Nodes, Nodes]:
    """Complete the nodes of ``OtaImage("ota_rtos_ota.bin", ["firmware.bin", "firmware.elf"])``.

    The manifest becomes a second target.
    """
    settings = actions.settings_of(env)
    image = target[0]
    target = [image, env.File(os.path.splitext(image.abspath)[0] + ".json")]
    parts = Part.IMAGE | Part.MODULES
    if settings.provenance:
        parts |= Part.DOCUMENTS
    depends: List[Any] = [env.Value(part_inputs(parts, settings))]
    keys = actions.keys_of(env)
    depends.append(env.Value(repr(keys.digests(keys.files))))
    if settings.base_release:
        depends.append(_file(env, settings.base_release))
    if settings.chip_file:
        depends.append(_file(env, settings.chip_file))
    if settings.modules:
        from aos_ota_plugin.pipeline.module_sources import source_files

        depends += [_file(env, path) for path in source_files(settings)]
    env.Depends(target, depends)
    # A build that fails must leave the last good image and manifest where they are.
    env.Precious(target)
    allowances = (settings.allow_changed_payload, settings.allow_new_key, settings.allow_other_base)
    if any(allowances) or settings.allow_development_key or settings.keep_releases:
        env.AlwaysBuild(target)  # every build shows which proofs are excused, and keeps the release
    return target, source


def _templates(env: Any, name: str) -> List[Any]:
    """Return the nodes of the templates that ``name`` may be rendered from: its own and every partial."""
    others = {f"{other}{SUFFIX}" for other in _RENDERED if other != name}
    return [
        _file(env, file)
        for template, (_, file) in actions.templates_of(env).items()
        if template.removeprefix(OWN) not in others
    ]


def _file(env: Any, path: str) -> Any:
    """Return the node of a path; in the path itself SCons would replace a ``$name``."""
    return env.File(path.replace("$", "$$"))
