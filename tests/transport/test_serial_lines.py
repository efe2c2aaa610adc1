"""Real lines: pseudo-terminals with lrzsz, with the model of a board, and with a plug that is pulled."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import select
import shutil
import subprocess
import threading
import time

import pytest
from boot_board import Board, Noise
from click.testing import CliRunner
from waiting import HANGS

from aos_ota_plugin.cli import receive as receive_verb
from aos_ota_plugin.cli import send as send_verb
from aos_ota_plugin.errors import OtaError
from aos_ota_plugin.transport.errors import TransferError
from aos_ota_plugin.transport.serial_port import SerialPort

pty = pytest.importorskip("pty", reason="pseudo-terminals are a POSIX thing")
tty = pytest.importorskip("tty", reason="pseudo-terminals are a POSIX thing")

DATA = random.Random(3).randbytes(70_001)


@pytest.fixture
def lrzsz(require_tool):
    require_tool("lrzsz", bool(shutil.which("rb") and shutil.which("sb")), "apt-get install lrzsz")


@pytest.fixture
def line():
    """A pseudo-terminal: the descriptor of the far end, and the path of the near one."""
    master, slave = pty.openpty()
    try:
        yield master, os.ttyname(slave)
    finally:
        os.close(slave)
        os.close(master)


def run(command, *arguments):
    result = CliRunner().invoke(command, [str(argument) for argument in arguments])
    if isinstance(result.exception, OtaError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


class Relay(threading.Thread):
    """Carries bytes between two pseudo-terminals, as a null-modem cable does, and adds noise both ways."""

    def __init__(self, one, other, noise):
        super().__init__(daemon=True)
        self.ends = {one: other, other: one}
        self.noise, self.over = noise, False

    def run(self):
        while not self.over:
            for end in select.select(list(self.ends), [], [], 0.05)[0]:
                with contextlib.suppress(OSError):
                    os.write(self.ends[end], self.noise(os.read(end, 4096)))


@pytest.fixture
def other_program(line, tmp_path):
    """Start a program on the other end of the line, on a terminal of its own."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    relays = []

    def start(*arguments, noise=bytes, cwd=tmp_path):
        relays.append(Relay(line[0], master, noise))
        relays[0].start()
        return subprocess.Popen(arguments, cwd=cwd, stdin=slave, stdout=slave, stderr=subprocess.PIPE)

    yield start
    for relay in relays:
        relay.over = True
        relay.join(5)
    os.close(slave)
    os.close(master)


@pytest.mark.parametrize("size", [1, 70_001])
def test_what_we_send_rb_receives(lrzsz, line, other_program, tmp_path, size):
    (tmp_path / "got").mkdir()
    (tmp_path / "image.bin").write_bytes(DATA[:size])
    with other_program("rb", "-b", cwd=tmp_path / "got") as other:
        run(send_verb.command, "--plain", "--port", line[1], tmp_path / "image.bin")
        assert other.wait(HANGS) == 0, other.stderr.read()
    assert (tmp_path / "got" / "image.bin").read_bytes() == DATA[:size]


@pytest.mark.parametrize("options", [(), ("-k",)])
def test_what_sb_sends_we_receive(lrzsz, line, other_program, tmp_path, options):
    (tmp_path / "a.bin").write_bytes(DATA)
    (tmp_path / "b.bin").write_bytes(b"second")
    with other_program("sb", "-b", *options, "a.bin", "b.bin") as other:
        report = json.loads(run(receive_verb.command, "--port", line[1], "-d", tmp_path / "got", "--json"))
        assert other.wait(HANGS) == 0, other.stderr.read()
    assert report["files"] == [
        {"name": "a.bin", "size": 70_001, "exact": True},
        {"name": "b.bin", "size": 6, "exact": True},
    ]
    assert (tmp_path / "got" / "a.bin").read_bytes() == DATA
    assert (tmp_path / "got" / "b.bin").read_bytes() == b"second"


def test_noise_between_sb_and_us_costs_time_and_no_bytes(lrzsz, line, other_program, tmp_path):
    (tmp_path / "a.bin").write_bytes(DATA)
    noise = Noise(seed=4, rate=1 / 30_000)
    with other_program("sb", "-b", "-k", "a.bin", noise=noise) as other:
        run(receive_verb.command, "--port", line[1], "-d", tmp_path / "got")
        other.wait(HANGS)
    assert noise.done >= 1
    assert (tmp_path / "got" / "a.bin").read_bytes() == DATA


def test_receive_overwrites_nothing(lrzsz, line, other_program, tmp_path):
    (tmp_path / "a.bin").write_bytes(b"new")
    (tmp_path / "got").mkdir()
    (tmp_path / "got" / "a.bin").write_bytes(b"old")
    with other_program("sb", "-b", "a.bin") as other:
        with pytest.raises(OtaError, match="a.bin is there already"):
            run(receive_verb.command, "--port", line[1], "-d", tmp_path / "got")
        other.wait(HANGS)
    assert (tmp_path / "got" / "a.bin").read_bytes() == b"old"


class LiveBoard(threading.Thread):
    """Runs the model of a board on a pseudo-terminal, three times as fast as a real one; its user resets it once it is asked."""

    def __init__(self, board, master):
        super().__init__(daemon=True)
        self.board, self.master, self.over = board, master, False

    def run(self):
        select.select([self.master], [], [])
        begin = time.monotonic()
        os.set_blocking(self.master, False)
        while not self.over:
            now = (time.monotonic() - begin) * 3
            try:
                self.board.inbox.extend((now, byte) for byte in os.read(self.master, 4096))
            except OSError:
                time.sleep(0.001)
            self.board.run(now)
            if self.board.outbox:
                self.board.outbox = self.board.outbox[os.write(self.master, self.board.outbox) :]


@pytest.fixture
def live_board(line):
    live = LiveBoard(Board(erase=0.2), line[0])
    yield live
    live.over = True
    live.join(5)


def test_send_writes_a_boards_flash(line, live_board, tmp_path):
    image = tmp_path / "ota_rtos.bin"
    image.write_bytes(DATA[:20_000])
    live_board.start()
    report = json.loads(
        run(send_verb.command, "--port", line[1], "--switch", "--reboot", "--json", "--address", "0xa000", image)
    )
    assert report == {
        "file": str(image),
        "size": 20_000,
        "address": "0xa000",
        "attempts": 1,
        "confirmed": True,
        "boots": "B",
    }
    assert live_board.board.partition("B")[:20_000] == DATA[:20_000]
    assert (live_board.board.active, live_board.board.sessions) == ("B", 1)


@pytest.mark.parametrize("content, kind", [(b"\xfd7zXZ\x00....", "an xz image"), (b"BSDIFF40....", "a diff")])
def test_send_refuses_what_no_board_boots(tmp_path, content, kind):
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(OtaError, match=f"this is {kind}") as caught:
        run(send_verb.command, "--port", tmp_path / "no port", tmp_path / "f")
    assert "send the ota_rtos.bin" in caught.value.remedy


def test_send_refuses_what_the_manifest_beside_it_does_not_describe(tmp_path):
    """As a build leaves it that was killed in the vendor's image step; --any-file writes it all the same."""
    (tmp_path / "ota_rtos_ota.bin").write_bytes(b"unsigned")
    words = (send_verb.command, "--port", tmp_path / "no port", tmp_path / "ota_rtos_ota.bin")
    with pytest.raises(OtaError, match="there is no manifest beside this file"):
        run(*words)
    with pytest.raises(TransferError, match="cannot open the port"):
        run(*words, "--any-file")


def test_a_port_that_is_not_there(tmp_path):
    (tmp_path / "f").write_bytes(b"x")
    with pytest.raises(
        TransferError, match=f"cannot open the port {re.escape(str(tmp_path / 'no port'))}: No such file or directory"
    ) as caught:
        run(send_verb.command, "--port", tmp_path / "no port", tmp_path / "f")
    assert "dialout" in caught.value.remedy
    assert CliRunner().invoke(send_verb.command, ["--plain", "--switch", "--port", "x", "f"]).exit_code == 2


def test_a_port_that_another_program_has(line):
    with SerialPort(line[1]), pytest.raises(TransferError, match="no other program|cannot open"):
        SerialPort(line[1])


def read_for_ever(port):
    while True:
        port.read(0.1)


def test_a_pulled_plug_is_waited_for(tmp_path):
    path, told = tmp_path / "port", []
    first, slave = pty.openpty()
    path.symlink_to(os.ttyname(slave))
    with SerialPort(str(path), reopen_seconds=HANGS, tell=told.append) as port:
        os.close(slave)
        os.close(first)
        path.unlink()
        second, slave = pty.openpty()
        threading.Timer(0.2, lambda: path.symlink_to(os.ttyname(slave))).start()
        deadline = time.monotonic() + HANGS
        while len(told) < 2 and time.monotonic() < deadline:
            port.read(0.1)
        assert told == [f"the port {path} went away; waiting for it", f"the port {path} is back"]
        os.write(second, b"hello")
        assert port.read(2) == b"hello"
        port.write(b"world")
        assert os.read(second, 10) == b"world"
        os.close(slave)
        os.close(second)
        path.unlink()
        port._reopen_seconds = 0.1
        with pytest.raises(TransferError, match="went away and did not come back"):
            read_for_ever(port)
