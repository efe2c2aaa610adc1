"""Check the components and sources of a build before anything is compiled.

`aos make` and `aos-ota doctor` both do these checks.
"""

from __future__ import annotations

import os
from typing import NamedTuple, Optional, Sequence

from aos_ota_plugin.errors import OutputError, Place, SettingsError, WorkspaceError
from aos_ota_plugin.pipeline.app_source import find_app_source
from aos_ota_plugin.pipeline.kept_releases import FOLDER
from aos_ota_plugin.pipeline.mode_proof import MACRO
from aos_ota_plugin.release.names import ImageNames, board_folder
from aos_ota_plugin.settings.fields import OtaSettings
from aos_ota_plugin.sources.app_source import AppChoice
from aos_ota_plugin.sources.names import APP_SOURCE, DIGEST_SOURCE
from aos_ota_plugin.workspace.disk import PACKAGE_FILE, depends_place
from aos_ota_plugin.workspace.used_components import BuildInputs, UsedComponent

AGENT = "ota"
_TEMPLATE_NEEDS = ("linksdk", "netmgr", "osal_aos", "ulog", "uservice")
"""The components, besides ``ota``, whose headers and functions the template's application uses."""


class SourcePlan(NamedTuple):
    """The sources that a build renders: for version and identity, and for the public key.

    ``digest`` is the source for the key, by its path below ``ota``, None for no key. ``own_template`` says whether the
    solution has a template of its own for the application.
    """

    application: AppChoice
    digest: Optional[str]
    own_template: bool


def plan_sources(inputs: BuildInputs, settings: OtaSettings) -> SourcePlan:
    """Check that the components have what a build needs; return the sources that the build renders.

    Raises:
        WorkspaceError: a component is missing, or there is no place for the public key.
        SettingsError, SourceError: a cflag sets the mode, or there is no single place for version and identity.
    """
    folder = inputs.solution.path
    agent = inputs.components.get(AGENT)
    if agent is None:
        raise WorkspaceError(
            f"the solution {inputs.solution.name} does not use the component `{AGENT}`, so the firmware could not take "
            "any update",
            place=depends_place(os.path.join(folder, PACKAGE_FILE)),
            remedy=f"add `- {AGENT}: master` under depends: in {os.path.join(folder, PACKAGE_FILE)}",
        )
    if MACRO in f"{inputs.cflags} {agent.cflag}":
        raise SettingsError(
            f"a cflag defines {MACRO}, which is for the setting of that name to decide",
            place=Place(os.path.join(agent.path, PACKAGE_FILE)) if MACRO in agent.cflag else None,
            remedy=f"take -D{MACRO}… out of the cflag in package.yaml and set "
            f"`{MACRO}: y` or `OTA_CONFIG_CLOUD_RSA: y` under def_config",
        )
    own_template = os.path.isfile(os.path.join(folder, "templates", APP_SOURCE + ".j2"))
    names = list(dict.fromkeys(inputs.solution.sources()))
    application = find_app_source(folder, names, settings, own_template=own_template)
    if settings.identity == "kv":
        _require(inputs, ("kv",), "an identity in the key-value partition")
    if application.template and not own_template:
        _require(inputs, _TEMPLATE_NEEDS, "the application that is added to a solution without a main")
    return SourcePlan(application, _digest_source(agent) if settings.security != "none" else None, own_template)


def check_images(settings: OtaSettings, names: ImageNames, chip: str) -> None:
    """Check that the settings ask for no image that devices with this chip do not take.

    Raises:
        SettingsError: ``names``, those of the chip's images, have none for it.
    """
    for setting, is_set, name, key in (
        ("OTA_COMPRESS_XZ", settings.compress_xz, names.xz, "xz"),
        ("OTA_DIFF", settings.diff, names.diff, "diff"),
    ):
        if is_set and name is None:
            raise SettingsError(
                f"{setting}: devices with the chip {chip} take no {key} image: its description names none",
                place=settings.origins[setting].place,
                remedy=f"set {setting} to n, or write the image's name into the description of the chip (`{key}:`)",
            )


def check_kept_folder(settings: OtaSettings, board: Optional[str]) -> None:
    """Check that a release can be kept where OTA_KEEP_RELEASES asks for it. Raises OutputError."""
    if not settings.keep_releases:
        return
    top = os.path.join(settings.solution_dir, FOLDER)
    for path in (top, os.path.join(top, board_folder(board))):
        if os.path.lexists(path) and not os.path.isdir(path):
            raise OutputError(
                f"no release can be kept in {path}: a file stands there",
                remedy="move it away, or set OTA_KEEP_RELEASES to n",
            )


def _require(inputs: BuildInputs, names: Sequence[str], user: str) -> None:
    missing = [name for name in names if name not in inputs.components]
    if missing:
        several = len(missing) > 1
        raise WorkspaceError(
            f"{user} needs the component{'s' if several else ''} {', '.join(missing)}, and the solution "
            f"{inputs.solution.name} does not use {'them' if several else 'it'}",
            place=depends_place(os.path.join(inputs.solution.path, PACKAGE_FILE)),
            remedy="add under depends:" + "".join(f"\n  - {name}: master" for name in missing),
        )


def _digest_source(agent: UsedComponent) -> str:
    source = agent.find_source(DIGEST_SOURCE)
    if source is None:
        package = os.path.join(agent.path, PACKAGE_FILE)
        raise WorkspaceError(
            f"the component `{agent.name}` does not compile {DIGEST_SOURCE}: no place for the public key",
            place=Place(package),
            remedy=f"list hal/{DIGEST_SOURCE} under source_file: in {package}",
        )
    return source
