"""The firmware of the emulated board, built once a session by the real ``aos make``."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from network_lab import CLOUD, MOSQUITTO, VENDOR_CLOUD, Authority

from aos_ota_plugin.cli.demo_firmware import built_firmware
from aos_ota_plugin.cli.network_firmware import built_network_firmware
from aos_ota_plugin.errors import BuildError
from aos_ota_plugin.simulate.firmware import CLOUD_MODE, VENDOR_FLAWS, Built, Variant
from aos_ota_plugin.simulate.libraries import NETWORK_LIBRARIES, cache_folder, library_files
from aos_ota_plugin.simulate.machine import QEMU
from aos_ota_plugin.simulate.network import NETWORK_OLD, NETWORK_VERSIONS, NetworkBuilt


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


@pytest.fixture(scope="session")
def authority() -> Authority:
    """The root that the networked firmware trusts."""
    return Authority()


@pytest.fixture(scope="session")
def network_built(tmp_path_factory: pytest.TempPathFactory, aos: Path, require_tool, authority: Authority) -> NetworkBuilt:
    """What a device with a network of its own is flashed with; the old version in cloud mode, too."""
    require_tool(QEMU, shutil.which(QEMU) is not None, "apt-get install qemu-system-arm")
    require_tool("mosquitto", MOSQUITTO is not None, "apt-get install mosquitto")
    require_tool("mosquitto_pub", shutil.which("mosquitto_pub") is not None, "apt-get install mosquitto-clients")
    try:
        library_files(lambda text: None, cache_folder(), NETWORK_LIBRARIES)
        fetched, why = True, ""
    except BuildError as error:
        fetched, why = False, str(error)
    require_tool("the emulated device's libraries", fetched, why)
    folder = tmp_path_factory.mktemp("network") / "工作 区"
    old = NETWORK_VERSIONS[NETWORK_OLD]
    cloud = (*old.arguments, *CLOUD_MODE)
    versions = {**NETWORK_VERSIONS, CLOUD: Variant(cloud), VENDOR_CLOUD: Variant(cloud, VENDOR_FLAWS)}
    return built_network_firmware(folder, authority.pem, quiet=True, versions=versions)
