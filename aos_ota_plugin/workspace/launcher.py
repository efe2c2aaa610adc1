"""Check whether ``aos make`` can start here; name the remedy for launchers that cannot."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import Optional, Tuple

from aos_ota_plugin.errors import BuildError

AOS_TOOLS = "aos-tools==1.1.43"


@dataclass(frozen=True)
class Launcher:
    """The Python that SCons runs on: its path and version."""

    python: str
    version: Tuple[int, int]


def path_with(folder: str) -> str:
    """Return PATH with a folder of programs in front."""
    return folder + os.pathsep + os.environ.get("PATH", "")


def find_aos() -> Optional[str]:
    """Return the path of the `aos` beside this Python, else of the one on PATH; None where there is none."""
    return shutil.which("aos", path=path_with(os.path.dirname(os.path.abspath(sys.executable))))


def find_git(path: Optional[str] = None) -> str:
    """Return the path of `git`, which aos-tools needs. Raises BuildError where PATH has none."""
    named = os.environ.get("GIT_PYTHON_GIT_EXECUTABLE") or "git"
    git = shutil.which(named, path=path)
    if git is None:
        raise BuildError(
            f"there is no `{named}` on PATH, and aos-tools does not start without it",
            remedy="install git, and add it to PATH",
        )
    return git


def find_launcher(path: Optional[str] = None) -> Launcher:
    """Start ``scons --version`` as ``aos make`` would with this PATH; return the Python that it runs on.

    Raises:
        BuildError: aos or scons is missing, or cannot start.
    """
    if shutil.which("aos", path=path) is None:
        raise BuildError(
            "there is no `aos` on PATH",
            remedy=f'activate the environment that holds it, or `python -m pip install {AOS_TOOLS} "setuptools<82"`',
        )
    scons = shutil.which("scons", path=path)
    if scons is None:
        raise BuildError(
            "there is no `scons` on PATH, which `aos make` starts",
            remedy=f"activate the environment of aos-tools, or `python -m pip install {AOS_TOOLS}`",
        )
    failed = _failure(scons, path)
    if failed:
        raise _explain(scons, failed)
    python = shutil.which("python", path=path)
    if python is None:
        raise BuildError(
            "there is no `python` on PATH, which aos-tools starts for image steps",
            remedy="activate the environment of aos-tools",
        )
    runs_scons = _interpreter(scons) or python
    return Launcher(runs_scons, _version(runs_scons))


def _failure(scons: str, path: Optional[str]) -> str:
    """Return what ``scons --version`` printed when it could not start, else an empty text."""
    try:
        done = subprocess.run(
            [scons, "--version"],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=120,
            env={**os.environ, "PATH": path} if path else None,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return str(error) or type(error).__name__
    return "" if done.returncode == 0 else (done.stderr + done.stdout) or f"status {done.returncode}"


def _explain(scons: str, output: str) -> BuildError:
    last = output.strip().splitlines()[-1] if output.strip() else ""
    shebang = _shebang(scons)
    no_python = any("python" in line.partition("env: ")[2] for line in output.splitlines())
    no_python = no_python or "No such file" in output or "cannot find the file" in output
    if no_python and shebang and "env" in shebang:
        return BuildError(
            f"{scons} cannot start: its first line is `{shebang}`, and there is no `python` on PATH",
            remedy="activate the environment that aos-tools is installed in, so that `python` is found",
        )
    if "SCons import failed" in output or "pkg_resources" in output or "No module named 'SCons'" in output:
        return BuildError(
            f"{scons} cannot start: it finds SCons by setuptools' pkg_resources, which this environment lacks "
            "(setuptools is missing, or 82 or newer)",
            remedy='python -m pip install "setuptools<82", or set SCONS_LIB_DIR to the folder that holds SCons/',
        )
    if "imp" in output and "No module named" in output:
        return BuildError(
            f"{scons} cannot start: site_scons/site_init.py needs Python 3.11 or older",
            remedy="remove it and run `aos-ota init` again, which then sets up the component",
        )
    return BuildError(
        f"{scons} cannot start: {last}", remedy=f'python -m pip install --force-reinstall {AOS_TOOLS} "setuptools<82"'
    )


def _shebang(path: str) -> Optional[str]:
    try:
        with open(path, "rb") as stream:
            line = stream.readline(200)
    except OSError:
        return None
    return line.decode("utf-8", "replace").strip() if line.startswith(b"#!") else None


def _interpreter(scons: str) -> Optional[str]:
    """Return the Python that a script's first line names by its path; None for one on PATH."""
    words = (_shebang(scons) or "").lstrip("#! ").split()
    return words[0] if words and os.path.basename(words[0]).startswith("python") else None


def _version(python: str) -> Tuple[int, int]:
    done = subprocess.run(
        [python, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True, check=False
    )
    numbers = done.stdout.split()
    if done.returncode or len(numbers) != 2:
        raise BuildError(f"{python} cannot start", remedy="activate the environment of aos-tools")
    return int(numbers[0]), int(numbers[1])
