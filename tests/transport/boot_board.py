"""A model of a board in its second boot stage, its serial line, and noise on it; all in virtual time.

Written from the description of the boot stage, not from the code under test: the menu, the questions, and a receiver
that checks the CRC of a block but not its number, is silent on damage, and takes whatever follows for the next block.
"""

from __future__ import annotations

import random
import re
from collections import deque

CHARACTER = 10 / 115200
SECTOR = 0x1000


def crc16(data):
    """CRC-16/XMODEM, bit by bit."""
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = ((crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


class Board:
    """Flash of two banks of `bank_size` bytes, at 0x1000 and `gap` behind that. `run` goes on until the board waits."""

    def __init__(self, bank_size=0x8000, ab=True, announces=True, gap=0x1000, erase=2.0):
        self.banks = {"A": (0x1000, bank_size), "B": (0x1000 + bank_size + gap, bank_size)}
        self.flash = bytearray(b"\x00" * (0x1000 + 2 * bank_size + gap))
        self.ab, self.announces, self.erase = ab, announces, erase
        self.active = "A"
        self.resets = self.sessions = 0
        self.inbox = deque()
        self.outbox = bytearray()
        self.wake = 0.0
        self._program = self._power_on()
        self._wants_byte = False
        self._started = False

    def partition(self, letter):
        start, size = self.banks[letter]
        return bytes(self.flash[start : start + size])

    def run(self, now):
        while True:
            if not self._started:
                self._started, value = True, None
            elif self._wants_byte and self.inbox and self.inbox[0][0] <= now:
                value = self.inbox.popleft()[1]
            elif now >= self.wake:
                value = None
            else:
                return
            self._wants_byte, pause = self._program.send(value)
            self.wake = now + pause

    def next_event(self):
        return min(self.wake, self.inbox[0][0]) if self._wants_byte and self.inbox else self.wake

    def _say(self, text):
        self.outbox += text.encode()

    @staticmethod
    def _get(seconds):
        byte = yield True, seconds
        return byte

    @staticmethod
    def _sleep(seconds):
        yield False, seconds

    def _power_on(self):
        while True:
            self.resets += 1
            self._say("\r\nPress key 'w' to 2ndboot cli menu in 100ms.\r\n")
            for _ in range(100):
                if (yield from self._get(0.001)) == ord("w"):
                    yield from self._menu()
                    break
            else:
                self._say("application runs\r\n")
                yield from self._sleep(1e9)

    def _menu(self):
        usage = "2ndboot ver: 1\r\nPlease input 1-4 to select functions\r\n[1] Uart Ymodem Upgrade \r\n[h] Help\r\n"
        self._say(usage + "\r\naos boot# ")
        while True:
            byte = yield from self._get(1e9)
            if byte is None or byte == ord("w"):
                continue
            if byte in b"\r\n":
                self._say("\r\naos boot# ")
                continue
            self.outbox += bytes((byte,)) + b" \r\n"
            if byte == ord("1"):
                yield from self._upgrade()
            elif byte == ord("2"):
                self._say("Reboot \r\n")
                return
            elif byte == ord("3") and self.ab:
                self._say(f"{self.active} Boot .. \r\n")
            elif byte == ord("4") and self.ab:
                other = "AB".replace(self.active, "")
                self._say(f"Switch {self.active} to {other} Boot .. \r\n")
                self.active = other
            else:
                self._say(usage)
            self._say("\r\naos boot# ")

    def _upgrade(self):
        names = ("A", "B") if self.ab else ("OS ", "OTA")
        if self.announces:
            for name, (start, size) in zip(names, self.banks.values()):
                self._say(f"\r\n{name} part addr:0x{start:08x}, len:0x{size:08x}\n")
            if self.ab:
                free = self.banks["AB".replace(self.active, "")]
                self._say(f"\r\nNow running on {self.active}\n\r\nBackup part addr:0x{free[0]:08x}\n")
        self._say("\r\nPlease input flash addr: ")
        text = b""
        while len(text) < 64:
            byte = yield from self._get(1e9)
            if byte is None or byte == ord("w"):
                continue
            self.outbox.append(byte)
            if byte == 13:
                break
            text += bytes((byte,))
        self._say(f"\r\nflash addr: {text.decode('latin-1')} \n")
        number = re.match(rb"0[xX]([0-9a-fA-F]*)|([0-9]*)", text)
        address = int(number[1] or b"0", 16) if number[1] is not None else int(number[2] or b"0")
        if not address:
            self._say("\r\naddr is invalid!\n")
            return
        room = 0
        for start, size in self.banks.values():
            if start <= address <= start + size:  # the end counts too: at a common border it erases both
                self.flash[start : start + size] = b"\xff" * size
                room = size
        if not room:
            self._say(f"\r\naddr 0x{address:x} is err \n")
            return
        yield from self._sleep(self.erase)
        self._say("\r\nPlease start ymodem ... (press ctrl+c to cancel)\r\n")
        self.sessions += 1
        result, length = yield from self._receive(address, room)
        if result != "OK":
            while (yield from self._get(1e9)) is None:
                pass
            self._say(f"\r\n{result} !!!\n")
        else:
            self._say(f"\r\nRecv flash addr: 0x{address:08x}, len:0x{length:08x} OK \n")

    def _bytes(self, count, seconds):
        got = b""
        while len(got) < count:
            byte = yield from self._get(seconds)
            if byte is None:
                break
            got += bytes((byte,))
        return got

    def _receive(self, address, room):
        position, length, ended = address, 0, False
        while True:  # waiting for a name
            self.outbox += b"C"
            byte = None
            for _ in range(10):
                byte = yield from self._get(0.05)
                if byte is not None:
                    break
            if byte == 3:
                self._say("Abort\n")
                return "Ymodem recv file Err:-1", 0
            if byte not in (1, 2):
                continue
            raw = yield from self._bytes({1: 132, 2: 1028}[byte], 1.0)
            fields = raw[2:-2].split(b"\0")
            sound = (
                len(raw) in (132, 1028)
                and raw[:2] == b"\x00\xff"
                and crc16(raw[2:-2]) == int.from_bytes(raw[-2:], "big")
            )
            if not sound or not fields[0] or not re.match(rb"[1-9]", fields[1]):
                self.outbox += b"\x06"
                yield from self._sleep(0.2)
                if ended:
                    return "OK", length
                self.outbox += b"\x15" * 5
                return "Ymodem recv file Err:-1", 0
            length = int(re.match(rb"\d+", fields[1])[0])
            if length > room:
                self.outbox += b"\x06" + b"\x15" * 5
                return "file too big", 0
            self.outbox += b"\x06"
            yield from self._sleep(0.1)
            self.outbox += b"C"
            state = "data"
            while state != "ended":
                byte = yield from self._get(1e9)
                if state == "data" and byte in (1, 2):
                    size = {1: 128, 2: 1024}[byte]
                    raw = yield from self._bytes(size + 4, 1.0)
                    if (
                        len(raw) == size + 4
                        and raw[0] + raw[1] == 255
                        and crc16(raw[2:-2]) == int.from_bytes(raw[-2:], "big")
                    ):
                        keep = max(0, min(size, address + length - position))
                        self.flash[position : position + keep] = raw[2 : 2 + keep]
                        position += size
                        yield from self._sleep(0.002)
                        self.outbox += b"\x06"
                elif byte == 4:
                    self.outbox += b"\x15" if state == "data" else b"\x06"
                    state = "eot" if state == "data" else "ended"
            ended = True


class Noise:
    """Drops, changes and doubles bytes, each with probability `rate`, from a seed; at most `budget` of them."""

    def __init__(self, seed=0, rate=0.0, budget=1 << 30):
        self._random = random.Random(seed)
        self.rate, self.budget = rate, budget
        self.done = 0

    def __call__(self, data):
        out = bytearray()
        for byte in data:
            if self.done >= self.budget or self._random.random() >= self.rate:
                out.append(byte)
                continue
            self.done += 1
            fault = self._random.randrange(3)
            if fault == 1:
                out.append(byte ^ (1 << self._random.randrange(8)))
            elif fault == 2:
                out += bytes((byte, byte))
        return bytes(out)


class BoardLine:
    """The computer's end of the line to a board, as a `Line`."""

    def __init__(self, board, limit=20_000.0):
        self.board, self._to, self._from = board, bytes, bytes
        self._now, self._limit = 0.0, limit
        self._pending = b""
        self.sent = bytearray()

    def now(self):
        return self._now

    def pause(self, seconds):
        self._now += seconds
        self._collect()

    def _collect(self):
        self.board.run(self._now)
        if self.board.outbox:
            self._pending += self._from(bytes(self.board.outbox))
            self.board.outbox.clear()

    def read(self, seconds):
        end = self._now + seconds
        while True:
            self._collect()
            if self._pending:
                # What comes within a few milliseconds arrives as one piece, as a driver's buffer hands it over.
                data, self._pending = self._pending, b""
                return data
            assert self._now < self._limit, "this transfer never ends"
            event = self.board.next_event()
            if event > end:
                self._now = end
                return b""
            self._now = max(self._now, event)

    def write(self, data):
        self._collect()
        self._pending = b""
        self.sent += data
        for byte in self._to(data):
            self._now += CHARACTER
            self.board.inbox.append((self._now, byte))
