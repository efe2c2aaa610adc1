"""The key ring: the current, the next and the retired keys.

Format: YAML, ``ota.keys.yaml``; keys are named by their fingerprint (SHA-256 of the SubjectPublicKeyInfo, 64 lower-case
hex digits, which ``aos-ota keygen`` shows). It holds no secrets and belongs into version control. No I/O here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Optional, Tuple

from aos_ota_plugin.errors import Place, SettingsError
from aos_ota_plugin.files.yaml_text import Entry, YamlText, parse_yaml

_HEX = set("0123456789abcdef")
_ROLES = ("current", "next", "retired")
_FIELDS = ("fingerprint", "public_key", "note")
_REMEDY = "write `current:`, `next:` and `retired:`, each key with `fingerprint:` as `aos-ota keygen` shows it"


@dataclass(frozen=True)
class RingKey:
    """A key of the ring: its fingerprint, the path of its public half, and a note.

    ``public_key`` is the path as it was written, None where it is missing.
    """

    fingerprint: str
    public_key: Optional[str]
    note: str
    place: Place

    @property
    def label(self) -> str:
        """Return the short fingerprint and the note, for messages."""
        return f"{self.fingerprint[:16]} ({self.note})" if self.note else self.fingerprint[:16]


@dataclass(frozen=True)
class KeyRing:
    """A key ring: ``current`` signs, and devices in the field trust it.

    ``next`` is the key that a transition release brings; ``retired`` keys never sign again.
    """

    file: str
    current: RingKey
    next: Optional[RingKey]
    retired: Tuple[RingKey, ...]

    def role(self, fingerprint: Optional[str]) -> str:
        """Return a key's role in this ring: "current", "next", "retired" or ""."""
        if fingerprint == self.current.fingerprint:
            return "current"
        if self.next and fingerprint == self.next.fingerprint:
            return "next"
        return "retired" if self.retired_key(fingerprint) else ""

    def retired_key(self, fingerprint: Optional[str]) -> Optional[RingKey]:
        """Return the retired key with this fingerprint, None where there is none."""
        return next((key for key in self.retired if key.fingerprint == fingerprint), None)


def parse_ring(text: str, file: str) -> KeyRing:
    """Read a key ring.

    Raises:
        SettingsError: not YAML, a field unknown, missing or of the wrong type, or a key with two roles.
    """
    parsed = parse_yaml(text, file, error=SettingsError)
    if not isinstance(parsed.value, dict):
        raise SettingsError("a key ring is a mapping, this is not", place=Place(file, 1), remedy=_REMEDY)
    top = parsed.top()
    _refuse_unknown(parsed.value, top, _ROLES, Place(file, 1))
    if "current" not in top:
        raise SettingsError("the key ring names no current key", place=Place(file, 1), remedy=_REMEDY)
    current = _parse_key(parsed, top["current"])
    next_key = _parse_key(parsed, top["next"]) if "next" in top and top["next"].value is not None else None
    retired = _parse_retired(parsed, top["retired"]) if "retired" in top and top["retired"].value is not None else ()
    places: Dict[str, Place] = {}
    for key in (current, *([next_key] if next_key else []), *retired):
        if key.fingerprint in places:
            raise SettingsError(
                f"the key {key.fingerprint[:16]} is in the ring twice, also at {places[key.fingerprint]}",
                place=key.place,
                remedy="leave it one role: current, next or retired",
            )
        places[key.fingerprint] = key.place
    return KeyRing(file, current, next_key, retired)


def _parse_retired(parsed: YamlText, entry: Entry) -> Tuple[RingKey, ...]:
    if not isinstance(entry.value, list):
        raise SettingsError("`retired` is not a list", place=entry.place, remedy="begin each retired key with a hyphen")
    keys: List[RingKey] = []
    for value, node in zip(entry.value, entry.node.value):
        keys.append(_parse_key(parsed, Entry("retired", value, parsed.written(node), parsed.place(node), node)))
    return tuple(keys)


def _parse_key(parsed: YamlText, entry: Entry) -> RingKey:
    if not isinstance(entry.value, dict):
        raise SettingsError(f"`{entry.key}` is not a mapping with a fingerprint", place=entry.place, remedy=_REMEDY)
    fields = {field.key: field for field in parsed.entries(entry.node, entry.value)}
    _refuse_unknown(entry.value, fields, _FIELDS, entry.place)
    if "fingerprint" not in fields:
        raise SettingsError(f"this {entry.key} key has no fingerprint", place=entry.place, remedy=_REMEDY)
    written = fields["fingerprint"]
    digits = written.value
    if not isinstance(digits, str) or len(digits) != 64 or not set(digits) <= _HEX:
        raise SettingsError(
            "a fingerprint is 64 lower-case hex digits",
            place=written.place,
            remedy="copy it from `aos-ota keygen` or `aos-ota info KEY`; quote one of digits only",
        )
    return RingKey(digits, _text(fields, "public_key") or None, _text(fields, "note"), entry.place)


def _text(fields: Dict[str, Entry], name: str) -> str:
    if name not in fields or fields[name].value is None:
        return ""
    value = fields[name].value
    if not isinstance(value, str) or any(ord(character) < 0x20 for character in value):
        raise SettingsError(f"`{name}` is not a line of text", place=fields[name].place, remedy="write it in quotes")
    if "PRIVATE" in value and "-----" in value:
        raise SettingsError(
            f"there is a private key under `{name}`",
            place=fields[name].place,
            remedy="take it out: a key ring names public keys. Treat that key as leaked and make a new one",
        )
    return value


def _refuse_unknown(
    value: Dict[object, object], entries: Dict[str, Entry], names: Tuple[str, ...], place: Place
) -> None:
    for name in value:
        if name not in names:
            at = entries[name].place if isinstance(name, str) and name in entries else place
            raise SettingsError(
                f"a key ring has no field {str(name)[:40]!a} here",
                place=at,
                remedy=f"the fields are: {', '.join(names)}",
            )
