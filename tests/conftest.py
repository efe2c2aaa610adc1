"""What every room's tests share: tools that must be there in CI, and an environment without the user's own settings."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Callable

import pytest


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


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No secret of the developer's shell reaches a test, and no test reads the developer's git configuration."""
    for name in list(os.environ):
        if name.startswith(("AOS_OTA_", "KCONFIG_", "SCONS")):
            monkeypatch.delenv(name)
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
