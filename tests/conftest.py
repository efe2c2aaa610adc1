"""What every room's tests share: tools that must be there in CI, and an environment without the user's own settings."""

from __future__ import annotations

import importlib.util
import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Callable, Dict, Iterator, List

import pytest
from softhsm import SoftHsm

AOS_TOOLS = ("aos-tools==1.1.43", "setuptools<82")
TESTS = Path(__file__).resolve().parent
# These start programs: SCons, an install, a serial line's other end, a process that is to be killed.
STARTING = (
    "scons/test_plain_scons.py", "scons/test_sconsign.py", "faults", "fuzz/test_fuzz_inputs.py", "test_wheel.py", "transport/test_serial_lines.py",
    "release/test_step_guard.py", "release/test_lock.py", "release/test_image_step.py", "keys/test_command_signer.py", "cli/test_large_files.py",
    "cli/test_links.py",
)


def pytest_collection_modifyitems(items: List[pytest.Item]) -> None:
    """Mark what starts programs, and so is not among the quick ones: those files, and who runs `aos-ota` by `run`."""
    starting = {TESTS / name for name in STARTING}
    files = {path for path in {item.path for item in items} if starting.intersection((path, *path.parents))}
    for item in items:
        if item.path in files or "run" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.programs)


def require(tool: str, found: bool, hint: str) -> None:
    """Skip where a tool is missing on a developer's machine; fail where CI should have installed it."""
    if found:
        return
    message = f"{tool} is missing: {hint}"
    if os.environ.get("CI"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


@pytest.fixture(scope="session")
def require_tool() -> Callable[[str, bool, str], None]:
    """``require``, for tests that find out themselves what is there."""
    return require


@pytest.fixture(scope="session")
def state_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A new path every time: pytest's own numbered folders would be counted anew by each of thousands of tests."""
    root = tmp_path_factory.mktemp("states")
    return (root / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, state_folders: Iterator[Path]) -> None:
    """No secret of the developer's shell reaches a test, no test reads the developer's git configuration, and what
    builds remember of keys is not the developer's."""
    for name in list(os.environ):
        if name.startswith(("AOS_OTA_", "KCONFIG_", "SCONS")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(next(state_folders)))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)


@pytest.fixture(scope="session")
def bin_folder() -> Path:
    """The folder of this environment's commands."""
    return Path(sys.executable).absolute().parent


@pytest.fixture(scope="session")
def aos(bin_folder: Path) -> Path:
    """The real `aos` of this environment, with the compiler that the demo's chip names."""
    found = shutil.which("aos", path=str(bin_folder))
    require("aos-tools", found is not None, "make test sets it up")
    require("arm-none-eabi-gcc", Path("/usr/bin/arm-none-eabi-gcc").exists(), "apt-get install gcc-arm-none-eabi")
    return Path(str(found))


@pytest.fixture
def softhsm(tmp_path: Path) -> Callable[..., SoftHsm]:
    """``softhsm(mechanisms)``: SoftHSM2 with one token, "OTA keys"."""
    require("softhsm2-util", shutil.which("softhsm2-util") is not None, "apt-get install softhsm2")
    require("pkcs11-tool", shutil.which("pkcs11-tool") is not None, "apt-get install opensc")
    require("python-pkcs11", importlib.util.find_spec("pkcs11") is not None, "pip install python-pkcs11")

    def make(mechanisms: str = "ALL") -> SoftHsm:
        made = SoftHsm(tmp_path / "令 牌" / f"hsm-{len(mechanisms)}", mechanisms)
        made.token()
        return made

    return make


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This project as a user gets it."""
    folder = tmp_path_factory.mktemp("wheel")
    _pip("wheel", "--no-deps", "--wheel-dir", str(folder), str(Path(__file__).resolve().parent.parent))
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Callable[[str], Path]:
    """``environment(python)``: the folder of commands of a new environment on that Python, with the wheel and
    aos-tools in it and nothing else; made once a session."""
    made: Dict[str, Path] = {}

    def make(python: str) -> Path:
        if python not in made:
            folder = tmp_path_factory.mktemp("environment") / "venv"
            # This environment's pip serves the new one: bringing its own along takes as long as all the rest.
            subprocess.run([python, "-m", "venv", "--without-pip", str(folder)], check=True, capture_output=True)
            _pip("--python", str(folder / "bin" / "python"), "install", "--no-compile", str(wheel), *AOS_TOOLS)
            made[python] = folder / "bin"
        return made[python]

    return make


def _pip(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments],
                          capture_output=True, text=True, check=False)
    require("a package registry", done.returncode == 0, f"pip failed: {done.stderr[-1000:]}")
