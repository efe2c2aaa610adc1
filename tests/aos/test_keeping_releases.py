"""Releases that are kept by `aos-ota release` and by builds, and what the real ``aos make`` takes as its base."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.aos


def test_from_one_kept_release_to_the_next(built_workspace):
    workspace = built_workspace
    kept = workspace.solution / "releases" / "haas100"
    done = workspace.run(str(workspace.aos.with_name("aos-ota")), "release")
    assert (done.status, done.output) == (0, f"{kept / 'app-1.0.0'}  app-1.0.0 kept\n")
    assert (kept / "app-1.0.0" / "ota_demo@haas100.elf").read_bytes() == workspace.elf.read_bytes()

    options = ("OTA_APP_VERSION=app-1.1.0", "OTA_BASE_RELEASE=latest", "OTA_DIFF=y", "OTA_KEEP_RELEASES=y")
    made = workspace.made(*options)
    assert f"aos_ota_plugin: kept in {kept / 'app-1.1.0'}" in made.output
    manifest = json.loads(workspace.manifest.read_bytes())
    assert (manifest["base"]["version"], manifest["chip"]) == ("app-1.0.0", "haas1000")
    assert "ota_rtos_ota.diff.bin" in {path.name for path in (kept / "app-1.1.0").iterdir()}
    assert "bytes, signed by key" in made.output

    again = workspace.made(*options)
    assert again.count() == {}
    [line] = [line for line in again.output.splitlines() if "ota_rtos_ota.bin: app-1.1.0" in line]
    assert line.endswith("base app-1.0.0, unchanged")

    source = workspace.solution / "otaappdemo.c"
    workspace.edit(source, "ota: the device has no name", "ota: nameless device")
    before = {path.name: path.read_bytes() for path in (kept / "app-1.1.0").iterdir()}
    other = workspace.made(*options)
    assert "holds another app-1.1.0, and stays as it is" in other.output
    assert {path.name: path.read_bytes() for path in (kept / "app-1.1.0").iterdir()} == before

    refused = workspace.make("OTA_APP_VERSION=app-1.2.0", "OTA_BASE_RELEASE=app-1.0.7")
    assert refused.status == 2, refused.output
    assert "no release app-1.0.7 of the board haas100 is kept" in refused.output
    assert workspace.make("clean").status == 0
    assert sorted(path.name for path in kept.iterdir()) == ["app-1.0.0", "app-1.1.0"]
    assert not (workspace.out / "ota" / "haas100").exists()
