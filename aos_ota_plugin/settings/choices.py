"""Resolving Kconfig choices: exactly one member of a choice is y."""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Sequence

from aos_ota_plugin.settings.fields import Choice
from aos_ota_plugin.settings.raw import DEFAULT, Origin, RawSetting, setting_error
from aos_ota_plugin.settings.values import as_bool


class ChoiceResult(NamedTuple):
    """The member of a choice that is y, the setting that makes it so, and the number of its layer.

    For the default ``raw`` is None and ``layer`` -1. ``denied`` is a setting in a higher layer that makes it n.
    """

    name: str
    raw: Optional[RawSetting]
    layer: int
    denied: Optional[RawSetting] = None

    @property
    def origin(self) -> Origin:
        """Return where the member was set to y."""
        return self.raw.origin if self.raw else Origin(DEFAULT)


def resolve_choice(choice: Choice, layers: Sequence[Sequence[RawSetting]]) -> ChoiceResult:
    """Return the member that the highest layer with a y selects.

    Raises SettingsError when two members are y in one layer. The result is ``denied`` when a higher layer sets the
    member to n; the caller decides whether that is an error.
    """
    result = ChoiceResult(choice.default, None, -1)
    for number, layer in enumerate(layers):
        values = [(raw, as_bool(raw)) for raw in _last_settings(choice.members, layer)]
        chosen = [raw for raw, value in values if value]
        if len(chosen) > 1:
            raise setting_error(
                chosen[1],
                f"{chosen[0].name} and {chosen[1].name} are both y, and only one can be",
                f"keep one of them; {chosen[0].name} is set at {chosen[0].origin}",
            )
        if chosen:
            result = ChoiceResult(chosen[0].name, chosen[0], number)
        for raw, value in values:
            if not value and raw.name == result.name:
                result = ChoiceResult(result.name, result.raw, result.layer, denied=raw)
    return result


def refuse_denied_choice(choice: Choice, result: ChoiceResult, otherwise: str = "") -> None:
    """Raise SettingsError when every member of a choice is n; ``otherwise`` is added to the remedy."""
    if result.denied is None:
        return
    others = [name for name in choice.members if name != result.name]
    raise setting_error(
        result.denied,
        f"{result.name} is n, but no other is y in its place",
        f"set {' or '.join(others)} to y{otherwise}",
    )


def _last_settings(names: Sequence[str], layer: Sequence[RawSetting]) -> List[RawSetting]:
    """Return the last setting of each name in a layer."""
    return list({raw.name: raw for raw in layer if raw.name in names}.values())
