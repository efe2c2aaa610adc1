"""What every room's tests share: tools that must be there in CI, and an environment without the user's own settings."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Callable, ContextManager, Iterator, List

import environments
import pytest
from filelock import FileLock
from hypothesis import settings
from softhsm import SoftHsm

TESTS = Path(__file__).resolve().parent
# These start programs: SCons, an install, a serial line's other end, a process that is to be killed; or move 40 MiB.
STARTING = (
    "scons/test_plain_scons.py",
    "scons/test_sconsign.py",
    "faults",
    "fuzz/test_fuzz_inputs.py",
    "test_wheel.py",
    "transport/test_serial_lines.py",
    "release/test_lock.py",
    "release/test_image_step.py",
    "keys/test_command_signer.py",
    "cli/test_large_files.py",
    "cli/test_links.py",
    "cli/test_sizes.py",
    "test_children.py",
)
# Variables of a shell, beside those with the names' beginnings in `_own_environment`, that change what programs do or show.
FOREIGN = (
    "COLUMNS",
    "LINES",
    "FORCE_COLOR",
    "NO_COLOR",
    "MFLAGS",
    "PYTHONDONTWRITEBYTECODE",  # what the tests start would compile our modules at every start
    "SOFTHSM2_CONF",
    "TTY_COMPATIBLE",
    "TTY_INTERACTIVE",
)
# With several workers these files and folders come first, so that no worker is left alone with a long file at the end.
# The first two build the firmware that the other files of simulate/ use, each in another worker.
SLOWEST_FIRST = (
    "simulate/test_network.py",
    "simulate/test_scenarios.py",
    "aos/test_rebuilds.py",
    "aos/test_interrupted_builds.py",
    "aos/test_pythons.py",
    "aos/test_hooking.py",
    "aos/test_init.py",
    "aos/test_verify_release.py",
    "scons/test_plain_scons.py",
    "aos/test_diff.py",
    "aos",
    "test_wheel.py",
    "simulate",
    "cloud",
    "faults",
    "cli",
    "boot",
    "transport",
)


# An example that takes long is a slow machine's, or the first one's, which loads what it needs.
# `make fuzz` runs a million examples of the same parsers.
settings.register_profile("suite", deadline=None, max_examples=50)
settings.load_profile("suite")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return one worker more than there are cores for a whole run: devices and the cloud wait for answers half of it."""
    return (os.cpu_count() or 1) + (config.getoption("dist") == "loadfile")


def pytest_collection_modifyitems(config: pytest.Config, items: List[pytest.Item]) -> None:
    """Mark what starts programs, and sort the files of a run with several workers."""
    mark_programs(items)
    if hasattr(config, "workerinput"):
        tests_of = Counter(item.path for item in items)
        items.sort(key=lambda item: (place_in_order(item.path), -tests_of[item.path]))


def place_in_order(path: Path) -> int:
    """Return the place of a test file's first entry in `SLOWEST_FIRST`; all others come behind them."""
    above = {path, *path.parents}
    return next((place for place, name in enumerate(SLOWEST_FIRST) if TESTS / name in above), len(SLOWEST_FIRST))


def mark_programs(items: List[pytest.Item]) -> None:
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
def shared_folder(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], ContextManager[Path]]:
    """``with shared_folder(name) as folder``: the same folder for all workers of a run, for one of them at a time."""
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if hasattr(pytestconfig, "workerinput") else base) / "shared"

    @contextlib.contextmanager
    def enter(name: str) -> Iterator[Path]:
        (root / name).mkdir(parents=True, exist_ok=True)
        with FileLock(root / f"{name}.lock"):
            yield root / name

    return enter


@pytest.fixture(scope="session", autouse=True)
def _own_environment() -> Iterator[None]:
    """Keep the developer's shell out of all tests: secrets, git's configuration, the terminal's kind and
    width, the umask, and what the `make` that runs the tests tells those that the tests run."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("AOS_OTA_", "KCONFIG_", "SCONS", "GIT_", "MAKE")) or name in FOREIGN:
                patch.delenv(name)
        patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        patch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
        patch.setenv("TERM", "xterm")
        umask = os.umask(0o022)
        yield
        os.umask(umask)


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
def wheel(shared_folder: Callable[[str], ContextManager[Path]]) -> Path:
    """This project as a user gets it."""
    with shared_folder("wheel") as folder:
        if not list(folder.glob("*.whl")):
            _from_registry(environments.pip, "wheel", "--no-deps", "--wheel-dir", folder, environments.PROJECT)
        return next(folder.glob("*.whl"))


@pytest.fixture(scope="session")
def environment(shared_folder: Callable[[str], ContextManager[Path]], wheel: Path) -> Callable[[str], Path]:
    """``environment("3.9")``: the folder of commands of an environment on that Python, with this run's wheel, what it
    requires and aos-tools in it and nothing else."""

    def make(name: str) -> Path:
        with shared_folder(f"environment {name}") as folder:
            commands: Path = _from_registry(environments.environment, name, environments.pythons()[name])
            installed = folder / "installed"
            if not installed.exists():
                words = ("install", "--no-compile", "--no-deps", "--force-reinstall", wheel)
                _from_registry(environments.pip, "--python", commands / "python", *words)
                installed.touch()
            return commands

    return make


@pytest.fixture(scope="session")
def scons_4_packages(shared_folder: Callable[[str], ContextManager[Path]]) -> Path:
    """A folder of packages with SCons 4."""
    with shared_folder("scons4"):
        folder: Path = _from_registry(environments.scons_4)
        return folder


def _from_registry(get: Callable[..., Any], *arguments: object) -> Any:
    try:
        return get(*arguments)
    except RuntimeError as error:
        require("a package registry", False, str(error))
