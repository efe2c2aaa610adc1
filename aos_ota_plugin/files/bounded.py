"""Reading files of the user's whole, but never more than such a file can rightly have."""

from __future__ import annotations

import errno
import os
import stat
from typing import Tuple, Union

TEXT_MAX = 1 << 20
"""Bytes of a package.yaml, ota.config, ota.secrets.yaml, list of modules, template or manifest: a thousandfold."""
SOURCE_MAX = 4 << 20
"""Bytes of a C source."""
FILE_MAX = 128 << 20
"""Bytes of any file: a linked firmware with everything a debugger wants."""
IMAGE_MAX = 32 << 20
"""Bytes of an image or payload that is looked into: twice the flash of the largest board."""
DOCUMENT_MAX = 256 * 1024
"""Bytes of a manifest, layout or message that is looked into; ours have a few thousand."""
KEY_MAX = 1 << 18
"""Bytes of a key's file; a C source with a key in it is one, too."""


def read_bounded(path: Union[str, os.PathLike[str]], limit: int = TEXT_MAX) -> bytes:
    """Return what is in a file; its size is looked at first, and no more than ``limit`` bytes are ever held.

    Raises:
        OSError: as opening and reading do; EFBIG for a larger file, EINVAL for a pipe or a device, which may never end.
    """
    return read_with_mode(path, limit)[0]


def read_with_mode(path: Union[str, os.PathLike[str]], limit: int = TEXT_MAX) -> Tuple[bytes, int]:
    """``read_bounded``, with the permission bits of the very file that was read."""
    status = os.stat(path)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is a pipe or a device, not a file", os.fspath(path))
    if status.st_size <= limit:
        with open(path, "rb") as stream:
            mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
            data = stream.read(limit + 1)
        if len(data) <= limit:
            return data, mode
    raise OSError(errno.EFBIG, f"it has more than {limit} bytes", os.fspath(path))
