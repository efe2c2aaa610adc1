"""The order of versions on devices: they compare bytes, not numbers.

``ota_demo`` accepts a new version only if ``strncmp(new, current, strlen(new)) > 0``. So app-1.0.10 is older than
app-1.0.9, and a version that is a prefix of the current one is never newer.

>>> newer("app-1.0.10", "app-1.0.9")
False
>>> suggest_version("app-1.0.9", "app-1.0.10")
'app-1.1.0'
"""

from __future__ import annotations

import re
import string
from itertools import zip_longest
from typing import Iterator, List, Optional

from aos_ota_plugin.device.limits import VERSION_MAX
from aos_ota_plugin.errors import Place, SettingsError

_ALPHABET = "".join(sorted(string.ascii_letters + string.digits + "._-"))  # in byte order
_ALLOWED = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)


def newer(new: str, current: str) -> bool:
    """Return whether devices on `current` accept `new`: strncmp(new, current, strlen(new)) > 0 on UTF-8."""
    new_bytes, current_bytes = _c_string(new), _c_string(current)
    return new_bytes > current_bytes[: len(new_bytes)]


def newer_by_numbers(new: str, current: str) -> bool:
    """Return whether a hardened device on `current` accepts `new`.

    It compares numbers as numbers, and all other characters byte by byte.
    """
    for left, right in zip_longest(_tokens(new), _tokens(current), fillvalue=b""):
        if left.isdigit() and right.isdigit():
            ours, theirs = left.lstrip(b"0"), right.lstrip(b"0")
            if ours != theirs:
                return (len(ours), ours) > (len(theirs), theirs)
        elif left != right:
            return left[:1] > right[:1]
    return False


def _tokens(version: str) -> List[bytes]:
    return re.findall(rb"[0-9]+|[^0-9]", _c_string(version), re.DOTALL)


def is_valid(version: str) -> bool:
    """Return whether platform and device accept this version: 1 to 63 of letters, digits, ``.-_``."""
    return len(version) <= VERSION_MAX and _ALLOWED.fullmatch(version) is not None


def check_version(version: str, *, field: str = "OTA_APP_VERSION", place: Optional[Place] = None) -> None:
    """Raise SettingsError, naming `field`, unless platform and devices accept this version."""
    remedy = f"use 1 to {VERSION_MAX} letters, digits, '.', '-' and '_', like app-1.0.1"
    if not version:
        raise SettingsError(f"{field} is empty", place=place, remedy=remedy)
    if len(version) > VERSION_MAX:
        raise SettingsError(
            f"{field} has {len(version)} characters; devices keep {VERSION_MAX}", place=place, remedy=remedy
        )
    wrong = next((char for char in version if not _ALLOWED.fullmatch(char)), None)
    if wrong is not None:
        raise SettingsError(f"{field} contains {wrong!a}", place=place, remedy=remedy)


def explain_order(new: str, base: str) -> Optional[str]:
    """Return the reason why devices on `base` refuse `new`, in a sentence; None when they accept it."""
    if newer(new, base):
        return None
    refuse = f"devices on {base} refuse {new or 'an empty version'}"
    if new == base:
        return f"{refuse}: it is the version they run"
    if _c_string(base).startswith(_c_string(new)):
        return f"{refuse}: it is only the beginning of {base}, and they compare no more than its length"
    at = next(index for index, (left, right) in enumerate(zip(new, base)) if left != right)
    return (
        f"{refuse}: they compare byte by byte, not as numbers, and at character {at + 1} "
        f"{new[at]!a} (of {new[at:]}) comes before {base[at]!a} (of {base[at:]})"
    )


def suggest_version(base: str, wanted: str) -> str:
    """Return a version that devices on `base` accept, as close to `wanted` as possible.

    It has at most 63 characters: `wanted` itself if it works; else with a number in it, or in `base`, increased, the
    last possible one; else something longer or higher. Raises SettingsError when nothing can follow `base` (63 times
    ``z``).
    """
    for candidate in _candidates(base, wanted):
        if is_valid(candidate) and newer(candidate, base):
            return candidate
    raise SettingsError(
        f"no version can follow {base!a}: devices order versions byte by byte, and it is the last",
        remedy="flash the devices once by cable with a lower version",
    )


def _candidates(base: str, wanted: str) -> Iterator[str]:
    """Yield candidates, best first; they may be invalid or not newer."""
    yield wanted
    of_wanted, of_base = _increased(wanted), _increased(base)
    for depth in range(max(len(of_wanted), len(of_base))):
        yield from of_wanted[depth : depth + 1]
        yield from of_base[depth : depth + 1]
    yield f"{base}.1"
    yield f"{base}1"
    for end in range(min(len(base), VERSION_MAX), 0, -1):
        higher = next((char for char in _ALPHABET if char > base[end - 1]), None)
        if higher is not None:
            yield base[: end - 1] + higher


def _increased(version: str) -> List[str]:
    """Return `version` with its last number plus 1, then the last but one plus 1 and the last 0, etc.

    Numbers keep their leading zeros.
    """
    if len(version) > VERSION_MAX:
        return []
    parts = re.split(r"([0-9]+)", version)  # odd places are the numbers
    results = []
    for place in range(len(parts) - 2, 0, -2):
        raised = list(parts)
        raised[place] = str(int(parts[place]) + 1).zfill(len(parts[place]))
        for later in range(place + 2, len(parts), 2):
            raised[later] = "0" * len(parts[later]) if parts[later].startswith("0") else "0"
        results.append("".join(raised))
    return results


def _c_string(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass").split(b"\0", 1)[0]
