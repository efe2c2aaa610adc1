"""Our two ends of Ymodem against each other over a simulated line, and each against hand-made bytes."""

from __future__ import annotations

import random

import pytest
from boot_board import Noise, crc16
from hypothesis import given, settings
from hypothesis import strategies as st

from aos_ota_plugin.errors import FormatError, OtaError
from aos_ota_plugin.files.read import IMAGE_MAX
from aos_ota_plugin.transport.blocks import Announced, announcement, block, is_sound, read_announcement
from aos_ota_plugin.transport.errors import LostBytesError, TransferError
from aos_ota_plugin.transport.line import receive, send
from aos_ota_plugin.transport.receiver import Received, Receiver
from aos_ota_plugin.transport.sender import Sender, State

ACK, NAK, EOT, CAN, C = b"\x06", b"\x15", b"\x04", b"\x18", b"C"
DATA = random.Random(2).randbytes(3000)
GOODBYE = b"\x01\x00\xff" + bytes(130)


def by_hand(number, data):
    start = {128: 1, 1024: 2}[len(data)]
    return bytes((start, number, 255 - number)) + data + crc16(data).to_bytes(2, "big")


def header(text):
    return by_hand(0, text.ljust(128, b"\0"))


@given(st.integers(0, 1000), st.one_of(st.binary(min_size=128, max_size=128), st.binary(min_size=1024, max_size=1024)))
def test_blocks_are_as_written_by_hand(number, data):
    raw = block(number, data)
    assert raw == by_hand(number & 0xFF, data)
    assert is_sound(raw)
    assert not is_sound(raw[:-1] + bytes((raw[-1] ^ 1,)))


@given(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=30),
    st.one_of(st.none(), st.integers(0, 2**32)),
)
def test_announcement_round_trip(name, size):
    raw = announcement(Announced(name, size))
    assert read_announcement(raw[3:-2]) == Announced(name, size)
    assert raw == header(name.encode() + b"\0" + (b"" if size is None else str(size).encode()) + b"\0")


@pytest.mark.parametrize(
    "name, message",
    [
        ("", "the name '' cannot be sent"),
        ("a\0b", r"the name 'a\x00b' cannot be sent"),
        ("n" * 124, "too long for Ymodem's first block of 128 bytes"),
    ],
)
def test_names_that_cannot_be_announced(name, message):
    with pytest.raises(FormatError) as caught:
        Sender(name, bytes(100))
    assert message in str(caught.value)
    assert caught.value.remedy


def test_lrzsz_announces_more_than_a_size():
    assert read_announcement(b"f.bin\x0012345 14663212351 100644 0 1 0\0".ljust(128, b"\0")) == Announced(
        "f.bin", 12345
    )
    assert read_announcement(bytes(128)) is None
    assert read_announcement(bytes(127) + b"\x01") is None


class Pair:
    """Two ends and the noise between them, in virtual time; `Line` for one, the other is stepped by it."""

    def __init__(self, sender, receiver, noise):
        self.ends = {"s": sender, "r": receiver}
        self.noise = noise
        self.inbox = {"s": b"", "r": b""}

    def run(self):
        sender, receiver = self.ends["s"], self.ends["r"]
        self.inbox["s"] += self.noise(receiver.start())
        clock = {"s": 0.0, "r": 0.0}
        for _ in range(5000):
            if sender.done and receiver.done:
                return
            moved = False
            for me, other in (("s", "r"), ("r", "s")):
                if self.inbox[me] and not (me == "s" and sender.done):
                    data, self.inbox[me] = self.inbox[me], b""
                    clock[me] = 0.0
                    answer = self.ends[me].feed(data)
                    moved = True
                    if answer:
                        self.inbox[me] = b""
                        self.inbox[other] += self.noise(answer)
            if not moved:
                waiting = [me for me in "sr" if not self.ends[me].done]
                if not waiting or sender.done:
                    return
                me = min(waiting, key=lambda one: self.ends[one].patience - clock[one])
                step = self.ends[me].patience - clock[me]
                for one in "sr":
                    clock[one] += step
                clock[me] = 0.0
                answer = self.ends[me].time_out()
                if answer:
                    self.inbox["r" if me == "s" else "s"] += self.noise(answer)
        raise AssertionError("this transfer never ends")


@settings(max_examples=50)
@given(st.binary(max_size=5000))
def test_what_is_sent_arrives(data):
    sender, receiver = Sender("名.bin", data), Receiver()
    Pair(sender, receiver, Noise()).run()
    assert receiver.files == [Received("名.bin", data)]
    assert (sender.done, receiver.done, sender.acknowledged) == (True, True, len(data))


@pytest.mark.parametrize("rate, least", [(0.00005, 99), (0.0005, 85), (0.005, 0)])
def test_noise_costs_time_and_never_bytes(rate, least):
    arrived = 0
    for seed in range(100):
        sender, receiver = Sender("f", DATA), Receiver()
        try:
            Pair(sender, receiver, Noise(seed, rate)).run()
        except OtaError as error:
            assert error.remedy
        if sender.done and receiver.files:
            arrived += 1
            assert receiver.files[0].data == DATA
    assert arrived >= least


def fed(end, *pieces):
    return [end.feed(piece) for piece in pieces]


def test_the_senders_whole_conversation():
    sender = Sender("f", DATA)
    out = fed(sender, b"noise", C, ACK, C, ACK, NAK, ACK, ACK, NAK, ACK, C, ACK)
    last = DATA[2048:].ljust(1024, b"\x1a")
    assert out == [
        b"",
        header(b"f\x003000\0"),
        b"",
        by_hand(1, DATA[:1024]),
        by_hand(2, DATA[1024:2048]),
        by_hand(2, DATA[1024:2048]),
        by_hand(3, last),
        EOT,
        EOT,
        b"",
        GOODBYE,
        b"",
    ]
    assert sender.done
    assert sender.feed(b"\r\nthanks") == b""
    assert sender.leftover == b"\r\nthanks"


def test_a_doubled_answer_counts_once():
    sender = Sender("f", DATA)
    fed(sender, C, ACK + C)
    assert sender.feed(ACK + ACK) == by_hand(2, DATA[1024:2048])


@pytest.mark.parametrize("received", [NAK, C, b"\x07", ACK + b"x", CAN])
def test_a_boot_stages_doubtful_answer_to_a_block_ends_the_attempt(received):
    sender = Sender("f", DATA, resend=False)
    fed(sender, C, ACK + C)
    with pytest.raises(LostBytesError, match="after 0 of 3000 bytes"):
        sender.feed(received)


@pytest.mark.parametrize("received", [[], [C], [ACK], [ACK, C], [C, ACK]])
def test_a_boot_stage_that_falls_silent_ends_the_attempt(received):
    sender = Sender("f", DATA, resend=False)
    sender.feed(C)
    fed(sender, *received)
    with pytest.raises(LostBytesError):
        sender.time_out()


def test_a_boot_stage_that_refuses_the_name_ends_the_attempt():
    for answer in (ACK + NAK * 5, NAK, C * 3):
        sender = Sender("f", DATA, resend=False)
        sender.feed(C)
        with pytest.raises(LostBytesError, match="the file's name"):
            sender.feed(answer)


def test_the_sender_gives_up():
    with pytest.raises(TransferError, match="waited for the receiver's request, after 0 of 3000"):
        Sender("f", DATA).time_out()
    sender = Sender("f", DATA)
    fed(sender, C, ACK + C)
    assert [sender.time_out() for _ in range(9)] == [by_hand(1, DATA[:1024])] * 9
    with pytest.raises(TransferError, match="waited for the answer to a block"):
        sender.time_out()
    with pytest.raises(TransferError, match="the receiver gave up after 0 of 3000 bytes"):
        fed(Sender("f", DATA), C, CAN, CAN)


def test_a_lost_farewell_is_no_failure():
    sender = Sender("f", b"x")
    fed(sender, C, ACK + C, ACK, ACK + C)
    assert sender.state is State.END
    assert [sender.time_out() for _ in range(2)] == [GOODBYE, b""]
    assert sender.done


def test_the_receivers_whole_conversation():
    receiver = Receiver()
    assert receiver.start() == C
    one, two = by_hand(1, DATA[:1024]), by_hand(2, DATA[1024:2048])
    out = fed(
        receiver,
        header(b"a\x001100 7 8\0"),
        header(b"a\x001100\0"),
        one,
        one,
        two[:500],
        two[500:],
        EOT,
        EOT,
        EOT,
        header(b"b\0"),
        by_hand(1, bytes(128)),
        EOT,
        EOT,
        GOODBYE,
        GOODBYE,
    )
    assert out == [ACK + C, ACK + C, ACK, ACK, b"", ACK, NAK, ACK + C, ACK + C, ACK + C, ACK, NAK, ACK + C, ACK, ACK]
    assert receiver.files == [Received("a", DATA[:1100]), Received("b", bytes(128), exact=False)]
    assert receiver.done


def test_damage_is_asked_for_again_when_the_line_is_quiet():
    receiver = Receiver()
    receiver.feed(header(b"a\x001024\0"))
    damaged = bytearray(by_hand(1, DATA[:1024]))
    damaged[500] ^= 4
    assert fed(receiver, bytes(damaged), EOT, EOT) == [b"", b"", b""]
    assert receiver.time_out() == NAK
    assert receiver.feed(by_hand(1, DATA[:1024])[:-1]) == b""
    assert receiver.time_out() == NAK
    assert receiver.feed(by_hand(1, DATA[:1024])) == ACK
    assert fed(receiver, EOT, EOT) == [NAK, ACK + C]
    assert receiver.files[0].data == DATA[:1024]


def test_a_block_whose_number_is_damaged_is_asked_for_again():
    receiver = Receiver()
    receiver.feed(header(b"a\x001024\0"))
    damaged = bytearray(by_hand(1, DATA[:1024]))
    damaged[1] ^= 4  # the CRC does not cover it, its complement behind it does
    assert receiver.feed(bytes(damaged)) == b""
    assert receiver.time_out() == NAK
    assert receiver.feed(by_hand(1, DATA[:1024])) == ACK


def test_a_single_cancel_is_noise():
    receiver = Receiver()
    assert receiver.feed(CAN + b"x") == b""
    assert receiver.time_out() == C


@pytest.mark.parametrize(
    "pieces, message",
    [
        ([header(b"a\x005000\0"), by_hand(2, bytes(1024))], "block 2 came where 1 was expected"),
        ([header(b"a\x0010\0"), by_hand(1, bytes(128)), by_hand(2, bytes(128))], "more bytes of 'a' than it announced"),
        ([header(b"a\x005000\0"), by_hand(1, bytes(1024)), EOT, EOT], "'a' ended after 1024 of 5000 bytes"),
        ([header(b"a\0" + str(IMAGE_MAX + 1).encode())], "'a' has 134217729 bytes; at most 134217728 are received"),
        ([CAN + CAN], "the sender gave up"),
        ([bytes(1000)] * 66, "the line carries bytes, but no Ymodem"),
    ],
)
def test_bad_senders(pieces, message):
    receiver = Receiver()
    with pytest.raises(OtaError, match=message) as caught:
        fed(receiver, *pieces)
    assert caught.value.remedy


def test_a_sender_that_stays_away():
    receiver = Receiver()
    assert {receiver.time_out() for _ in range(19)} == {C}
    with pytest.raises(TransferError, match="the sender is silent, before a file began"):
        receiver.time_out()


@settings(max_examples=300)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.sampled_from(
                [
                    ACK,
                    NAK,
                    EOT,
                    CAN,
                    C,
                    header(b"a\x00999\0"),
                    by_hand(1, bytes(1024)),
                    by_hand(0, bytes(1024)),
                    GOODBYE,
                    None,
                ]
            ),
        ),
        max_size=25,
    ),
    st.sampled_from(["receiver", "sender", "careful"]),
)
def test_any_input_is_survived(pieces, which):
    end = Receiver() if which == "receiver" else Sender("f", DATA, resend=which == "sender")
    try:
        for piece in pieces:
            answer = end.time_out() if piece is None else end.feed(piece)
            assert isinstance(answer, bytes)
            assert end.patience > 0
    except OtaError as error:
        assert error.remedy


class Script:
    """A `Line` that answers from a list, and remembers what was written."""

    def __init__(self, answers):
        self.answers, self.written, self.clock = list(answers), [], 0.0

    def now(self):
        return self.clock

    def pause(self, seconds):
        self.clock += seconds

    def read(self, seconds):
        answer = self.answers.pop(0) if self.answers else b""
        self.clock += 0.01 if answer else seconds
        if answer is KeyboardInterrupt:
            raise KeyboardInterrupt
        return answer

    def write(self, data):
        self.written.append(data)


def test_sessions_over_a_line():
    line = Script([C, ACK + C, ACK, NAK, ACK + C, ACK])
    progress = []
    send(line, Sender("f", b"x"), progress.append)
    assert line.written == [header(b"f\x001\0"), by_hand(1, b"x".ljust(1024, b"\x1a")), EOT, EOT, GOODBYE]
    assert progress[-1] == 1
    line = Script([header(b"f\x001\0"), by_hand(1, b"x".ljust(1024, b"\x1a")), EOT, EOT, GOODBYE, GOODBYE])
    receiver = Receiver()
    receive(line, receiver, progress.append)
    assert line.written == [C, ACK + C, ACK, NAK, ACK + C, ACK, ACK]
    assert receiver.files == [Received("f", b"x")]


def test_an_interrupted_end_tells_the_other():
    for run, answers in (
        (lambda line: send(line, Sender("f", b"x"), print), [KeyboardInterrupt]),
        (lambda line: receive(line, Receiver(), print), [KeyboardInterrupt]),
    ):
        line = Script(answers)
        with pytest.raises(KeyboardInterrupt):
            run(line)
        assert line.written[-1] == CAN * 5
    line = Script([header(b"f\x009999999999\0")])
    with pytest.raises(TransferError):
        receive(line, Receiver(), print)
    assert line.written[-1] == CAN * 5


def test_endless_noise_does_not_hold_up_a_time_out():
    class Chatter(Script):
        def read(self, seconds):
            self.clock += 0.1
            return b"log line\r\n"

    with pytest.raises(TransferError, match="the receiver did not answer"):
        send(Chatter([]), Sender("f", b"x"), print)
