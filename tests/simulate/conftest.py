"""The firmware of the emulated board, built once a session by the real ``aos make``."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from aos_ota_plugin.cli.demo_firmware import built_firmware
from aos_ota_plugin.errors import BuildError
from aos_ota_plugin.simulate.firmware import Built
from aos_ota_plugin.simulate.libraries import cache_folder, library_files
from aos_ota_plugin.simulate.machine import QEMU


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, aos: Path, require_tool) -> Built:
    """Everything that is flashed; ``aos`` is there because the build needs it."""
    require_tool(QEMU, shutil.which(QEMU) is not None, "apt-get install qemu-system-arm")
    try:
        library_files(lambda text: None, cache_folder())
        fetched, why = True, ""
    except BuildError as error:
        fetched, why = False, str(error)
    require_tool("the emulated device's libraries", fetched, why)
    return built_firmware(tmp_path_factory.mktemp("firmware") / "工作 区", quiet=True)
