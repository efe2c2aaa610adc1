"""Create folders, temporary ones too, and copy them."""

from __future__ import annotations

import contextlib
import os
from typing import Callable, Iterator, List, Mapping, Optional

from aos_ota_plugin.errors import BuildError, OutputError
from aos_ota_plugin.files.steps import (
    NEW,
    PathLike,
    cannot_write,
    new_token,
    short_name,
    stage,
    sync_folder,
    temporary_path,
)

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


def create_folder(path: str, files: Mapping[str, bytes], *, mode: int) -> None:
    """Create a folder with these files, by name, each with the permissions ``mode``: whole, or not at all.

    What a killed creator of the same folder left is removed first. Raises OutputError, also when it exists.
    """
    import shutil

    above, name = os.path.split(os.path.abspath(path))
    make_folder(above)
    for entry in os.listdir(above):
        if entry.startswith(f".{short_name(name)}.") and entry.endswith(NEW):
            shutil.rmtree(os.path.join(above, entry), ignore_errors=True)
    temporary = temporary_path(above, name, new_token(), NEW)
    try:
        os.mkdir(temporary)
        for file, data in files.items():
            target = os.path.join(temporary, file)
            stage(target, target, data, mode=mode)
        sync_folder(temporary)
        os.rename(temporary, path)
    except OSError as error:
        raise cannot_write(path, error) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    sync_folder(above)


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
