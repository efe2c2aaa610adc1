r"""Read a JSON object that a stranger sent, checked as a whole.

What is in it can be stored, shown and sent on.

>>> read_object(b'{"id": 0, "params": {"version": "app-1.0.0"}}')
{'id': 0, 'params': {'version': 'app-1.0.0'}}
>>> read_object(b'{"desc": "\\ud800"}')
Traceback (most recent call last):
    ...
aos_ota_plugin.errors.FormatError: it has half of a character: a lone surrogate
"""

from __future__ import annotations

import json
import math
from typing import Any, Dict, List, NoReturn, Tuple

from aos_ota_plugin.errors import FormatError

INTEGER_MAX = 2**53
"""The largest whole number that every reader of JSON takes as it is; a device's cJSON has doubles."""
_DIGITS_MAX = len(str(INTEGER_MAX))


def read_object(data: bytes) -> Dict[str, Any]:
    """Return a JSON object in UTF-8.

    Raises:
        FormatError: it is none; a key stands twice in an object (in any case: a device's cJSON ignores it); a number is
            beyond its range; or a text has a lone surrogate.
    """
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_constant,
        )
        if b"\\u" in data:  # only an escape can make half of a character
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise FormatError("it has half of a character: a lone surrogate") from None
    except (ValueError, RecursionError):
        raise FormatError("it is not JSON") from None
    if not isinstance(value, dict):
        raise FormatError("it is no JSON object")
    return value


def _unique(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    if len({key.lower() for key, _ in pairs}) != len(pairs):
        raise FormatError("a key stands in one object twice")
    return dict(pairs)


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > _DIGITS_MAX or abs(int(text)) > INTEGER_MAX:
        raise _beyond(text)
    return int(text)


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _beyond(text)
    return number


def _constant(text: str) -> NoReturn:
    raise _beyond(text)


def _beyond(text: str) -> FormatError:
    return FormatError(f"the number {text[:20]}{'…' if len(text) > 20 else ''} is beyond its range")
