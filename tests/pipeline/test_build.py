"""A build after a change leaves what a build from nothing leaves: the same files, or the same error."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from setting_values import changed, settings_of

from aos_ota_plugin.errors import OtaError
from aos_ota_plugin.pipeline import build, state
from aos_ota_plugin.pipeline.keyset import BuildKeys
from aos_ota_plugin.settings.fields import ROWS

MODULES = "modules:\n- name: js\n  version: js-1\n  file: a.js\n  store_path: /data/a.js\n"


@pytest.fixture
def solution(solution):
    (solution / "a.js").write_bytes(b"print(1)")
    (solution / "ota.modules.yaml").write_text(MODULES)
    return solution


@pytest.fixture
def settings(solution):
    return settings_of(str(solution), OTA_PARTITION_SIZE="0x5000", OTA_PROVENANCE="y", OTA_MODULES="ota.modules.yaml")


def build_release(site, settings):
    return build.build_release(site, settings, BuildKeys(settings))


def left(site, settings):
    """What a build leaves: its files by name, or its error; the lines about files that did not change are no part."""
    try:
        build_release(site, settings)
    except OtaError as error:
        return str(error)
    return {path.name: path.read_bytes() for path in Path(site.image).parent.iterdir()}


@pytest.mark.parametrize("row", ROWS, ids=[row.attribute for row in ROWS])
def test_a_changed_setting_leaves_what_a_build_from_nothing_leaves(row, site, settings, tmp_path):
    assert set(left(site, settings)) >= {"ota_rtos_ota.bin", "ota_rtos_ota.intoto.jsonl", "ota_module_js.bin"}
    other = changed(settings, row)
    after = left(site, other)
    shutil.rmtree(Path(site.image).parent)
    Path(site.state).unlink()
    Path(site.image).parent.mkdir()
    assert after == left(site, other)


def test_no_change_writes_nothing_and_says_so(site, settings):
    assert build_release(site, settings).release is not None
    before = {path: path.stat().st_mtime_ns for path in [*Path(site.image).parent.iterdir(), Path(site.state)]}
    outcome = build_release(site, settings)
    assert outcome.release is None
    *warnings, unchanged = outcome.lines
    assert unchanged == _unchanged(site)
    assert [line.partition(": for ")[0] for line in warnings] == ["aos_ota_plugin: warning: module js: 8 bytes"]
    assert {path: path.stat().st_mtime_ns for path in before} == before


def _unchanged(site):
    signer = json.loads(Path(site.manifest).read_bytes())["key_fingerprint"]
    size = Path(site.image).stat().st_size
    return f"aos_ota_plugin: {site.image}: app-1.0.0, {size} bytes, signed by key {signer[:16]}, no base release, unchanged"


def test_the_state_is_read_once_a_build(site, settings, monkeypatch):
    reads = []
    monkeypatch.setattr(state, "read_bytes", lambda path: reads.append(path) or Path(path).read_bytes())
    for number in (1, 2):
        build_release(site, settings)
        assert reads == [site.state] * number
    build_release(site, replace(settings, compress_xz=True))
    assert reads == [site.state] * 3


def test_a_changed_module_leaves_the_images_alone(site, settings, solution, monkeypatch):
    build_release(site, settings)
    (solution / "a.js").write_bytes(b"print(2)")
    monkeypatch.setattr("aos_ota_plugin.release.make.make_release", None)  # nothing is signed again
    assert build_release(site, settings).release is None
    document = json.loads(Path(site.manifest).read_bytes())
    module = Path(site.image).with_name("ota_module_js.bin").read_bytes()
    assert b"print(2)" in module
    assert document["modules"][0]["image"]["sha256"] == hashlib.sha256(module).hexdigest()


def test_a_state_of_0_1_0_means_a_new_build_and_its_outputs_go(site, settings):
    """The image that 0.1.0 compressed is removed when it is no longer made, as that version would have done."""
    xz = Path(site.image + ".xz")
    build_release(site, replace(settings, compress_xz=True))
    outputs = {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in Path(site.image).parent.iterdir()}
    assert str(xz) in outputs
    Path(site.state).write_text(json.dumps({"key": "0" * 64 + "//", "outputs": outputs, "warnings": []}))
    assert build_release(site, settings).release is not None
    assert not xz.exists()
    assert str(Path(site.image).with_name("ota_module_js.bin")) in build.last_outputs(site)
    assert build.last_outputs(replace(site, solution_folder=str(Path(site.image).parent / "elsewhere"))) == ()
