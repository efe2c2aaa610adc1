"""A cloud and emulated devices together, as ``aos-ota story`` tells it."""

from __future__ import annotations

import importlib.util
import shutil

import pytest
from click.testing import CliRunner

from aos_ota_plugin.cli.main import group
from aos_ota_plugin.errors import FormatError, ProofError
from aos_ota_plugin.keys.signer import load_signer
from aos_ota_plugin.lab.simulate import story
from aos_ota_plugin.lab.simulate.network import without_key


@pytest.fixture
def told(network_built, authority, monkeypatch, tmp_path, require_tool):
    """``told(*options)``: the story, with the session's firmware and the root that it trusts."""
    require_tool("paho-mqtt", importlib.util.find_spec("paho") is not None, "pip install paho-mqtt")
    monkeypatch.setattr(story, "build_network_firmware", lambda root, ca, quiet, say: network_built)
    kept = tmp_path / "故 事" / "authority"
    kept.mkdir(parents=True)
    (kept / "ca.pem").write_text(authority.pem, encoding="ascii")
    (kept / "ca.key").write_bytes(authority.key_pem)
    return lambda *options: CliRunner().invoke(group, ["story", str(kept.parent), *options])


@pytest.mark.qemu
@pytest.mark.aos
@pytest.mark.cloud
def test_the_whole_story(told):
    done = told()
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[-3:] == [
        "ok: first: expected SUCCEEDED and app-1.0.1; seen SUCCEEDED and app-1.0.1",
        "ok: second: expected SUCCEEDED and app-1.0.1; seen SUCCEEDED and app-1.0.1",
        "ok: keyless: expected FAILED and app-1.0.0; seen FAILED and app-1.0.0",
    ]
    lines = done.output.splitlines()
    for line in (
        "   cloud │ first reports app-1.0.0",
        "   first │ boot: bank B",
        "   cloud │ second SUCCEEDED 100",
        " keyless │ [E] ota: the upgrade is refused: -12",
    ):
        assert any(found.startswith(line) for found in lines), line
    assert lines.index("   cloud │ verify: app-1.0.1 to first") < lines.index(
        "   cloud │ batch: app-1.0.1 to second, keyless"
    )


@pytest.mark.qemu
@pytest.mark.aos
@pytest.mark.cloud
def test_another_end_is_an_error(told, network_built, monkeypatch):
    """No device is without a key here, so that none refuses."""
    monkeypatch.setattr(story, "without_key", lambda firmware, key: firmware)
    done = told("--quiet")
    assert isinstance(done.exception, ProofError)
    assert "the story ended otherwise than expected for keyless" in str(done.exception)
    assert "FAILED: keyless: expected FAILED and app-1.0.0; seen SUCCEEDED and app-1.0.1" in done.output
    assert "│" not in done.output


@pytest.mark.qemu
@pytest.mark.aos
def test_a_firmware_without_that_key_cannot_lose_it(network_built):
    key = load_signer(network_built.stranger, file="", passphrase=None).public_key
    with pytest.raises(FormatError, match="stands 0 times"):
        without_key(network_built.firmware["app-1.0.0"].payload, key)


def test_names_stand_beside_the_codes_that_devices_report():
    said = []
    session = story._Session(None, {}, lambda who, line: said.append((who, line)), "")
    task = {"device_name": "keyless", "state": "FAILED", "step": -3, "desc": "status -12"}
    story._show(session, {"devices": [], "jobs": [{"number": 1, "tasks": [task]}]})
    assert said == [("cloud", "keyless FAILED -3 OTA_REPORT_VERIFY_ERR status -12 OTA_VERIFY_RSA_FAIL")]


def test_the_tools_are_named(monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    done = CliRunner().invoke(group, ["story", str(tmp_path / "none")])
    assert "there is no qemu-system-arm on PATH" in str(done.exception)
    assert not (tmp_path / "none").exists()
