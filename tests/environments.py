"""What the tests need beside their own environment, made once by ``python tests/environments.py`` (`make test` does):
SCons 4, and environments on the oldest, the newest and this Python, with aos-tools and what the project requires.

Each run installs the project's wheel into such an environment.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Dict, Optional

PROJECT = Path(__file__).resolve().parents[1]
FOLDER = Path(sys.prefix) / "beside"
AOS_TOOLS = ("aos-tools==1.1.43", "setuptools<82")
SCONS_4 = "scons>=4.5,<5"
MINORS = range(9, 14)


def find(minor: int) -> Optional[str]:
    """A Python 3.<minor> of this machine: the one that runs the tests, pyenv's, the system's, one on PATH."""
    if sys.version_info[1] == minor:
        return sys.executable
    name = f"python3.{minor}"
    places = sorted(Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/{name}"), reverse=True)
    places += [Path("/usr/bin") / name, Path("/usr/local/bin") / name]
    for place in places:
        if place.is_file():
            return str(place)
    return shutil.which(name)


def pythons() -> Dict[str, str]:
    """{"3.<minor>": its path} of those on this machine that aos-tools runs on, the oldest first."""
    return {f"3.{minor}": python for minor in MINORS for python in [find(minor)] if python}


def can_make_environments(python: str) -> bool:
    """Whether it starts and has what that takes; Debian's has not."""
    return subprocess.run([python, "-c", "import venv, ensurepip"], capture_output=True, check=False).returncode == 0


def environment(name: str, python: str) -> Path:
    """The folder of commands of the environment of that name, made if there is none.

    This environment's pip serves it: bringing one along takes as long as all the rest.
    """
    folder = FOLDER / name
    if not (folder / "whole").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([python, "-m", "venv", "--without-pip", folder], check=True, capture_output=True)
        pip("--python", folder / "bin" / "python", "install", "--no-compile", PROJECT, *AOS_TOOLS)
        (folder / "whole").touch()
    return folder / "bin"


def scons_4() -> Path:
    """The folder of packages with SCons 4, made if there is none."""
    folder = FOLDER / "scons4"
    if not (folder / "SCons").is_dir():
        pip("install", "--no-deps", "--target", folder, SCONS_4)
    return folder


def pip(*words: object) -> None:
    """Run this environment's pip. Raises RuntimeError with what it said when it fails."""
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"pip failed: {done.stderr[-1000:]}")


def main() -> None:
    """Make them all anew."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    scons_4()
    found = pythons()
    own = f"3.{sys.version_info[1]}"
    for name in dict.fromkeys((next(iter(found)), own, list(found)[-1])):
        if can_make_environments(found[name]):
            environment(name, found[name])


if __name__ == "__main__":
    main()
