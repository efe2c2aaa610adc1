"""Find a version in a firmware's bytes, as the C string that the macro of the version is.

>>> find_version(b"\\0app-1.0.1\\0", "app-1.0.1").name, other_version(b"\\0app-1.0.1\\0", "app-9.9.9")
('ALONE', 'app-1.0.1')
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

    The other one is looked for where the version does not stand alone. One search finds both where the form does not
    begin with a number.
    """
    ours = version.encode("ascii", "replace")
    if re.match(rb"[0-9]", ours) or re.search(rb"[0-9]{11}", ours) or not _form(ours):
        standing = find_version(data, version)
        return standing, "" if standing is Standing.ALONE else other_version(data, version)
    standing, other = Standing.NOWHERE, ""
    for match in re.finditer(b"(" + _form(ours) + rb")\0", data):
        start = match.start()
        is_end = start > 0 and data[start - 1] in _CHARACTERS
        if match[1] != ours:
            other = other or ("" if is_end else match[1].decode("ascii"))
        elif is_end:
            standing = Standing.AS_END
        else:
            return Standing.ALONE, ""
    return standing, other


def other_version(data: bytes, version: str) -> str:
    """Return a version of the same form that stands in the data, with other numbers; "" for none.

    A version that is a number alone has no form.
    """
    ours = version.encode("ascii", "replace")
    form = _form(ours)
    if not form:
        return ""
    # Without anything before it, what the form begins with is searched for fast.
    for match in re.finditer(b"(" + form + rb")\0", data):
        start = match.start()
        if match[1] != ours and not (start and data[start - 1] in _CHARACTERS):
            return match[1].decode("ascii")
    return ""


def _form(version: bytes) -> bytes:
    """Return the pattern of versions with other numbers, b"" for a version without a form."""
    words = re.split(rb"[0-9]+", version)
    return rb"[0-9]{1,10}".join(map(re.escape, words)) if len(words) > 1 and any(words) else b""
