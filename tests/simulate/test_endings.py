"""`aos-ota device` and `aos-ota story`, ended in every phase, and a build: nothing that they started runs on."""

from __future__ import annotations

import importlib.util
import json
import pickle
import signal
import sys
from pathlib import Path

import network_lab as lab
import pytest
from marked import Marked

from aos_ota_plugin.lab.simulate import network

pytestmark = [pytest.mark.qemu, pytest.mark.aos, pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")]
ENDED = {"SIGINT": 1, "SIGTERM": 143, "SIGHUP": 129}
"""What ends a command, and its status where it had not come to what it is for."""
QEMU, BROKER = "qemu-system-arm", "mosquitto"

BUILT = """
import pickle, sys
from aos_ota_plugin.cli import device, entry
from aos_ota_plugin.lab.simulate import story
with open(sys.argv.pop(1), "rb") as stream:
    built = pickle.load(stream)
device.build_network_firmware = story.build_network_firmware = lambda root, ca, quiet, say: built
entry.entry()
"""
"""The command, with firmware that was built before."""


@pytest.fixture
def device_words(tmp_path):
    (tmp_path / "身份.json").write_text(json.dumps(lab.IDENTITY._asdict()), encoding="utf-8")
    (tmp_path / "身份.json").chmod(0o600)
    return ["device", "mqtt://broker.example:1", "--identity", "身份.json", "--directory", "设 备"]


@pytest.fixture
def story_words(tmp_path, authority, require_tool):
    require_tool("paho-mqtt", importlib.util.find_spec("paho") is not None, "pip install paho-mqtt")
    kept = tmp_path / "故 事" / "authority"
    kept.mkdir(parents=True)
    (kept / "ca.pem").write_text(authority.pem, encoding="ascii")
    (kept / "ca.key").write_bytes(authority.key_pem)
    return ["story", kept.parent]


@pytest.fixture
def simulate_words():
    return ["simulate", "出"]


@pytest.fixture
def firmware(network_built, tmp_path) -> Path:
    path = tmp_path / "built.pickle"
    path.write_bytes(pickle.dumps(network_built))
    return path


def left_nothing(command: Marked, *, temporary: bool = True) -> None:
    command.until(lambda: not command.pids())
    assert "Traceback" not in command.said
    if temporary:
        assert list(command.temporary.iterdir()) == []


def pairs(firsts, numbers, chosen):
    """Each first with each signal; those that are not chosen are for `make faults`."""
    return [
        pytest.param(first, number, marks=[] if (first, number) in chosen else [pytest.mark.faults])
        for first in firsts
        for number in numbers
    ]


@pytest.mark.parametrize(
    ("words", "number"),
    pairs(
        ("device_words", "story_words", "simulate_words"),
        ("SIGINT", "SIGTERM"),
        {("device_words", "SIGINT"), ("story_words", "SIGTERM"), ("simulate_words", "SIGINT")},
    ),
)
def test_while_it_builds(request, network_built, tmp_path, words, number):
    with Marked(request.getfixturevalue(words), cwd=tmp_path) as command:
        command.until(lambda: command.pids("arm-none-eabi"))
        assert command.end(getattr(signal, number)) == ENDED[number]
        left_nothing(command)
    assert not list(tmp_path.rglob("stamp"))


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"])
def test_while_the_device_runs(device_words, firmware, tmp_path, number):
    with Marked([firmware, *device_words], cwd=tmp_path, script=BUILT) as command:
        command.until(lambda: "ota_demo on mps2" in command.said)
        assert len(command.pids(QEMU)) == 1
        killed = number == "SIGKILL"
        assert command.end(getattr(signal, number)) == (-9 if killed else 0)
        left_nothing(command, temporary=not killed)
        assert command.said.endswith("the device is off\n") is not killed


@pytest.mark.parametrize(
    ("program", "number"), pairs((BROKER, QEMU), ("SIGINT", "SIGTERM"), {(BROKER, "SIGTERM"), (QEMU, "SIGINT")})
)
@pytest.mark.cloud
def test_while_the_story_begins(story_words, firmware, tmp_path, program, number):
    with Marked([firmware, *story_words], cwd=tmp_path, script=BUILT) as command:
        command.until(lambda: command.pids(program))
        assert command.end(getattr(signal, number)) == ENDED[number]
        left_nothing(command)


@pytest.mark.parametrize(
    "number",
    [
        "SIGINT",
        pytest.param("SIGTERM", marks=pytest.mark.faults),
        pytest.param("SIGHUP", marks=pytest.mark.faults),
        "SIGKILL",
    ],
)
@pytest.mark.cloud
def test_while_the_story_is_told(story_words, firmware, tmp_path, number):
    with Marked([firmware, *story_words], cwd=tmp_path, script=BUILT) as command:
        command.until(lambda: "cloud │ first IN_PROGRESS" in command.said)
        assert (len(command.pids(QEMU)), len(command.pids(BROKER))) == (3, 1)
        killed = number == "SIGKILL"
        assert command.end(getattr(signal, number)) == (-9 if killed else ENDED[number])
        left_nothing(command, temporary=not killed)
        assert network.NETWORK_NEW in command.said
