"""``aos-ota sbom`` on the demo's solution."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from schemas import cyclonedx_schema

import aos_ota_plugin

DEMO = Path(aos_ota_plugin.__file__).parent / "demo" / "workspace"


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "工作 区"
    shutil.copytree(DEMO, root)
    component = root / "components" / "aos_ota_plugin"
    component.mkdir()
    (component / "package.yaml").write_text(
        "name: aos_ota_plugin\nversion: v0.1\ndescription: d\ntype: common\nlicense: Apache-2.0\n"
    )
    return root / "solutions" / "ota_demo"


def test_components_in_use(folder, run):
    done = run("sbom", "OTA_APP_VERSION=app-1.2.3")
    assert done.returncode == 0, done.stderr
    assert cyclonedx_schema().validate_str(done.stdout) is None
    document = json.loads(done.stdout)
    assert document["metadata"]["component"]["version"] == "app-1.2.3"
    found = {one["name"]: one for one in document["components"]}
    assert {"ota", "cjson", "haas100", "haas1000", "aos_ota_plugin"} <= set(found)
    assert not {"haaseduk1", "mps2", "ota_demo"} & set(found)
    assert (found["aos_ota_plugin"]["version"], found["aos_ota_plugin"]["licenses"]) == (
        "v0.1",
        [{"license": {"name": "Apache-2.0"}}],
    )
    assert str(folder) not in done.stdout
    other = json.loads(run("sbom", "-b", "haaseduk1").stdout)
    assert "haaseduk1" in {one["name"] for one in other["components"]}


def test_into_a_file(folder, run):
    done = run("sbom", "-o", "s.cdx.json")
    assert done.returncode == 0, done.stderr
    assert (folder / "s.cdx.json").read_text(encoding="utf-8") == run("sbom").stdout
    assert " components of ota_demo app-1.0.0" in done.stdout


def test_refused(folder, run):
    package = (folder / "package.yaml").read_bytes()
    over = run("sbom", "-o", "package.yaml")
    assert over.returncode == 1
    assert "would be overwritten" in over.stderr
    assert (folder / "package.yaml").read_bytes() == package
    assert run("sbom", "OTA_APP_VERSION").returncode == 2
    nowhere = run("sbom", "-C", folder.parents[2])
    assert nowhere.returncode == 1
    assert "not inside an AliOS Things workspace" in nowhere.stderr
    (folder / "package.yaml").write_text("name: [", encoding="utf-8")
    broken = run("sbom", "-o", "new.json")
    assert broken.returncode == 1
    assert "package.yaml:" in broken.stderr
    assert not (folder / "new.json").exists()
