"""Settings as a build hands them over: from aos-tools' components, or from SCons construction variables."""

from __future__ import annotations

import os
import re
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Collection, List, Sequence, Tuple

from aos_ota_plugin.console.prompt import ask_secret
from aos_ota_plugin.errors import Place, SettingsError
from aos_ota_plugin.settings.raw import PACKAGE_YAML, Origin, RawSetting
from aos_ota_plugin.settings.resolve import OtaSettings, resolve
from aos_ota_plugin.settings.schema import Schema, load_schema
from aos_ota_plugin.settings.secretfile import load_secrets
from aos_ota_plugin.settings.sources import read_command_line, read_ota_config
from aos_ota_plugin.workspace.disk import read_text
from aos_ota_plugin.workspace.packages import parse_package

# The order in which aos-tools merges def_config; a later type wins.
TYPE_ORDER = ("common", "dynamic", "userspace_common", "kernel", "drv_core", "drv_peripheral", "drv_external_device",
              "arch", "chip", "sdk", "board", "solution")
_OURS = re.compile(r"OTA_|SECRET|PASSPHRASE|PKCS11", re.IGNORECASE)


def settings_from_aos(
    solution: Any, *, folder: str, command_line: Sequence[Tuple[str, str]], known_foreign: Collection[str],
    schema: Schema,
) -> OtaSettings:
    """The settings of an ``aos make``: ota.config, then def_config as aos-tools merges it, then the command line.

    Only a package.yaml that aos-tools found a setting of ours in is read again, for the places.

    Raises:
        SettingsError, SecretError, WorkspaceError: as the readers and ``resolve`` do.
    """
    layers: List[Sequence[RawSetting]] = []
    foreign = set(known_foreign)
    saved = Path(folder) / "ota.config"
    if os.path.lexists(saved):  # a link to nowhere is a mistake, not no settings
        layers.append(read_ota_config(read_text(saved), str(saved)))
    for component in sorted(solution.components, key=_rank):
        to_us = component.type in ("solution", "board")
        if to_us or any(_OURS.search(str(name)) for name in component.defconfig):
            package = parse_package(read_text(Path(component.path) / "package.yaml"), component.path)
            # A component may define OTA_* names of its own; only a solution or board speaks to us with any of them.
            foreign.update(package.condition_names)
            layers.append([raw for raw in package.def_config if to_us or raw.name in schema.symbols])
    layers.append(read_command_line(command_line))
    return resolve(layers, schema=schema, solution_dir=folder, secrets=load_secrets(folder, os.environ, ask_secret),
                   known_foreign=foreign)


def settings_from_variables(env: Any) -> OtaSettings:
    """The settings of a plain SCons project: construction variables called as the settings are.

    ``True`` and ``False`` stand for y and n; secrets come from the environment or ota.secrets.yaml, as everywhere.

    Raises:
        SettingsError, SecretError: as ``resolve`` does, and for a variable that is called almost as a setting is.
    """
    folder = env.Dir("#").abspath
    schema = load_schema()
    origin = Origin("SConstruct")
    layer = []
    for name in sorted(name for name in env.Dictionary() if name in schema.symbols or _is_slip(name, schema.symbols)):
        value = env[name]
        text = ("y" if value else "n") if isinstance(value, bool) else str(env.subst(str(value)))
        layer.append(RawSetting(name, text, text, origin))
    try:
        return resolve([layer], schema=schema, solution_dir=folder,
                       secrets=load_secrets(folder, os.environ, ask_secret))
    except SettingsError as error:
        package = os.path.join(folder, PACKAGE_YAML)
        if error.place is None or error.place.file != package:
            raise
        name = error.problem.partition(":")[0]
        raise SettingsError(error.problem, place=Place(os.path.join(folder, "SConstruct")),
                            remedy=f"give the environment {name}=…; README tells what belongs there") from None


def _is_slip(name: str, symbols: Collection[str]) -> bool:
    """Whether a variable was meant to be a setting; a project may have OTA_… variables of its own."""
    return name.startswith("OTA_") and bool(get_close_matches(name, symbols, 1, 0.85))


def _rank(component: Any) -> int:
    return TYPE_ORDER.index(component.type) if component.type in TYPE_ORDER else -1
