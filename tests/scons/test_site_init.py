"""The hook in a solution's site_scons/ on a Python that lacks the package."""

from __future__ import annotations

import subprocess
import sys

from aos_ota_plugin.workspace.component_files import site_files


def test_a_python_without_the_package_is_told_how_to_install_it(tmp_path):
    (tmp_path / "site_init.py").write_bytes(site_files()["site_init.py"])
    done = subprocess.run(
        [sys.executable, "-S", "-E", "site_init.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    first, fix = done.stderr.splitlines()
    assert first.startswith("aos_ota_plugin: error: the Python that runs this build (")
    assert first.endswith("cannot load aos_ota_plugin")
    assert f'"{sys.executable}" -m pip install aos_ota_plugin' in fix
