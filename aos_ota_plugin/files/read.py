"""Read files up to a size limit; the limits of all commands stand here.

Only regular files are read, here and everywhere: a named pipe or a device has no size, and may never end. What a shell
hands over as a descriptor of this process, ``<(command)`` or ``/dev/stdin``, is read to its end.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from typing import BinaryIO, Optional, Tuple, Type, Union

from aos_ota_plugin.errors import FormatError, OtaError, Place, SettingsError

# The limits, in bytes. What one command writes another one reads: an image holds at most one payload and what goes
# around it, so IMAGE_MAX is over PAYLOAD_MAX by more than any trailer, xz stream or diff adds.
KEY_MAX = 256 << 10
"""A key, an approval or a signature; a C source with a key in it, too."""
TEXT_MAX = 1 << 20
"""A package.yaml, ota.config, ota.secrets.yaml, list of modules, template, key ring or build's state."""
SOURCE_MAX = 4 << 20
"""A C source."""
DOCUMENT_MAX = 8 << 20
"""A manifest, layout, message, statement or list of components; ours have some thousand bytes."""
PAYLOAD_MAX = 64 << 20
"""A firmware or another file that becomes an image: four times the flash of the largest board."""
IMAGE_MAX = 128 << 20
"""An image, a diff or a pack."""
ELF_MAX = 128 << 20
"""A linked firmware with everything that a debugger wants."""

PathLike = Union[str, "os.PathLike[str]"]
_OPEN = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_DESCRIPTOR = re.compile(r"(?:/dev|/proc/self)/fd/([0-9]{1,5})")


def read_bytes(path: PathLike, limit: int = TEXT_MAX, *, follow: bool = True) -> bytes:
    """Return the content of a file of at most ``limit`` bytes; with ``follow=False`` refuse a link.

    Raises:
        OSError: as opening and reading do; EFBIG for a larger file, EINVAL for a pipe or a device.
    """
    return read_with_mode(path, limit, follow=follow)[0]


def read_with_mode(path: PathLike, limit: int = TEXT_MAX, *, follow: bool = True) -> Tuple[bytes, int]:
    """Return what ``read_bytes`` does, and the permission bits of the very file that was read."""
    try:
        status = os.stat(path)
    except ValueError:  # a NUL, or a character that the system's encoding does not have
        raise OSError(errno.EINVAL, "the system takes no such name", path) from None
    descriptor = _descriptor(path) if stat.S_ISFIFO(status.st_mode) else None
    if descriptor is None:
        _check_regular(path, status)  # before it is opened: opening a device may set it going
        handle = os.open(path, _OPEN if follow else _OPEN | _NO_LINK)
    else:
        handle = os.dup(descriptor)
    with os.fdopen(handle, "rb") as stream:
        status = os.fstat(handle)
        if descriptor is None:
            _check_regular(path, status)
        data = _read(stream, status.st_size, limit) if status.st_size <= limit else b""
    if max(status.st_size, len(data)) > limit:
        raise OSError(errno.EFBIG, f"it has more than {limit} bytes", os.fspath(path))
    return data, stat.S_IMODE(status.st_mode)


def _read(stream: BinaryIO, size: int, limit: int) -> bytes:
    """Read to the end, or to one byte more than ``limit``; ``size`` is the number of bytes to be expected.

    A read of the limit alone would get, and clear, that much memory for any small file.
    """
    data = stream.read(size + 1)
    return data if len(data) <= size else data + stream.read(limit - size)


def read_file(  # noqa: PLR0913 - the file, and all that makes the message
    path: str,
    what: str,
    remedy: str,
    *,
    limit: int,
    error: Type[OtaError] = SettingsError,
    place: Optional[Place] = None,
) -> bytes:
    """Return the content of a file that must be there; ``what`` is its role in the message.

    Raises:
        OtaError: ``error``, with ``place`` and ``remedy``: it cannot be read, or has more than ``limit`` bytes.
    """
    try:
        return read_bytes(path, limit)
    except OSError as problem:
        if problem.errno == errno.EFBIG:
            raise error(f"{what} {path} has more than {limit} bytes", place=place, remedy=remedy) from None
        raise error(f"cannot read {what} {path}: {problem.strerror or problem}", place=place, remedy=remedy) from None


def decode_text(data: bytes) -> str:
    """Return a text as people save it: UTF-8, UTF-16 or UTF-32, with or without a byte order mark.

    Without a mark its first two characters must be ASCII, as they are in JSON. Raises UnicodeDecodeError.
    """
    return data.decode(encoding_of(data))


def encoding_of(data: bytes) -> str:
    """Return the name of a text's encoding, as its first four bytes tell it; of other data UTF-8."""
    import json  # slow to import

    return json.detect_encoding(data)


def check_size(data: bytes, name: str) -> None:
    """Raise FormatError when an output, an image or a pack, is larger than the commands that take it read."""
    if len(data) > IMAGE_MAX:
        raise FormatError(
            f"{name} would have {len(data)} bytes, and at most {IMAGE_MAX} are read again",
            remedy="make what goes into it smaller",
        )


def _descriptor(path: PathLike) -> Optional[int]:
    """Return the number of this process's descriptor that a path names, None where it names none."""
    text = os.fspath(path)
    match = _DESCRIPTOR.fullmatch("/dev/fd/0" if text == "/dev/stdin" else text)
    return int(match[1]) if match else None


def _check_regular(path: PathLike, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is a pipe or a device, not a file", os.fspath(path))
