"""The errors that this project raises on purpose.

All derive from ``OtaError``. The text of one has three parts: what is wrong, where (``file:line:column`` when it came
from a file) and what to do about it. To show an error, print ``str(error)`` and nothing else.

>>> print(SettingsError("no version is set", place=Place("ota.config", 3), remedy="set OTA_APP_VERSION"))
ota.config:3: no version is set
  fix: set OTA_APP_VERSION
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import Iterator, NamedTuple, Optional

_BYTE = re.compile(r"(?<!\\)\\udc([89a-f][0-9a-f])")
_TEXT_MAX = 5000
"""Characters of a problem or a remedy, which may repeat what stands in a file; programs' errors have up to 4000."""


class Place(NamedTuple):
    """A place in the user's input; line and column count from 1, 0 means unknown."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        parts = [self.file]
        if self.line:
            parts.append(str(self.line))
            if self.column:
                parts.append(str(self.column))
        return ":".join(parts)


class OtaError(Exception):
    """The root of all errors of this project."""

    def __init__(self, problem: str, *, place: Optional[Place] = None, remedy: str = "") -> None:
        self.problem = _cut(problem)
        self.place = place
        self.remedy = _cut(remedy)
        super().__init__(self.problem, place, self.remedy)

    def __str__(self) -> str:
        text = f"{self.place}: {self.problem}" if self.place else self.problem
        return f"{text}\n  fix: {self.remedy}" if self.remedy else text


def _cut(text: str) -> str:
    """Return a text without the middle of a very long one: the reason often comes last."""
    return text if len(text) <= _TEXT_MAX else f"{text[:4000]} … {text[-500:]}"


def quoted(name: str) -> str:
    """Return a name in quotes, in ASCII and cut; a byte that is not UTF-8 is shown as ``\\xff``."""
    return _BYTE.sub(r"\\x\1", ascii(name[:80]))


@contextmanager
def placed(file: str) -> Iterator[None]:
    """Add the file's name to an error from code that only saw the file's bytes."""
    try:
        yield
    except OtaError as error:
        if error.place is not None or not file:
            raise
        raise type(error)(error.problem, place=Place(file), remedy=error.remedy) from None


class SettingsError(OtaError):
    """A setting is missing, unknown, or has a value that cannot work."""


class SecretError(OtaError):
    """A secret is missing, or is where others can read it."""


class WorkspaceError(OtaError):
    """The AliOS Things workspace or solution is not laid out as the build needs it."""


class SigningKeyError(OtaError):
    """A key cannot be read, or is not RSA-2048 with the exponent 65537, which devices accept."""


class SourceError(OtaError):
    """A C source cannot be rendered, or has no single place for a value."""


class FormatError(OtaError):
    """Bytes are not in the format that they should have: an image, a trailer, a manifest, an ELF."""


class ProofError(OtaError):
    """The finished image would not be accepted by the devices it is meant for."""


class BuildError(OtaError):
    """A step of the build around us failed: the toolchain, the vendor's image step, a stale file."""


class BusyError(OtaError):
    """Another build of the same solution is running."""


class OutputError(OtaError):
    """An output cannot be written."""
