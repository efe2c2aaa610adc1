"""The firmware of the emulated board, built once a run by the real ``aos make``."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Callable, ContextManager, Tuple

import pytest
from network_lab import CLOUD, MOSQUITTO, VENDOR_CLOUD, Authority

from aos_ota_plugin.errors import BuildError
from aos_ota_plugin.lab.demo.firmware import build_firmware
from aos_ota_plugin.lab.demo.network_firmware import build_network_firmware
from aos_ota_plugin.lab.simulate.firmware import CLOUD_MODE, VENDOR_FLAWS, Built, Variant
from aos_ota_plugin.lab.simulate.libraries import LIBRARIES, NETWORK_LIBRARIES, Library, cache_folder, library_files
from aos_ota_plugin.lab.simulate.machine import QEMU
from aos_ota_plugin.lab.simulate.network import NETWORK_OLD, NETWORK_VERSIONS, NetworkBuilt

Shared = Callable[[str], ContextManager[Path]]


@pytest.fixture(scope="session")
def fetch(shared_folder: Shared, require_tool) -> Callable[[Tuple[Library, ...]], None]:
    """``fetch(libraries)``: they are in the cache, which all workers use."""

    def in_cache(libraries: Tuple[Library, ...]) -> None:
        try:
            with shared_folder("libraries"):
                library_files(lambda text: None, cache_folder(), libraries)
            fetched, why = True, ""
        except BuildError as error:
            fetched, why = False, str(error)
        require_tool("the emulated device's libraries", fetched, why)

    return in_cache


@pytest.fixture(scope="session")
def built(shared_folder: Shared, aos: Path, require_tool, fetch) -> Built:
    """Everything that is flashed; ``aos`` is there because the build needs it."""
    require_tool(QEMU, shutil.which(QEMU) is not None, "apt-get install qemu-system-arm")
    fetch(LIBRARIES)
    with shared_folder("firmware") as folder:
        return build_firmware(folder / "工作 区", quiet=True)


@pytest.fixture(scope="session")
def authority(shared_folder: Shared) -> Authority:
    """The root that the networked firmware trusts."""
    with shared_folder("authority") as folder:
        return Authority.of(folder)


@pytest.fixture(scope="session")
def network_built(shared_folder: Shared, aos: Path, require_tool, fetch, authority: Authority) -> NetworkBuilt:
    """What a device with a network of its own is flashed with; the old version in cloud mode, too."""
    require_tool(QEMU, shutil.which(QEMU) is not None, "apt-get install qemu-system-arm")
    require_tool("mosquitto", MOSQUITTO is not None, "apt-get install mosquitto")
    require_tool("mosquitto_pub", shutil.which("mosquitto_pub") is not None, "apt-get install mosquitto-clients")
    fetch(NETWORK_LIBRARIES)
    old = NETWORK_VERSIONS[NETWORK_OLD]
    cloud = (*old.arguments, *CLOUD_MODE)
    versions = {**NETWORK_VERSIONS, CLOUD: Variant(cloud), VENDOR_CLOUD: Variant(cloud, VENDOR_FLAWS)}
    with shared_folder("network") as folder:
        return build_network_firmware(folder / "工作 区", authority.pem, quiet=True, versions=versions)
