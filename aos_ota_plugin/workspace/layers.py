"""The settings of a build from its components, for `aos make`, `config`, `doctor` and `sbom` alike.

No I/O. A build passes the components as aos-tools has them; commands pass them as ``solution`` reads them.
"""

from __future__ import annotations

from typing import Collection, FrozenSet, Iterable, List, NamedTuple, Optional, Sequence, Set, Tuple

from aos_ota_plugin.errors import Place, SettingsError, WorkspaceError
from aos_ota_plugin.settings.foreign import nearest
from aos_ota_plugin.settings.leaks import refuse_secret
from aos_ota_plugin.settings.raw import RawSetting
from aos_ota_plugin.workspace.merge import MERGE_ORDER, Layer, merge_layers
from aos_ota_plugin.workspace.packages import Package

_ALIKE = 0.85
_SHOWN = 5


class Member(NamedTuple):
    """A component that a solution uses, or would use if a condition held."""

    name: str
    type: str
    in_use: bool
    setting_names: Collection[str]  # of its def_config
    condition_names: Collection[str]
    package: Optional[Package]  # None where its package.yaml has nothing for us


class Notice(NamedTuple):
    """A warning about something in a file that does not stop the build, with its place."""

    place: Place
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


class ComponentSettings(NamedTuple):
    """The settings of the components.

    ``layers`` are their ``def_config``, lowest first; ``foreign`` the names that are not ours; ``notices`` warnings.
    """

    layers: Tuple[Layer, ...]
    foreign: FrozenSet[str]
    notices: Tuple[Notice, ...]


def read_members(
    members: Sequence[Member], solution_name: str, arguments: Sequence[RawSetting], symbols: Collection[str]
) -> ComponentSettings:
    """Return the settings of the components in use.

    ``members`` are in aos's order, ``symbols`` the names of our settings.

    Raises:
        SecretError: a secret is in a component in use.
        SettingsError: a setting of ours is there twice, so that YAML would drop one.
        WorkspaceError: aos-tools fails on a name in def_config.
    """
    packages = [member.package for member in members if member.in_use and member.package is not None]
    for package in packages:
        _refuse_secrets(package)
        _refuse_unusable(package)
        _refuse_dropped(package, symbols)
    notices = [_notice(package) for package in packages if package.repeats]
    return ComponentSettings(
        merge_layers(packages), _foreign(members, solution_name, arguments, symbols), tuple(notices)
    )


def member_of(package: Package, in_use: bool) -> Member:
    """Return a member for a component that was read whole."""
    return Member(
        package.name, package.type, in_use, [raw.name for raw in package.def_config], package.condition_names, package
    )


def _refuse_secrets(package: Package) -> None:
    for raw in (*package.def_config, *(dropped.raw for dropped in package.dropped), *package.macros):
        refuse_secret(raw.name, raw.text, raw.origin)


def _refuse_unusable(package: Package) -> None:
    if package.unusable is not None and any(package.type in types for types in MERGE_ORDER):
        raise WorkspaceError(
            "a name under def_config is not text to YAML, and aos-tools fails on it",
            place=package.unusable,
            remedy="put it in quotes, or write another name",
        )


def _refuse_dropped(package: Package, symbols: Collection[str]) -> None:
    """Raise SettingsError where YAML drops a setting of ours, or a misspelt one."""
    may_set_ours = package.type in ("solution", "board", "chip")
    for raw, key, again in package.dropped:
        slip = may_set_ours and raw.name.upper().startswith("OTA_") and nearest(raw.name, symbols, _ALIKE)
        if raw.name in symbols or slip:
            line = raw.origin.place.line if raw.origin.place else 0
            what = (
                "is set twice"
                if key == raw.name
                else "is merged twice"
                if key == "<<"
                else f"does not count, because {key} is set twice"
            )
            raise SettingsError(
                f"{raw.name}: it {what}, in lines {line} and {again.line}: YAML keeps one of them, without a word",
                place=again,
                remedy="take one of the two out",
            )


def _notice(package: Package) -> Notice:
    """Return one notice about all repeated keys of a file."""
    listed = [f"{repeat.key[:80]!r} in lines {repeat.first_line} and {repeat.again.line}" for repeat in package.repeats]
    more = f", and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return Notice(
        package.repeats[0].again, f"a key is set twice, and the last value counts: {', '.join(listed[:_SHOWN])}{more}"
    )


def _foreign(
    members: Iterable[Member], solution_name: str, arguments: Sequence[RawSetting], symbols: Collection[str]
) -> FrozenSet[str]:
    """Return the names that are not ours: other components' settings, conditions, the solution's own."""
    names: Set[str] = set()
    own = f"{solution_name.upper()}_"
    written: List[str] = [raw.name for raw in arguments]
    for member in members:
        names.update(member.condition_names)
        if member.type == "solution":
            written += member.setting_names
        elif member.type != "board":
            # A chip may set our settings for its boards: there a name close to one of ours is a misspelling.
            names.update(
                name
                for name in map(str, member.setting_names)
                if member.type != "chip" or not nearest(name, symbols, _ALIKE)
            )
    if own != "OTA_":
        # In a solution called ota_app, OTA_APP_VERSON is a misspelt setting rather than a macro of its own.
        names.update(name for name in map(str, written) if name.startswith(own) and not nearest(name, symbols, _ALIKE))
    return frozenset(names)
