"""Reads a file that has to be there, up to a limit, with an error that says what it was for."""

from __future__ import annotations

import os
from typing import Optional

from aos_ota_plugin.errors import OtaError, Place, SettingsError, SigningKeyError
from aos_ota_plugin.files.bounded import KEY_MAX, TEXT_MAX

READ_MAX = 128 << 20
"""Bytes of the largest file that is read at all: a linked firmware with everything a debugger wants."""


def read(
    path: str, what: str, remedy: str, error: type[OtaError] = SettingsError, place: Optional[Place] = None
) -> bytes:
    """The bytes of a file that must be there; ``error`` with ``place`` and ``remedy`` when it cannot be read."""
    return read_at_most(READ_MAX, path, what, remedy, error, place)


def read_document(path: str, what: str, remedy: str) -> bytes:
    """Like ``read``, of a manifest, a list or a table."""
    return read_at_most(TEXT_MAX, path, what, remedy)


def read_key(path: str, what: str, remedy: str, place: Optional[Place] = None) -> bytes:
    """Like ``read``, of a key's file; SigningKeyError when it cannot be read."""
    return read_at_most(KEY_MAX, path, what, remedy, SigningKeyError, place)


def read_at_most(  # noqa: PLR0913, PLR0917 - all that makes the message
    limit: int, path: str, what: str, remedy: str, error: type[OtaError] = SettingsError, place: Optional[Place] = None
) -> bytes:
    """Like ``read``, but of a file over ``limit`` bytes no more than that is ever held, and it is refused."""
    try:
        with open(path, "rb") as stream:
            size = os.fstat(stream.fileno()).st_size  # 0 for a pipe: that is read up to the limit
            # Of a file no more is asked for than it has, so that reading takes no more memory than that.
            data = b"" if size > limit else stream.read() if size else stream.read(limit + 1)
    except OSError as problem:
        raise error(f"cannot read {what} {path}: {problem.strerror or problem}", place=place, remedy=remedy) from None
    if max(len(data), size) > limit:
        raise error(f"{what} {path} has more than {limit} bytes", place=place, remedy=remedy)
    return data
