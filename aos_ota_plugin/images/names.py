"""Names of files inside a data-file pack, and the checks that they are safe on devices and computers.

A device joins its target folder and the name into one buffer and opens that path, ``../x`` included; Windows and macOS
see one file where a device sees ``a`` and ``A``. So a name that means different things in different places is refused
when a pack is made and when one is read.

>>> check_name("scripts/main.py")
b'scripts/main.py'
"""

from __future__ import annotations

import re
import unicodedata
from typing import Dict, Iterable

from aos_ota_plugin.errors import FormatError, quoted

FOLDER_MAX = 64
"""Bytes of the longest target folder that a device accepts (``data_file_unpack``)."""
PATH_BUFFER = 128
"""Bytes of the device's buffer for folder, slash, name and NUL."""
NAME_MAX = PATH_BUFFER - FOLDER_MAX - 2
"""Bytes of the longest name that fits behind the longest folder: 62, as slash and NUL take two."""

_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])", re.IGNORECASE)


def check_name(name: str) -> bytes:
    """Return a name's bytes; folders are separated by ``/``. Raises FormatError when it is not safe."""
    shown = quoted(name)
    try:
        encoded = name.encode("utf-8")
    except UnicodeEncodeError:
        raise FormatError(f"the name {shown} cannot be written in UTF-8", remedy="rename the file") from None
    if len(encoded) > NAME_MAX:
        raise FormatError(
            f"the name {shown} has {len(encoded)} bytes; a device has room for {NAME_MAX} behind a folder of "
            f"{FOLDER_MAX}",
            remedy="shorten it, folders included",
        )
    forbidden = _FORBIDDEN.search(name)
    if forbidden:
        raise FormatError(
            f"the name {shown} contains {forbidden[0]!a}",
            remedy="rename the file: letters, digits, '.', '-', '_' and '/' between folders work everywhere",
        )
    for component in name.split("/"):
        problem = _component_problem(component)
        if problem:
            raise FormatError(f"the name {shown} {problem}", remedy="give every file a plain relative name")
    return encoded


def check_together(names: Iterable[str]) -> None:
    """Raise FormatError when two names are one file, or a file and a folder, on some file system."""
    files: Dict[str, str] = {}
    folders: Dict[str, str] = {}
    for name in names:
        key = _key(name)
        if key in files:
            raise _collision(name, files[key], "the same file")
        files[key] = name
        components = name.split("/")
        for depth in range(1, len(components)):
            folder = "/".join(components[:depth])
            first = folders.setdefault(_key(folder), folder)
            if first != folder:
                raise _collision(f"{folder}/", f"{first}/", "the same folder")
    for key, folder in folders.items():
        if key in files:
            raise _collision(files[key], f"{folder}/", "a file and a folder of one name")


def _component_problem(component: str) -> str:
    if not component:
        return "is empty, absolute, or has an empty part between slashes"
    if component in (".", ".."):
        return f"has the part {quoted(component)}, which leads out of its folder"
    if component[-1] in ". ":
        return "has a part that ends in a dot or a space, which Windows drops"
    if _RESERVED.fullmatch(component.split(".", 1)[0].rstrip(" ")):
        return f"has the part {quoted(component)}, which is a device on Windows"
    return ""


def _key(name: str) -> str:
    """Return a name as file systems compare it that ignore case and compose characters."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _collision(name: str, other: str, what: str) -> FormatError:
    return FormatError(
        f"{quoted(name)} and {quoted(other)} are {what} where case or composition of letters is ignored",
        remedy="rename one of them",
    )
