"""Settles the choices: of the members of one, exactly one is y in the end."""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Sequence

from aos_ota_plugin.settings.fields import Choice
from aos_ota_plugin.settings.raw import DEFAULT, Origin, RawSetting, complaint
from aos_ota_plugin.settings.values import as_bool


class Picked(NamedTuple):
    """The member that is y, who said so (None: the default), and in which layer (-1: the default)."""

    name: str
    raw: Optional[RawSetting]
    layer: int
    denied: Optional[RawSetting] = None

    @property
    def origin(self) -> Origin:
        """Where the choice was made."""
        return self.raw.origin if self.raw else Origin(DEFAULT)


def pick(choice: Choice, layers: Sequence[Sequence[RawSetting]]) -> Picked:
    """Return the choice's outcome: the highest layer that says y decides.

    Raises SettingsError when one layer says y twice. A pick that a layer above it says n to is returned as
    ``denied``: whether that is an error depends on whether the choice matters at all.
    """
    picked = Picked(choice.default, None, -1)
    for number, layer in enumerate(layers):
        said = [(raw, as_bool(raw)) for raw in _last_of_each(choice.members, layer)]
        chosen = [raw for raw, value in said if value]
        if len(chosen) > 1:
            raise complaint(
                chosen[1],
                f"{chosen[0].name} and {chosen[1].name} are both y, and only one can be",
                f"keep one of them; {chosen[0].name} stands at {chosen[0].origin}",
            )
        if chosen:
            picked = Picked(chosen[0].name, chosen[0], number)
        for raw, value in said:
            if not value and raw.name == picked.name:
                picked = Picked(picked.name, picked.raw, picked.layer, denied=raw)
    return picked


def refuse_denied(choice: Choice, picked: Picked, otherwise: str = "") -> None:
    """Raise SettingsError when every member of a choice is n; ``otherwise`` is another way out to name."""
    if picked.denied is None:
        return
    others = [name for name in choice.members if name != picked.name]
    raise complaint(
        picked.denied,
        f"{picked.name} is n, but nothing stands in its place",
        f"set {' or '.join(others)} to y{otherwise}",
    )


def _last_of_each(names: Sequence[str], layer: Sequence[RawSetting]) -> List[RawSetting]:
    """Return the last word of a layer on each name."""
    return list({raw.name: raw for raw in layer if raw.name in names}.values())
