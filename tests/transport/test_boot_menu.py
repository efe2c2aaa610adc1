"""The boot menu's dialogue against the model of a board: the plain way, refusals, and every kind of noise."""

from __future__ import annotations

import random

import pytest
from boot_board import Board, BoardLine, Noise

from aos_ota_plugin.transport import boot_menu
from aos_ota_plugin.transport.errors import TransferError

DATA = random.Random(1).randbytes(5000)


def entered(board):
    line = BoardLine(board)
    boot_menu.enter(line)
    return line


def write(line, name, data, address=None, on_progress=lambda sent: None, tell=lambda text: None):
    return boot_menu.write_file(line, boot_menu.Upload(name, data, address), on_progress, tell)


def test_a_file_reaches_the_free_bank():
    board = Board()
    line = entered(board)
    seen = []
    written = write(line, "ota_rtos.bin", DATA, on_progress=seen.append)
    assert (written.address, written.attempts, written.confirmed) == (0xA000, 1, True)
    assert board.partition("B") == DATA.ljust(0x8000, b"\xff")
    assert board.partition("A") == bytes(0x8000)
    assert seen == sorted(seen)
    assert {1024, 4096, 5000} <= set(seen)


def test_what_goes_over_the_line():
    board = Board()
    line = entered(board)
    line.sent.clear()
    write(line, "f.bin", b"Z" * 1025, address=0x1000)
    header = b"f.bin\x001025\x00".ljust(128, b"\0")
    blocks = [b"Z" * 1024, b"Z".ljust(1024, b"\x1a")]
    from boot_board import crc16

    expected = b"1\r1" + b"0x1000\r" + b"\x01\x00\xff" + header + crc16(header).to_bytes(2, "big")
    for number, data in enumerate(blocks, 1):
        expected += bytes((2, number, 255 - number)) + data + crc16(data).to_bytes(2, "big")
    assert bytes(line.sent) == expected + b"\x04\x04" + b"\x01\x00\xff" + bytes(130)
    assert board.partition("A") == (b"Z" * 1025).ljust(0x8000, b"\xff")


def test_bank_switch_and_reboot():
    board = Board()
    line = entered(board)
    assert boot_menu.bank(line) == "A"
    assert boot_menu.switch(line) == "B"
    assert boot_menu.bank(line) == "B"
    assert write(line, "f", DATA).address == 0x1000
    boot_menu.reboot(line)
    line.read(0.001)
    assert board.resets == 2


@pytest.mark.parametrize(
    "board, address",
    [(Board(ab=False), None), (Board(announces=False), 0xA000), (Board(), 0xB000), (Board(bank_size=0xCB000), 0xCD000)],
)
def test_other_boards_and_explicit_addresses(board, address):
    line = entered(board)
    written = write(line, "f", DATA, address=address)
    assert board.flash[written.address : written.address + len(DATA)] == DATA


def test_the_menu_is_found_from_anywhere():
    board = Board()
    line = entered(board)
    for stuck in (b"", b"1", b"10xa000\r", b"1" * 3):
        line.write(stuck)
        line.read(5)
        boot_menu.enter(line)
        assert boot_menu.bank(line) == "A"
    assert board.resets == 1


@pytest.mark.parametrize(
    "call, message, remedy",
    [
        (
            lambda line: write(line, "f", DATA, address=0x20000),
            "0x20000 is in none of the board's firmware partitions: A 0x1000 to 0x9000, B 0xa000 to 0x12000",
            "--address",
        ),
        (
            lambda line: write(line, "f", bytes(0x8001)),
            "the file has 32769 bytes; at 0xa000 there is room for 32768",
            "ota_rtos.bin",
        ),
        (lambda line: write(line, "f", DATA, address=0x11FFF), "at 0x11fff there is room for 1", "ota_rtos.bin"),
        (lambda line: write(line, "f", b""), "the file is empty", "another file"),
    ],
)
def test_refused_before_anything_is_erased(call, message, remedy):
    board = Board()
    line = entered(board)
    with pytest.raises(TransferError) as caught:
        call(line)
    assert message in caught.value.problem
    assert remedy in caught.value.remedy
    assert bytes(board.flash) == bytes(len(board.flash))
    assert boot_menu.bank(line) == "A"  # the menu is usable


def test_refused_by_the_board():
    line = entered(Board(announces=False))
    with pytest.raises(TransferError, match="the board refuses 0x20000: addr 0x20000 is err"):
        write(line, "f", DATA, address=0x20000)
    with pytest.raises(TransferError, match="does not say which partition is free"):
        write(line, "f", DATA)
    assert boot_menu.bank(line) == "A"
    with pytest.raises(TransferError, match="did not say which bank boots"):
        boot_menu.bank(entered(Board(ab=False)))


def test_a_border_that_erases_both_banks_is_told():
    told = []
    board = Board(gap=0)
    write(entered(board), "f", DATA, tell=told.append)
    assert told == ["0x9000 is also where A ends, and this boot stage then erases both: do not interrupt it"]
    assert board.partition("B")[:5000] == DATA


def test_a_silent_board_is_a_clear_error():
    line = BoardLine(Board())
    while b"application runs" not in line.read(1):
        pass
    start = line.now()
    with pytest.raises(TransferError) as caught:
        boot_menu.enter(line, seconds=5)
    assert str(caught.value) == (
        "the board did not show its boot menu within 5 s\n"
        "  fix: reset the board while this command waits, and check the port and its --baud"
    )
    assert 5 <= line.now() - start < 8


class Once:
    """Loses the bytes at one place of what goes one way."""

    def __init__(self, place, count=1):
        self.place, self.count, self.seen = place, count, 0

    def __call__(self, data):
        kept = bytes(
            byte for index, byte in enumerate(data, self.seen) if not self.place <= index < self.place + self.count
        )
        self.seen += len(data)
        return kept


def test_a_lost_answer_is_never_answered_by_the_same_block_again():
    """The boot stage would write it twice."""
    board = Board()
    line = entered(board)
    line._from = lambda data, lose=[3]: (
        b"" if data == b"\x06" and board.sessions == 1 and (lose.append(lose.pop() - 1) or lose[0] == 0) else data
    )
    told = []
    written = write(line, "f", DATA, tell=told.append)
    assert (written.attempts, board.sessions) == (2, 2)
    assert board.partition("B")[:5000] == DATA
    assert told == [
        "no answer came while waiting for the answer to a block, after 1024 of 5000 bytes; starting again (2 of 5)"
    ]


@pytest.mark.parametrize("place", [0, 3, 10, 20, 140, 141, 145, 600, 1170, 1180, 3000, 6300])
@pytest.mark.parametrize("count", [1, 40])
def test_lost_bytes_on_the_way_there(place, count):
    board = Board()
    line = entered(board)
    line._to = Once(place, count)
    written = write(line, "f", DATA)
    assert board.flash[written.address : written.address + 5000] == DATA


@pytest.mark.parametrize("place", range(0, 420, 7))
def test_lost_bytes_on_the_way_back(place):
    board = Board()
    line = entered(board)
    line._from = Once(place)
    written = write(line, "f", DATA)
    assert board.flash[written.address : written.address + 5000] == DATA


@pytest.mark.parametrize("rate, least", [(0.00002, 48), (0.0001, 42), (0.0005, 3), (0.002, 0)])
def test_success_means_that_the_flash_is_right(rate, least):
    """Whatever the noise does, there is never a success with another flash, and a little noise is no failure."""
    successes = 0
    for seed in range(50):
        board = Board()
        line = entered(board)
        line._to, line._from = Noise(seed, rate), Noise(seed + 1000, rate)
        try:
            written = write(line, "f", DATA)
        except TransferError as error:
            assert error.remedy
        else:
            successes += 1
            assert board.flash[written.address : written.address + 5000] == DATA
            assert line._to.done + line._from.done or written.attempts == 1
    assert successes >= least


def test_a_hopeless_line_ends():
    board = Board()
    line = entered(board)
    line._to = Noise(7, 0.05)
    with pytest.raises(TransferError, match=r"bytes got lost|does not come back") as caught:
        write(line, "f", DATA)
    assert "lower --baud" in caught.value.remedy or "reset the board" in caught.value.remedy
