"""Create folders, temporary ones too, and copy them."""

from __future__ import annotations

import contextlib
import os
from typing import Callable, Iterator, List, Optional

from aos_ota_plugin.errors import BuildError, OutputError
from aos_ota_plugin.files.steps import PathLike, cannot_write

_ROOM = "make room there, or set TMPDIR to a folder with room"


def make_folder(path: PathLike, *, mode: int = 0o777) -> None:
    """Create a folder and those above it, unless it exists. Raises OutputError."""
    try:
        os.makedirs(path, mode=mode, exist_ok=True)
    except OSError as error:
        raise cannot_write(os.fspath(path), error) from None


@contextlib.contextmanager
def temporary_folder(prefix: str) -> Iterator[str]:
    """Yield a new folder that only its owner can read, and remove it at the end. Raises OutputError."""
    import shutil  # slow to import, as is tempfile: see steps.py
    import tempfile

    try:
        folder = tempfile.mkdtemp(prefix=prefix)
    except OSError as error:
        raise OutputError(
            f"cannot make a folder in {tempfile.gettempdir()}: {error.strerror or error}", remedy=_ROOM
        ) from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def copy_folder(source: str, target: str, *, ignore: Optional[Callable[[str, List[str]], List[str]]] = None) -> None:
    """Copy a folder, links as links; ``ignore`` is that of ``shutil.copytree``. Raises BuildError."""
    import shutil

    try:
        shutil.copytree(source, target, symlinks=True, ignore=ignore)
    except (OSError, shutil.Error) as error:
        raise BuildError(f"{source} cannot be copied to {target}: {_first_problem(error)}", remedy=_ROOM) from None


def _first_problem(error: OSError) -> str:
    """Return one of the problems that ``shutil.copytree`` collected."""
    if error.args and isinstance(error.args[0], list) and error.args[0]:
        return str(error.args[0][0][-1])
    return error.strerror or str(error)
