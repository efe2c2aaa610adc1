"""The demo's Ymodem sender, compiled for this computer, against lrzsz's rb and against receivers that go wrong."""

import random
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from waiting import HANGS

import aos_ota_plugin
from aos_ota_plugin.transport.receiver import Receiver

pytestmark = pytest.mark.native
YMODEM = Path(aos_ota_plugin.__file__).parent / "demo/workspace/components/ymodem"
OK, SILENT, REFUSED, TRIES, SOURCE = range(5)


@pytest.fixture(scope="module")
def sender(tmp_path_factory):
    program = tmp_path_factory.mktemp("sender") / "sender"
    subprocess.run(
        [
            "cc",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-std=gnu11",
            "-I",
            YMODEM / "include",
            "-o",
            program,
            YMODEM / "ymodem.c",
            Path(__file__).with_name("ymodem_host.c"),
        ],
        check=True,
    )
    return program


def started(sender, folder, data, size=None):
    file = folder / "image.bin"
    file.write_bytes(data)
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sender, file, str(len(data) if size is None else size)], stdin=theirs, stdout=theirs
        )
    return process, ours


@pytest.mark.parametrize("size", [1, 128, 129, 1024, 1025, 300_001])
def test_rb_receives_what_was_sent(sender, tmp_path, size):
    """300001 bytes: the block's number comes round."""
    assert shutil.which("rb"), "lrzsz is needed"
    data = random.Random(size).randbytes(size)
    process, line = started(sender, tmp_path, data)
    folder = tmp_path / "mcu"
    folder.mkdir()
    with line:
        done = subprocess.run(
            ["rb", "--ymodem", "-q"],
            cwd=folder,
            stdin=line,
            stdout=line,
            stderr=subprocess.PIPE,
            timeout=HANGS,
            check=False,
        )
    assert (process.wait(HANGS), done.returncode) == (OK, 0), done.stderr
    assert (folder / "mcu.bin").read_bytes() == data


def answered(line, answers):
    """Give the first answer, each other one after what was sent upon the one before; the number of blocks and EOTs."""
    sent = b""
    for number, answer in enumerate(answers):
        if number:
            sent += line.recv(65536)
        line.sendall(answer)
    line.shutdown(socket.SHUT_WR)
    sent += b"".join(iter(lambda: line.recv(65536), b""))
    blocks = 0
    while sent.strip(b"\x18"):
        sent, blocks = sent[{1: 133, 2: 1029, 4: 1}[sent[0]] :], blocks + 1
    return blocks


@pytest.mark.parametrize(
    "answers, verdict, blocks",
    [
        ([b""], SILENT, 0),
        ([b"\x18\x18"], REFUSED, 0),
        ([b"C\x18\x18"], REFUSED, 0),
        ([b"C", b"\x18\x18\x18"], REFUSED, 1),
        ([b"C", b"\x06C", b"\x06", b"\x18\x18"], REFUSED, 3),
        ([b"C"] + [b"\x15"] * 10, TRIES, 10),
        ([b"CC\x18\x18\x18?C", b"\x18\x18"], REFUSED, 1),
        ([b"C" * 40, b"\x06C"] + [b"\x15"] * 10, TRIES, 11),
        ([b"C"], SILENT, 10),
        ([b"C", b"\x06C", b"\x06"], SILENT, 12),
        ([b"C", b"\x06C", b"\x06", b"\x06", b"\x06"], SILENT, 14),
    ],
    ids=lambda one: repr(one)[:60],
)
def test_a_receiver_that_goes_wrong_ends_it(sender, tmp_path, answers, verdict, blocks):
    process, line = started(sender, tmp_path, bytes(3000))
    with line:
        assert answered(line, answers) == blocks
        assert process.wait(HANGS) == verdict


def test_a_line_that_never_rests_ends_it(sender, tmp_path):
    process, line = started(sender, tmp_path, bytes(3000))
    with line:
        line.sendall(b"C" * 20_000)
        assert process.wait(HANGS) == SILENT


def test_a_file_that_ends_early_is_cancelled(sender, tmp_path):
    process, line = started(sender, tmp_path, bytes(1500), size=3000)
    with line:
        for answer in (b"C", b"\x06C", b"\x06"):
            line.sendall(answer)
            sent = line.recv(65536)
        assert process.wait(HANGS) == SOURCE
    assert sent == b"\x18" * 5


def test_our_receiver_asks_again_for_a_damaged_block(sender, tmp_path):
    data = random.Random(7).randbytes(5000)
    process, line = started(sender, tmp_path, data)
    receiver, damaged = Receiver(), False
    with line:
        line.sendall(receiver.start())
        while not receiver.done:
            line.settimeout(receiver.patience)
            try:
                received = bytearray(line.recv(65536))
            except socket.timeout:
                line.sendall(receiver.time_out())
                continue
            if len(receiver.files) == 0 and receiver.received_size == 2048 and not damaged:
                received[-1] ^= 1
                damaged = True
            line.sendall(receiver.feed(bytes(received)))
        assert process.wait(HANGS) == OK
    assert damaged
    assert [file.data for file in receiver.files] == [data]
