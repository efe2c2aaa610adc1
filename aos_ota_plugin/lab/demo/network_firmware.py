"""Build the emulated board's firmware with lwIP, TLS and MQTT instead of the host's files."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Dict, Mapping

from aos_ota_plugin.files.transaction import write_file
from aos_ota_plugin.lab.demo.firmware import (
    BOOT_PLACE,
    BUILDS,
    boot_stage,
    keys_and_flash_list,
    make_boot_stage,
    make_keys,
    make_versions,
    read_firmware,
    replaced,
    state_of,
)
from aos_ota_plugin.lab.demo.workspace_copy import Say, prepare, require_aos, silent
from aos_ota_plugin.lab.simulate.firmware import Variant
from aos_ota_plugin.lab.simulate.libraries import NETWORK_LIBRARIES, cache_folder, library_files
from aos_ota_plugin.lab.simulate.network import NETWORK_NEW, NETWORK_VERSIONS, NetworkBuilt
from aos_ota_plugin.release.names import IMAGE_NAME
from aos_ota_plugin.workspace.component_files import package_folder

IMAGE_PLACE = BUILDS / NETWORK_NEW / IMAGE_NAME
_CHIP = "hardware/chip/mps2_an505"
_LINKSDK = "components/linksdk"


def build_network_firmware(
    root: Path, ca: str, *, quiet: bool, say: Say = silent, versions: Mapping[str, Variant] = NETWORK_VERSIONS
) -> NetworkBuilt:
    """Build everything in `root`, unless nothing has changed since the last build.

    Devices trust the root certificate `ca` (PEM). `versions` are {name: how it is built}.

    Raises OtaError when a tool is missing or a build fails.
    """
    libraries = library_files(say, cache_folder(), NETWORK_LIBRARIES)
    stamp = root / BUILDS / "stamp"
    state = state_of(libraries) + hashlib.sha256(f"{dict(versions)}{ca}".encode()).hexdigest()
    if not stamp.is_file() or stamp.read_text(encoding="ascii") != state:
        stamp.unlink(missing_ok=True)
        _build(root, {**replaced(libraries), **_network_folders(libraries, ca)}, versions, quiet=quiet, say=say)
        write_file(stamp, state.encode("ascii"))
    return NetworkBuilt(boot_stage(root), read_firmware(root, versions), *keys_and_flash_list(root))


def _build(
    root: Path, folders: Dict[str, Dict[str, bytes]], versions: Mapping[str, Variant], *, quiet: bool, say: Say = silent
) -> None:
    aos = require_aos()
    # The boot stage has no network: it is built with the chip's plain component.
    prepare(root, {name: files for name, files in folders.items() if name != _CHIP})
    make_keys(root, say)
    make_boot_stage(aos, root, (), root / BOOT_PLACE, quiet=quiet, say=say)
    prepare(root, folders)
    make_versions(aos, root, versions, quiet=quiet, say=say)


def _network_folders(libraries: Dict[str, Dict[str, bytes]], ca: str) -> Dict[str, Dict[str, bytes]]:
    """Return the components with a network: the workspace's, overlaid with those in demo/network."""
    demo = package_folder() / "demo"
    folders: Dict[str, Dict[str, bytes]] = {}
    for description in sorted((demo / "network").glob("*/**/package.yaml")):
        name = description.parent.relative_to(demo / "network").as_posix()
        real = libraries.get(description.parent.name)
        below = real if real is not None else _files(demo / "workspace" / name)
        folders[name] = {**below, **_files(description.parent)}
    folders[_LINKSDK]["include/ali_ca_cert.h"] = _header(ca).encode("utf-8")
    return folders


def _files(folder: Path) -> Dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def _header(ca: str) -> str:
    lines = "".join(f' \\\n    "{line.strip()}\\n"' for line in ca.splitlines() if line.strip())
    return f"/* Made by the build. */\n#define ALI_CA_CERT{lines or ' ' + chr(34) * 2}\n"
