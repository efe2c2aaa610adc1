"""Rows of the database as values, and values as rows; a row of another form is an error."""

from __future__ import annotations

import sqlite3
from dataclasses import asdict
from enum import Enum
from functools import cache
from typing import Any, Dict, Mapping, Tuple, Type, TypeVar, get_args, get_type_hints

from aos_ota_plugin.errors import SettingsError

_Row = TypeVar("_Row")


def to_row(value: Any) -> Dict[str, Any]:
    """Return the columns of a dataclass."""
    return {name: entry.value if isinstance(entry, Enum) else entry for name, entry in asdict(value).items()}


def from_row(kind: Type[_Row], row: Mapping[str, Any]) -> _Row:
    """Return a row as a `kind`.

    Raises sqlite3.DatabaseError, without the values, which may be secret.
    """
    types = _types(kind)  # type: ignore[arg-type,unused-ignore]  # a class can be hashed
    at = ""
    try:
        values = {}
        for at, value in row.items():
            values[at] = _converted(value, types[at])
        return kind(**values)
    except (KeyError, TypeError, ValueError, SettingsError):
        raise sqlite3.DatabaseError(f"a row is malformed ({kind.__name__.lower()}, up to its column {at})") from None


@cache
def _types(kind: type) -> Dict[str, Tuple[type, ...]]:
    return {name: get_args(hint) or (hint,) for name, hint in get_type_hints(kind).items()}


def _converted(value: Any, types: Tuple[Any, ...]) -> Any:
    """Return a column as one of a field's types. Raises TypeError, ValueError."""
    for kind in types:
        if issubclass(kind, Enum) or (kind is bool and value in (0, 1)) or (kind is float and isinstance(value, int)):
            return kind(value)
        if type(value) is kind:
            return value
    raise TypeError
