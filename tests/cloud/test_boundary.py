"""What comes in from devices ends nothing and fills nothing: the inbox, its log, its limits, the database's errors."""

import sqlite3
from types import SimpleNamespace

import pytest

from aos_ota_plugin.cloud.database_errors import database_error, is_damaged
from aos_ota_plugin.cloud.event_log import BURST, EventLog
from aos_ota_plugin.cloud.inbox import Inbox
from aos_ota_plugin.cloud.message_rate import BURST as MESSAGES
from aos_ota_plugin.cloud.message_rate import PER_SECOND, MessageRate
from aos_ota_plugin.errors import BusyError, FormatError, OutputError

INFORM = "/ota/device/inform/pk/dn"


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Raises:
    """A message whose topic cannot be decoded, as paho's is that is not UTF-8."""

    payload = b""

    @property
    def topic(self):
        raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x")


@pytest.fixture
def scene():
    lines, heard, failed, clock = [], [], [], Clock()

    def handle(topic, payload):
        heard.append(payload)
        error = {b"format": FormatError("bad"), b"fault": KeyError("secret"), b"sqlite": sqlite3.OperationalError("x")}
        if payload in error:
            raise error[payload]

    inbox = Inbox(handle, EventLog(lines.append, clock), failed.append, MessageRate(clock))

    def receive(payload, topic=INFORM):
        inbox.receive(SimpleNamespace(topic=topic, payload=payload))

    return SimpleNamespace(inbox=inbox, lines=lines, heard=heard, failed=failed, clock=clock, receive=receive)


def test_whatever_a_message_raises_the_next_one_is_heard(scene):
    for payload in (b"format", b"fault", b"sqlite", b"good"):
        scene.receive(payload)
    scene.inbox.receive(Raises())
    assert scene.heard == [b"format", b"fault", b"sqlite", b"good"]
    assert len(scene.failed) == 1
    passed, fault, topic = scene.lines
    assert passed == f"a message on {INFORM} was passed over: bad"
    assert fault.startswith("a fault of aos_ota_plugin was caught: KeyError at test_boundary.py:")
    assert "secret" not in fault
    assert "UnicodeDecodeError" in topic


def test_messages_that_are_passed_over_are_counted_and_do_not_fill_the_log(scene):
    for _ in range(BURST + 490):
        scene.receive(b"format")
    assert len(scene.lines) == BURST
    scene.clock.now = 61
    scene.receive(b"format")
    assert scene.lines[BURST] == "490 more in the last minute: messages passed over"
    assert len(scene.lines) == BURST + 2


def test_a_device_that_floods_is_passed_over_and_others_are_not(scene):
    for _ in range(MESSAGES + 5):
        scene.receive(b"good")
    assert len(scene.heard) == MESSAGES
    assert scene.lines == [f"a message on {INFORM} was passed over: the device sends too many"] * 5
    scene.receive(b"other", INFORM + "2")
    scene.clock.now = 1 / PER_SECOND
    scene.receive(b"later")
    scene.receive(b"too many")
    assert scene.heard[MESSAGES:] == [b"other", b"later"]


def test_devices_without_a_message_for_long_are_forgotten(monkeypatch):
    clock = Clock()
    rate = MessageRate(clock)
    monkeypatch.setattr("aos_ota_plugin.cloud.message_rate._DEVICES", 3)
    for name in "abc":
        rate.takes("pk", name)
    clock.now = 1.0
    rate.takes("pk", "d")
    assert list(rate._tokens) == [("pk", "d")]


def test_a_state_that_lasts_is_one_line():
    lines = []
    log = EventLog(lines.append)
    for _ in range(3):
        log.begin("database", "full")
    log.end("database", "well")
    log.end("database", "well")
    log.begin("database", "full")
    assert lines == ["full", "well", "full"]


def test_what_a_terminal_would_act_on_is_escaped_in_the_log():
    lines = []
    log = EventLog(lines.append)
    log.tell("登录 \x1b[2J\x9b\u202e\nforged")
    assert lines == [r"登录 \x1b[2J\x9b\u202e\nforged"]
    assert log.lines()[0].endswith(lines[0])


@pytest.mark.parametrize("error", [BrokenPipeError(), UnicodeEncodeError("ascii", "x", 0, 1, "y")])
def test_a_console_that_is_gone_ends_nothing(error):
    def tell(line):
        raise error

    log = EventLog(tell)
    log.tell("kept for the page")
    assert log.lines()[0].endswith("kept for the page")


@pytest.mark.parametrize(
    "text, free, kind, remedy",
    [
        ("database is locked", 10**9, BusyError, "end the program that holds it"),
        ("database or disk is full", 10**9, OutputError, "make room"),
        ("disk I/O error", 100, OutputError, "make room"),
        ("disk I/O error", 10**9, OutputError, "file system are sound"),
        ("attempt to write a readonly database", 10**9, OutputError, "writable"),
        ("database disk image is malformed", 10**9, FormatError, "restore a copy"),
        ("file is not a database", 100, FormatError, "restore a copy"),
    ],
)
def test_each_trouble_of_the_database_has_its_own_remedy(tmp_path, monkeypatch, text, free, kind, remedy):
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free))
    problem = database_error(sqlite3.OperationalError(text), tmp_path / "cloud.sqlite")
    assert type(problem) is kind
    assert remedy in problem.remedy
    assert text in problem.problem
    assert is_damaged(sqlite3.OperationalError(text)) == (kind is FormatError)
