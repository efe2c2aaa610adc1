"""The files of the aos component: in an installed package, or at the top of a checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Dict

import aos_ota_plugin

NAME = "aos_ota_plugin"
_README = "The OTA plugin's hook for `aos make`; the plugin itself is the installed Python package aos_ota_plugin.\n"


def package_folder() -> Path:
    """Return the folder of the Python package."""
    return Path(aos_ota_plugin.__file__).resolve().parent


def component_files() -> Dict[str, bytes]:
    """Return the component's files by name."""
    folder = package_folder() / "component"
    if not folder.is_dir():
        folder = package_folder().parent
    files = {name: (folder / name).read_bytes() for name in ("SConscript", "package.yaml")}
    return {**files, "README.md": _README.encode("utf-8")}


def site_files() -> Dict[str, bytes]:
    """Return the files of ``site_scons/``, by their paths below it."""
    folder = package_folder() / "site_scons"
    if not folder.is_dir():
        folder = package_folder().parent / "site_scons"
    return {name: (folder / name).read_bytes() for name in ("site_init.py", "site_tools/aos_ota.py")}
