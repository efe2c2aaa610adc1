"""Find a version in a firmware's bytes, as the C string that the macro of the version is.

>>> find_version(b"\\0app-1.0.1\\0", "app-1.0.1").name, find_versions(b"\\0app-1.0.1\\0", "app-9.9.9")
('ALONE', (<Standing.NOWHERE: 'nowhere'>, 'app-1.0.1'))
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Sequence, Tuple

_CHARACTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")


class Standing(Enum):
    """Where a version stands: as a C string, only as the end of a longer version, or nowhere.

    A linker lets one C string be the end of another, so the end of a longer one may be a string of its own.
    """

    ALONE = "alone"
    AS_END = "as the end of another"
    NOWHERE = "nowhere"


def find_version(data: bytes, version: str, ranges: Sequence[Tuple[int, int]] = ()) -> Standing:
    """Return where a version stands in the data, in ``ranges`` (start, end) alone where they are given."""
    needle = version.encode("ascii", "replace") + b"\0"
    standing = Standing.NOWHERE
    for start, end in ranges or [(0, len(data))]:
        at = data.find(needle, start, end)
        while at >= 0:
            if at == start or data[at - 1] not in _CHARACTERS:
                return Standing.ALONE
            standing = Standing.AS_END
            at = data.find(needle, at + 1, end)
    return standing


def find_versions(data: bytes, version: str) -> Tuple[Standing, str]:
    """Return where a version stands in the data, and another one of its form, "" for none.

    The other one is looked for where the version does not stand alone: one with other numbers, and where the version
    begins with a word, one that goes on behind them, as app-1.0.1 for app-1.0. A number alone has no form.
    """
    ours = version.encode("ascii", "replace")
    form = _form(ours)
    other = ""
    # Without anything before it, what the form begins with is searched for fast.
    for match in re.finditer(b"(" + form + rb")\0", data) if form else ():
        start = match.start()
        if start and data[start - 1] in _CHARACTERS:
            continue
        if match[1] == ours:
            return Standing.ALONE, ""
        other = other or match[1].decode("ascii")
    standing = find_version(data, version)
    return standing, "" if standing is Standing.ALONE else other


def _form(version: bytes) -> bytes:
    """Return the pattern of versions of a form, b"" for a version without one."""
    words = re.split(rb"[0-9]+", version)
    if len(words) == 1 or not any(words):
        return b""
    form = rb"[0-9]{1,10}".join(map(re.escape, words))
    return form + rb"(?:[._-][0-9A-Za-z._-]{1,40})?" if words[0] and not words[-1] else form
