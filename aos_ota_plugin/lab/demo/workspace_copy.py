"""Copy the demo workspace, create its key, and run the real ``aos make``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Callable, List, Mapping, Optional

from aos_ota_plugin.children import delay_signals, kill_group, own_group
from aos_ota_plugin.errors import BuildError, OutputError
from aos_ota_plugin.files.transaction import NewFile, create_files, recover, take_back, write_file
from aos_ota_plugin.keys.development import development_private_pem
from aos_ota_plugin.workspace.component_files import NAME, component_files, package_folder
from aos_ota_plugin.workspace.launcher import AOS_TOOLS, find_aos, find_launcher, path_with

Say = Callable[[str], None]
"""A callback that gets a line for each step."""
MARKER = ".aos_ota_demo"
COMPILER = "/usr/bin/arm-none-eabi-gcc"


def silent(_line: str) -> None:
    """Print nothing."""


def require_aos() -> str:
    """Return the path of a working `aos`.

    Raises BuildError when there is none, or when the demo's compiler is missing.
    """
    aos = find_aos()
    if aos is None:
        raise BuildError(
            "the demo runs the real `aos make`, and there is no `aos` here",
            remedy=f'"{sys.executable}" -m pip install {AOS_TOOLS} "setuptools<82"',
        )
    find_launcher(path_with(os.path.dirname(aos)))
    if not os.access(COMPILER, os.X_OK):
        raise BuildError(
            f"the demo's chip is compiled with {COMPILER}, which is not there",
            remedy="apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi",
        )
    return aos


def prepare(root: Path, replaced: Optional[Mapping[str, Mapping[str, bytes]]] = None) -> None:
    """Copy the workspace and this component; unchanged files keep their time stamps.

    `replaced` is {folder of the workspace: files in place of its own}. Raises OutputError when `root` has other files.
    """
    overrides = replaced or {}
    recover(root, {MARKER}.__contains__)  # else the files of a killed run would count as other files
    if root.is_dir() and any(root.iterdir()) and not (root / MARKER).is_file():
        raise OutputError(
            f"{root} holds other files than a demo's", remedy="name a folder that is empty or not there yet"
        )
    source = package_folder() / "demo" / "workspace"
    write_file(root / MARKER, b"made by `aos-ota demo`, which may overwrite this folder\n")
    for path in sorted(source.rglob("*")):
        name = path.relative_to(source)
        is_copied = not {up.as_posix() for up in name.parents} & set(overrides)
        if is_copied and path.is_file() and "__pycache__" not in path.parts:
            write_file(root / name, path.read_bytes())
    for folder, files in overrides.items():
        for file, data in files.items():
            write_file(root / folder / file, data)
    for file, data in component_files().items():
        write_file(root / "components" / NAME / file, data)


def make_key(path: Path, say: Say = silent) -> None:
    """Create a development key unless it exists."""
    take_back([path])
    if path.is_file():
        return

    create_files([NewFile(path, development_private_pem(), 0o600)])
    say(f"made a development key: {path}")


def run_make(aos: str, solution: Path, arguments: List[str], *, quiet: bool, say: Say = silent) -> None:
    """Run ``aos make`` with these arguments. Raises BuildError when it fails."""
    command = [aos, "make", *arguments]
    say(f"$ cd {solution} && aos make {' '.join(arguments)}")
    environment = {**os.environ, "PATH": path_with(os.path.dirname(os.path.abspath(aos)))}
    # The demo shows its own settings, whatever this shell is set to.
    for name in [name for name in environment if name.startswith("AOS_OTA_")]:
        del environment[name]
    process: Optional[subprocess.Popen[bytes]] = None
    try:
        with delay_signals():
            process = subprocess.Popen(
                command,
                cwd=solution,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL if quiet else None,
                **own_group(),
            )  # type: ignore[call-overload]
        status = process.wait()
    except BaseException:
        if process is not None:
            kill_group(process)  # it has started SCons, which has started compilers
            process.wait()
        raise
    if status:
        raise BuildError(
            f"`{' '.join(['aos', *command[1:]])}` ended with status {status}", remedy="its messages stand above"
        )
