"""Layers of raw settings in, one frozen ``OtaSettings`` out.

The rules, in the order they are checked:
1. no secret stands in a layer;
2. no name beginning with ``OTA_`` is unknown; obsolete ones are ignored, and ``notices`` tells of them;
3. of a choice one member is y;
4. unsigned means that someone asked for it, and nobody above or beside asked for a signer;
5. every value is of its setting's kind;
6. nothing that other settings need is missing, and no two contradict each other (``requirements``).
"""

from __future__ import annotations

from typing import Any, Collection, Dict, Iterator, Mapping, Sequence, Tuple

from aos_ota_plugin.settings.choices import Picked, pick, refuse_denied
from aos_ota_plugin.settings.fields import OBSOLETE, ROWS, SYMBOLS, Choice, OtaSettings, Row
from aos_ota_plugin.settings.foreign import refuse_unknown
from aos_ota_plugin.settings.leaks import refuse_secret
from aos_ota_plugin.settings.raw import DEFAULT, Origin, RawSetting, complaint
from aos_ota_plugin.settings.requirements import refuse_unmet
from aos_ota_plugin.settings.secretfile import Secrets
from aos_ota_plugin.settings.values import as_bool

__all__ = ["OtaSettings", "resolve"]

Layers = Sequence[Sequence[RawSetting]]


def resolve(layers: Layers, *, solution_dir: str, secrets: Secrets, known_foreign: Collection[str] = ()) -> OtaSettings:
    """Merge layers, lowest first, over the settings' defaults, and check the outcome.

    Raises SettingsError or SecretError, each with the place of the value at fault and what to do.
    """
    for layer in layers:
        for raw in layer:
            refuse_secret(raw.name, raw.text, raw.origin)
    refuse_unknown(layers, SYMBOLS, {*known_foreign, *OBSOLETE})
    raws = _effective(layers)
    origins = {name: raw.origin for name, (_, raw) in raws.items()}
    values: Dict[str, Any] = {}
    for row in ROWS:
        if row.choice:
            values[row.attribute], picked = _pick(row, row.choice, raws, layers)
            origins.update(dict.fromkeys(row.choice.members, picked.origin))
    for row in ROWS:
        if not row.choice:
            values[row.attribute] = row.parse(raws[row.symbols[0].name][1], solution_dir)
    notices = tuple(_obsolete(layers))
    settings = OtaSettings(secrets=secrets, origins=origins, solution_dir=solution_dir, notices=notices, **values)
    refuse_unmet(settings)
    return settings


def _obsolete(layers: Layers) -> Iterator[str]:
    """Say of each obsolete setting where it stands and what to do."""
    for layer in layers:
        for raw in layer:
            if raw.name in OBSOLETE:
                yield f"{raw.origin}: {raw.name} is obsolete and ignored: take it out; {OBSOLETE[raw.name]}"


def _effective(layers: Layers) -> Dict[str, Tuple[int, RawSetting]]:
    """Return each setting with the layer that has the last word on it, -1 for the default."""
    raws = {
        name: (-1, RawSetting(name, symbol.default, symbol.default, Origin(DEFAULT)))
        for name, symbol in SYMBOLS.items()
    }
    for number, layer in enumerate(layers):
        raws.update({raw.name: (number, raw) for raw in layer if raw.name in SYMBOLS})
    return raws


def _pick(row: Row, choice: Choice, raws: Mapping[str, Tuple[int, RawSetting]], layers: Layers) -> Tuple[str, Picked]:
    """Return the value of a choice and who made it. A build is unsigned when someone said n, never by accident."""
    picked = pick(choice, layers)
    value = next(symbol.on[0] for symbol in row.symbols if symbol.name == picked.name)
    switch = next((symbol.name for symbol in row.symbols if not symbol.choice), "")
    if not switch:
        refuse_denied(choice, picked)
        return value, picked
    layer, raw = raws[switch]
    if as_bool(raw):
        refuse_denied(choice, picked, f", or {switch} to n if images shall not be signed at all")
        return value, picked
    if picked.raw is not None and picked.denied is None and picked.layer >= layer:
        raise complaint(
            picked.raw,
            f"{picked.name} asks for signed images, and {switch} at {raw.origin} is n",
            f"set {switch} to y, or take {picked.name} out if images shall not be signed at all",
        )
    return "none", picked
