"""The boot stage, compiled once for all tests: as it is, and with the vendor's faults."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Callable, Iterator, List

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "images"))  # nbdiff_reference

from boot_device import SANITIZE, Device, compile_device


@pytest.fixture(scope="session")
def host_gcc(require_tool: Callable[[str, bool, str], None]) -> str:
    found = shutil.which("gcc")
    require_tool("gcc", found is not None, "apt-get install gcc")
    require_tool("xz", shutil.which("xz") is not None, "apt-get install xz-utils")
    return str(found)


@pytest.fixture(scope="session")
def sanitizers(host_gcc: str, tmp_path_factory: pytest.TempPathFactory) -> List[str]:
    """The sanitizers' flags, where this compiler has them."""
    folder = tmp_path_factory.mktemp("sanitizers")
    (folder / "x.c").write_text("int main(void) { return 0; }\n")
    done = subprocess.run(
        [host_gcc, *SANITIZE, str(folder / "x.c"), "-o", str(folder / "x")], capture_output=True, check=False
    )
    return SANITIZE if done.returncode == 0 else []


def _device(gcc: str, folder: Path, *flags: str) -> Iterator[Device]:
    one = Device(compile_device(gcc, folder, *flags))
    yield one
    one.close()


@pytest.fixture(scope="session")
def device(host_gcc: str, sanitizers: List[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    yield from _device(host_gcc, tmp_path_factory.mktemp("boot"), *sanitizers)


@pytest.fixture(scope="session")
def vendor_device(host_gcc: str, sanitizers: List[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    yield from _device(host_gcc, tmp_path_factory.mktemp("vendor"), *sanitizers, "-DOTA_BOOT_VENDOR_FAULTS")
