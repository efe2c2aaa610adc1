"""Evaluate conditions by aos's own rules for true and false.

>>> holds(["WITH_OTA", "!DEBUG"], {"WITH_OTA": 1})
True
"""

from __future__ import annotations

from typing import Iterable, Mapping, Optional, Sequence

# A YAML `true` is neither: aos compares str(value) with these words, and str(True) is "True".
_TRUE = frozenset(("y", "yes", "t", "true", "1"))
_FALSE = frozenset(("n", "no", "f", "false", "0", "None"))


def holds(conditions: Iterable[str], variables: Mapping[str, object]) -> bool:
    """Return whether every condition holds; ``!NAME`` holds for a name that is false or not set."""
    for condition in conditions:
        if condition.startswith("!"):
            if str(variables.get(condition[1:])) not in _FALSE:
                return False
        elif str(variables.get(condition)) not in _TRUE:
            return False
    return True


def keeps_dependency(conditions: Optional[Sequence[str]], variables: Mapping[str, object]) -> bool:
    """Return whether aos keeps a dependency in a component's own list.

    A condition without any name never holds there.
    """
    return conditions is None or (bool(conditions) and holds(conditions, variables))
