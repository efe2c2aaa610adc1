"""Merging layers of raw settings into a frozen ``OtaSettings``.

The rules, in the order in which they are checked:
1. no layer contains a secret;
2. no name beginning with ``OTA_`` is unknown; obsolete settings are ignored, with a notice in ``notices``;
3. exactly one member of a choice is y;
4. images are unsigned only when a layer says so, and no layer at or above it asks for a signer;
5. every value is of its setting's type;
6. nothing that other settings need is missing, and no two contradict each other (``requirements``).
"""

from __future__ import annotations

from typing import Any, Collection, Dict, Iterator, Mapping, Sequence, Tuple

from aos_ota_plugin.settings.choices import ChoiceResult, refuse_denied_choice, resolve_choice
from aos_ota_plugin.settings.fields import OBSOLETE, ROWS, SYMBOLS, Choice, OtaSettings, Row
from aos_ota_plugin.settings.foreign import refuse_unknown
from aos_ota_plugin.settings.leaks import refuse_secret
from aos_ota_plugin.settings.raw import DEFAULT, Origin, RawSetting, setting_error
from aos_ota_plugin.settings.requirements import refuse_unmet
from aos_ota_plugin.settings.secretfile import Secrets
from aos_ota_plugin.settings.values import as_bool

__all__ = ["OtaSettings", "resolve"]

Layers = Sequence[Sequence[RawSetting]]


def resolve(layers: Layers, *, solution_dir: str, secrets: Secrets, foreign_names: Collection[str] = ()) -> OtaSettings:
    """Merge layers, lowest first, over the settings' defaults, and check the result.

    Relative paths start at ``solution_dir``; ``foreign_names`` are ``OTA_`` names of other components. Raises
    SettingsError or SecretError, with the place of the value and what to do.
    """
    for layer in layers:
        for raw in layer:
            refuse_secret(raw.name, raw.text, raw.origin)
    refuse_unknown(layers, SYMBOLS, {*foreign_names, *OBSOLETE})
    raws = _effective(layers)
    origins = {name: raw.origin for name, (_, raw) in raws.items()}
    values: Dict[str, Any] = {}
    for row in ROWS:
        if row.choice:
            values[row.attribute], result = _choice_value(row, row.choice, raws, layers)
            origins.update(dict.fromkeys(row.choice.members, result.origin))
    for row in ROWS:
        if not row.choice:
            values[row.attribute] = row.parse(raws[row.symbols[0].name][1], solution_dir)
    notices = tuple(_obsolete_notices(layers))
    settings = OtaSettings(secrets=secrets, origins=origins, solution_dir=solution_dir, notices=notices, **values)
    refuse_unmet(settings)
    return settings


def _obsolete_notices(layers: Layers) -> Iterator[str]:
    """Yield a notice for each obsolete setting, with its place and what to do."""
    for layer in layers:
        for raw in layer:
            if raw.name in OBSOLETE:
                yield f"{raw.origin}: {raw.name} is obsolete and ignored: take it out; {OBSOLETE[raw.name]}"


def _effective(layers: Layers) -> Dict[str, Tuple[int, RawSetting]]:
    """Return each setting with the number of the layer that sets it, -1 for the default."""
    raws = {
        name: (-1, RawSetting(name, symbol.default, symbol.default, Origin(DEFAULT)))
        for name, symbol in SYMBOLS.items()
    }
    for number, layer in enumerate(layers):
        raws.update({raw.name: (number, raw) for raw in layer if raw.name in SYMBOLS})
    return raws


def _choice_value(
    row: Row, choice: Choice, raws: Mapping[str, Tuple[int, RawSetting]], layers: Layers
) -> Tuple[str, ChoiceResult]:
    """Return the value of a choice and its result; "none" (unsigned) only where the switch is n."""
    result = resolve_choice(choice, layers)
    value = next(symbol.on[0] for symbol in row.symbols if symbol.name == result.name)
    switch = next((symbol.name for symbol in row.symbols if not symbol.choice), "")
    if not switch:
        refuse_denied_choice(choice, result)
        return value, result
    layer, raw = raws[switch]
    if as_bool(raw):
        refuse_denied_choice(choice, result, f", or {switch} to n if images shall not be signed at all")
        return value, result
    if result.raw is not None and result.denied is None and result.layer >= layer:
        raise setting_error(
            result.raw,
            f"{result.name} asks for signed images, and {switch} at {raw.origin} is n",
            f"set {switch} to y, or take {result.name} out if images shall not be signed at all",
        )
    return "none", result
