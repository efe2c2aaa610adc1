"""The emulated device's console: what is typed on its UART, and what it answers."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from aos_ota_plugin.cli import simulate as verb
from aos_ota_plugin.cli.main import group
from aos_ota_plugin.errors import ProofError
from aos_ota_plugin.lab.simulate import machine
from aos_ota_plugin.lab.simulate.console import Console
from aos_ota_plugin.lab.simulate.device import ConsoleStep, prepare
from aos_ota_plugin.lab.simulate.scenarios import SCENARIOS

PROMPT = "(ash)# "


@pytest.fixture
def device(built, tmp_path):
    """A device that knows no network, switched on."""
    prepare(tmp_path, built, SCENARIOS["console"].case(built))
    with Console(tmp_path) as console:
        assert console.shows("ota_demo on mps2\n")
        yield console


def answer(console, line):
    """What the device shows between the line's echo and the next prompt."""
    start = len(console.log)
    console.type(line)
    assert console.shows(PROMPT), console.log
    return console.log[start:].split("\n", 1)[1].rsplit(PROMPT, 1)[0]


@pytest.mark.qemu
@pytest.mark.parametrize(
    "line, says",
    [
        ("version", "version: app-1.0.9\n"),
        ("  version  ", "version: app-1.0.9\n"),
        ("versiom\x7fn", "version: app-1.0.9\n"),
        ("\b\bversion", "version: app-1.0.9\n"),
        ("", ""),
        ("   ", ""),
        ("Version", "cli: there is no command 'Version'; help lists them\n"),
        ("a b c d e f g h i", "cli: more than 8 words\n"),
        ("x" * 127, f"cli: there is no command '{'x' * 127}'; help lists them\n"),
        ("x" * 128, "cli: more than 127 letters\n"),
        ("x" * 1000, "cli: more than 127 letters\n"),
        ("网络", "cli: there is no command '网络'; help lists them\n"),
        ("netmgr", "[E] netmgr: usage: netmgr -t wifi -c ssid password\n"),
        ("netmgr -t eth -c home x", "[E] netmgr: usage: netmgr -t wifi -c ssid password\n"),
        (f"netmgr -t wifi -c {'s' * 33} x", "[E] netmgr: a network's name has 1 to 32 bytes, its password up to 63\n"),
        (
            f"netmgr -t wifi -c home {'x' * 64}",
            "[E] netmgr: a network's name has 1 to 32 bytes, its password up to 63\n",
        ),
    ],
)
def test_each_line_has_its_answer_and_the_next_one_is_heard(device, line, says):
    assert answer(device, line) == says
    assert answer(device, "version") == "version: app-1.0.9\n"


@pytest.mark.qemu
def test_help_names_every_command(device):
    assert [line.split()[0] for line in answer(device, "help").splitlines()] == ["help", "reboot", "version", "netmgr"]


@pytest.mark.qemu
def test_reboot_starts_the_boot_stage_and_forgets_the_network(device, tmp_path):
    assert "link up" not in device.log
    device.type("reboot")
    assert device.shows("boot: start bank 0\nboot: bank A\nota_demo on mps2\n")
    assert (tmp_path / machine.REPORTS).exists() is False
    assert "wifi home: link up, address" in answer(device, "netmgr -t wifi -c home a-password")
    assert device.shows("version app-1.1.0 is accepted")


def simulate(*arguments, typed=None):
    return CliRunner().invoke(group, ["simulate", *arguments], input=typed)


@pytest.fixture
def firmware(built, monkeypatch):
    """The session's builds in place of new ones."""
    monkeypatch.setattr(verb, "build_firmware", lambda root, quiet, say: built)


@pytest.mark.qemu
def test_lines_from_a_pipe_are_typed(firmware, tmp_path):
    done = simulate(str(tmp_path), "--console", typed="version\nnetmgr -t wifi -c home x\nversion\n")
    assert done.exit_code == 0, done.output
    shown = [line for line in done.output.splitlines() if line.startswith(("version: ", "[I] netmgr", "boot: bank"))]
    assert shown == [
        "boot: bank A",
        "version: app-1.0.9",
        "[I] netmgr: wifi home: link up, address 127.0.0.1",
        "boot: bank B",
        "version: app-1.1.0",
    ]


@pytest.mark.qemu
def test_a_wrong_answer_fails_the_scenario(firmware, tmp_path, monkeypatch):
    scenario = SCENARIOS["console"]

    def case(built):
        return scenario.case(built)._replace(
            typed=(ConsoleStep("version", ("version: app-1.0.9\n",)), ConsoleStep("reboot", ("switched off",)))
        )

    monkeypatch.setattr("aos_ota_plugin.lab.simulate.console.Console.shows.__kwdefaults__", {"seconds": 2})
    monkeypatch.setitem(SCENARIOS, "console", scenario._replace(case=case))
    done = simulate(str(tmp_path), "--scenario", "console", "--quiet")
    assert isinstance(done.exception, ProofError)
    assert "no right answer to 'reboot'" in done.output


@pytest.mark.parametrize("other", [["--list"], ["--scenario", "upgrade"]])
def test_the_console_goes_alone(tmp_path, other):
    done = simulate(str(tmp_path / "new"), "--console", *other)
    assert done.exit_code == 2
    assert "--console goes without" in done.output
    assert not (tmp_path / "new").exists()
