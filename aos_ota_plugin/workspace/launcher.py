"""Check whether ``aos make`` can start here; name the remedy for launchers that cannot."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import Optional, Sequence, Tuple

from aos_ota_plugin.errors import BuildError

AOS_TOOLS = "aos-tools==1.1.43"
_SECONDS = 120
"""How long a program may take to say what it is."""


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
    """Return the path of `git`, which aos-tools needs. Raises BuildError where PATH has none that answers."""
    named = os.environ.get("GIT_PYTHON_GIT_EXECUTABLE") or "git"
    git = shutil.which(named, path=path)
    if git is None:
        raise BuildError(
            f"there is no `{named}` on PATH, and aos-tools does not start without it",
            remedy="install git, and add it to PATH",
        )
    check_program(git, "version", "git version", "install git again; aos-tools does not start without it", path)
    return git


def check_program(program: str, question: str, answer: str, remedy: str, path: Optional[str] = None) -> None:
    """Start a program with one argument, with this PATH. Raises BuildError unless it prints ``answer``."""
    failed = _failure((program, question), answer, path)
    if failed:
        raise BuildError(f"{program} {question} fails: {_last_line(failed)}", remedy=remedy)


def find_launcher(path: Optional[str] = None) -> Launcher:
    """Start ``scons --version`` as ``aos make`` would with this PATH; return the Python that it runs on.

    aos itself is not started: it asks for its newest version on the network.

    Raises:
        BuildError: aos, scons or a Python that they need is missing, or cannot start.
    """
    aos = shutil.which("aos", path=path)
    if aos is None:
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
    failed = _failure((scons, "--version"), "SCons", path)
    if failed:
        raise _explain(scons, failed)
    python = shutil.which("python", path=path)
    if python is None:
        raise BuildError(
            "there is no `python` on PATH, which aos-tools starts for image steps",
            remedy="activate the environment of aos-tools",
        )
    runs_scons = _interpreter(scons) or python
    for needed in dict.fromkeys((python, _interpreter(aos) or python)):
        _version(needed)
    return Launcher(runs_scons, _version(runs_scons))


def _failure(command: Sequence[str], answer: str, path: Optional[str]) -> str:
    """Return why a program fails, or what it prints in place of ``answer``; "" where it prints that."""
    printed, problem = _run(command, path)
    return problem or ("" if answer in printed else f"it prints {printed[:80]!a}, and not {answer!a}")


def _run(command: Sequence[str], path: Optional[str] = None) -> Tuple[str, str]:
    """Return what a program prints, and why it does not end well, "" where it does."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_SECONDS,
            env={**os.environ, "PATH": path} if path else None,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return "", str(error) or type(error).__name__
    said = (done.stderr + done.stdout).strip() or f"it ends with status {done.returncode}"
    return done.stdout.strip(), said if done.returncode else ""


def _explain(scons: str, output: str) -> BuildError:
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
        f"{scons} cannot start: {_last_line(output)}",
        remedy=f'python -m pip install --force-reinstall {AOS_TOOLS} "setuptools<82"',
    )


def _last_line(output: str) -> str:
    return output.strip().splitlines()[-1][:400]


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
    printed, problem = _run((python, "-c", "import sys; print(*sys.version_info[:2])"))
    numbers = [int(word) for word in printed.split() if word.isdigit()]
    if problem or len(numbers) != 2:
        problem = problem or f"it prints {printed[:80]!a}"
        raise BuildError(
            f"{python} cannot start: {_last_line(problem)}", remedy="activate the environment of aos-tools"
        )
    return numbers[0], numbers[1]
