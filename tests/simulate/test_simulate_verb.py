"""``aos-ota simulate`` as a user meets it."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner
from waiting import growing

from aos_ota_plugin.cli import simulate as verb
from aos_ota_plugin.cli.main import group
from aos_ota_plugin.device.acceptance import DeviceVerdict
from aos_ota_plugin.device.elf import read_public_key
from aos_ota_plugin.errors import BuildError, ProofError
from aos_ota_plugin.lab.simulate import machine
from aos_ota_plugin.lab.simulate.cases import device_key
from aos_ota_plugin.lab.simulate.firmware import BY_HAND, OLD
from aos_ota_plugin.lab.simulate.scenarios import SCENARIOS


def simulate(*arguments):
    return CliRunner().invoke(group, ["simulate", *arguments])


@pytest.fixture
def firmware(built, monkeypatch):
    """The session's builds in place of new ones."""
    monkeypatch.setattr(verb, "build_firmware", lambda root, quiet, say: built)


@pytest.mark.qemu
def test_the_log_and_a_line_of_expected_and_seen(firmware, tmp_path):
    done = simulate(str(tmp_path), "--scenario", "wrong-key")
    assert done.exit_code == 0, done.output
    assert "   [E] ota: the upgrade is refused: -12 OTA_VERIFY_RSA_FAIL\n" in done.output
    assert done.output.splitlines()[-2:] == [
        "ok: expected OTA_VERIFY_RSA_FAIL (-12) and then app-1.0.9; seen OTA_VERIFY_RSA_FAIL (-12) and then app-1.0.9; "
        "the model says OTA_VERIFY_RSA_FAIL (-12)",
        "1 of 1 scenarios ended as expected",
    ]


@pytest.mark.qemu
@pytest.mark.parametrize("wrong", [{"verdict": DeviceVerdict.OTA_SUCCESS}, {"version": "app-1.1.0"}])
def test_another_end_than_expected_fails(firmware, tmp_path, monkeypatch, wrong):
    monkeypatch.setitem(SCENARIOS, "wrong-key", SCENARIOS["wrong-key"]._replace(**wrong))
    done = simulate(str(tmp_path), "--scenario", "wrong-key", "--quiet")
    assert isinstance(done.exception, ProofError)
    assert "1 of 1 scenarios ended otherwise than expected: wrong-key" in str(done.exception)
    assert "FAILED: expected" in done.output


@pytest.mark.qemu
def test_a_power_cut_scenario(firmware, tmp_path, monkeypatch):
    monkeypatch.setitem(SCENARIOS, "power-cut", SCENARIOS["power-cut"]._replace(cuts=2))
    done = simulate(str(tmp_path), "--scenario", "power-cut")
    assert done.exit_code == 0, done.output
    assert "   cut in flash operation 1 of " in done.output
    assert "ok: expected a whole version after each of 2 cuts, and app-1.1.0 in the end; seen 2 times" in done.output


@pytest.mark.qemu
def test_the_vendors_flaws_are_shown_beside_the_hardened_device(firmware, tmp_path, monkeypatch):
    monkeypatch.setattr(verb, "FLAWS", verb.FLAWS[:2])
    done = simulate(str(tmp_path), "--scenario", "vendor", "--quiet")
    assert done.exit_code == 0, done.output
    assert [line.split("  ")[0] for line in done.output.splitlines()[-4:]] == [
        "the vendor's flaw",
        "the order of versions",
        "a push without a signature",
        "4 of 4 scenarios ended as expected",
    ]
    assert [re.split(" {2,}", line)[1:] for line in done.output.splitlines()[-3:-1]] == [
        ["OTA_SUCCESS (0) and then app-1.0.10", "OTA_TRANSPORT_VER_FAIL (-4) and then app-1.0.9"],
        ["OTA_VERIFY_RSA_FAIL (-12) and then app-1.0.9", "OTA_SUCCESS (0) and then app-1.1.0"],
    ]


@pytest.mark.qemu
def test_the_firmware_built_by_hand_has_no_public_key(built):
    assert read_public_key(built.firmware[BY_HAND].elf).is_empty
    assert read_public_key(built.firmware[OLD].elf) == device_key(built)
    assert device_key(built).n_bytes not in built.firmware[BY_HAND].payload


@pytest.mark.qemu
def test_the_builds_are_made_once(built, tmp_path, monkeypatch):
    """What stands there is used again, until something that goes into it changes."""
    calls = []
    monkeypatch.setattr("aos_ota_plugin.lab.demo.firmware._build", lambda *given, **options: calls.append(given))
    monkeypatch.setattr("aos_ota_plugin.lab.demo.firmware._read", lambda root: built)
    from aos_ota_plugin.lab.demo.firmware import build_firmware

    build_firmware(tmp_path, quiet=True)
    build_firmware(tmp_path, quiet=True)
    assert len(calls) == 1
    (tmp_path / "simulated" / "stamp").write_text("another state", encoding="ascii")
    build_firmware(tmp_path, quiet=True)
    assert len(calls) == 2


def test_without_qemu_it_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    done = simulate(str(tmp_path / "new"))
    assert isinstance(done.exception, BuildError)
    assert str(done.exception).startswith("there is no qemu-system-arm on PATH")
    assert "apt-get install qemu-system-arm" in done.exception.remedy
    assert not (tmp_path / "new").exists()


def test_a_device_that_stays_on_is_switched_off(tmp_path, monkeypatch):
    """An emulator that does not end is no verdict."""
    (tmp_path / machine.FLASH).write_bytes(b"\xff" * 0x2A000)
    fake = tmp_path / machine.QEMU
    fake.write_text("#!/bin/sh\necho on and on\nexec sleep 600\n", encoding="ascii")
    fake.chmod(0o755)
    monkeypatch.setattr(machine, "find_qemu", lambda: str(fake))
    for seconds in growing(0.5):
        with pytest.raises(BuildError) as caught:
            machine.run(tmp_path, seconds=seconds)
        assert f"still on after {seconds:g} s; it last showed:\n" in str(caught.value)
        if str(caught.value).endswith(":\non and on\n"):  # else the limit was over before it had begun
            return
    pytest.fail(str(caught.value))


def test_an_emulator_that_complains_is_no_verdict(tmp_path, monkeypatch):
    (tmp_path / machine.FLASH).write_bytes(b"\xff" * 0x2A000)
    fake = tmp_path / machine.QEMU
    fake.write_text("#!/bin/sh\necho unsupported machine type >&2\nexit 1\n", encoding="ascii")
    fake.chmod(0o755)
    monkeypatch.setattr(machine, "find_qemu", lambda: str(fake))
    with pytest.raises(BuildError, match="ended with status 1: unsupported machine type"):
        machine.run(tmp_path)


def test_the_list_needs_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    done = simulate("--list")
    assert done.exit_code == 0
    assert [line.split()[0] for line in done.output.splitlines()[1:]] == [*SCENARIOS, "vendor"]


def test_an_unknown_scenario_is_wrong_usage():
    assert simulate("--scenario", "none").exit_code == 2
