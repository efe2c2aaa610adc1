"""Read a build's settings: from aos-tools' components, or from SCons construction variables."""

from __future__ import annotations

import os
import re
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Collection, NamedTuple, Sequence, Tuple

from aos_ota_plugin.console.prompt import ask_secret
from aos_ota_plugin.errors import Place, SettingsError, WorkspaceError
from aos_ota_plugin.settings.fields import OBSOLETE, SYMBOLS
from aos_ota_plugin.settings.raw import PACKAGE_YAML, Origin, RawSetting
from aos_ota_plugin.settings.resolve import OtaSettings, resolve
from aos_ota_plugin.settings.secretfile import load_secrets
from aos_ota_plugin.settings.sources import read_command_line
from aos_ota_plugin.workspace.depends import condition_names
from aos_ota_plugin.workspace.disk import PACKAGE_FILE, all_layers, read_text
from aos_ota_plugin.workspace.layers import Member, Notice, read_members
from aos_ota_plugin.workspace.packages import Package, parse_package

# Words in the text of a package.yaml that could stand for a setting of ours, or a secret.
_OURS = ("OTA_", "SECRET", "PASSPHRASE", "PKCS11")
_KEY = re.compile(r"""^( *(?:- +)?)["']?([^\s#:"'-][^:#"'\n]*)""", re.MULTILINE)


class BuildSettings(NamedTuple):
    """The settings of a build, and warnings about the files that they came from."""

    settings: OtaSettings
    notices: Sequence[Notice]


def settings_from_aos(solution: Any, *, folder: str, command_line: Sequence[Tuple[str, str]]) -> BuildSettings:
    """Return the settings of an ``aos make``.

    They come from ota.config, then def_config as aos-tools merges it, then the command line.

    aos-tools decides which components are in use. A package.yaml is parsed again only if it may have a setting of ours,
    a secret, or a repeated key: parsing all of them would make every build slower.

    Raises:
        SettingsError, SecretError, WorkspaceError: as the readers and ``resolve`` do.
    """
    arguments = read_command_line(command_line)
    used = list(solution.components)
    waiting = [component for component in solution.cond_components if component not in used]
    members = [_member(component, component in used, SYMBOLS) for component in [*used, *waiting]]
    reading = read_members(members, solution.solution_component.name, arguments, SYMBOLS)
    settings = resolve(
        all_layers(folder, reading.layers, arguments),
        solution_dir=folder,
        secrets=load_secrets(folder, os.environ, ask_secret),
        foreign_names=reading.foreign,
    )
    return BuildSettings(settings, reading.notices)


def _member(component: Any, in_use: bool, symbols: Collection[str]) -> Member:
    file = Path(component.path) / PACKAGE_FILE
    text = read_text(file)
    package = None
    to_us = component.type in ("solution", "board")
    capitals = text.upper()
    if in_use and (
        to_us
        or any(word in capitals for word in _OURS)
        or _may_repeat(text)
        or any(name in symbols for name in component.defconfig)
    ):
        package = parse_package(text, component.path)
        _refuse_other_reading(component, package, symbols)
    return Member(component.name, component.type, in_use, component.defconfig, condition_names(text), package)


def _may_repeat(text: str) -> bool:
    """Return whether a key may be repeated in a mapping: it stands twice at one depth of indentation."""
    if "{" in text or "<<" in text:
        return True
    keys = [(len(indent), key.rstrip()) for indent, key in _KEY.findall(text)]
    return len(keys) != len(set(keys))


def _refuse_other_reading(component: Any, package: Package, symbols: Collection[str]) -> None:
    """Raise WorkspaceError when aos-tools reads another value of a setting of ours in the same file."""
    theirs = {name: value for name, value in component.defconfig.items() if name in symbols}
    ours = {raw.name: raw.value for raw in package.def_config if raw.name in symbols}
    if theirs != ours:
        names = sorted(name for name in theirs.keys() | ours.keys() if theirs.get(name) != ours.get(name))
        raise WorkspaceError(
            f"{', '.join(names)}: aos-tools reads this file in another way than aos_ota_plugin",
            place=Place(package.file),
            remedy="write the settings plainly, one `NAME: value` a line",
        )


def settings_from_variables(env: Any) -> OtaSettings:
    """Return the settings of a plain SCons project: construction variables with the settings' names.

    ``True`` and ``False`` stand for y and n; secrets come from the environment or ota.secrets.yaml, as everywhere.

    Raises:
        SettingsError, SecretError: as ``resolve`` does, and for a variable with a misspelt name.
    """
    folder = env.Dir("#").abspath
    origin = Origin("SConstruct")
    layer = []
    for name in sorted(
        name for name in env.Dictionary() if name in SYMBOLS or name in OBSOLETE or _is_misspelt(name, SYMBOLS)
    ):
        value = env[name]
        text = ("y" if value else "n") if isinstance(value, bool) else str(env.subst(str(value)))
        layer.append(RawSetting(name, text, text, origin))
    try:
        return resolve([layer], solution_dir=folder, secrets=load_secrets(folder, os.environ, ask_secret))
    except SettingsError as error:
        package = os.path.join(folder, PACKAGE_YAML)
        if error.place is None or error.place.file != package:
            raise
        name = error.problem.partition(":")[0]
        raise SettingsError(
            error.problem,
            place=Place(os.path.join(folder, "SConstruct")),
            remedy=f"give the environment {name}=…; README tells what belongs there",
        ) from None


def _is_misspelt(name: str, symbols: Collection[str]) -> bool:
    """Return whether a name is close to a setting's; other names with OTA_ are the project's own."""
    return name.startswith("OTA_") and bool(get_close_matches(name, symbols, 1, 0.85))
