"""The serial menu of the vendor's second boot stage: write a file, show or switch the bank, reboot.

Within 100 ms of a reset the boot stage listens for ``w`` and then shows ``aos boot#``. ``1`` names the partitions and
asks ``Please input flash addr:``; after an address and a carriage return it erases, sends ``C`` repeatedly, and
receives one file with Ymodem. ``3`` shows the A/B bank, ``4`` switches it, ``2`` reboots. ``w`` does nothing inside
the menu.

It checks each block's CRC and nothing else (see ``sender``), so after any doubt the file is sent again from the start.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Callable, Dict, List, Optional, Pattern, Tuple

from aos_ota_plugin.transport.errors import LostBytesError, TransferError
from aos_ota_plugin.transport.line import Line, send
from aos_ota_plugin.transport.sender import Sender

PROMPT = re.compile(r"aos boot#")
ATTEMPTS = 5
ENTER_SECONDS = 60.0
_KEY_EVERY = 0.02
_RETURN_EVERY = 3.0
_REPLY = 5.0
_ERASE = 180.0
_VERDICT = 10.0
_RECOVER = 60.0
_QUIET = 0.3
_BLOCK_GIVES_UP = 4.0
_TEXT_MAX = 64 * 1024

_REQUESTS = re.compile(r"CC")  # two: an echoed address, which is sent in lower case, is not mistaken for requests
_ASKS = re.compile(r"input flash addr:")
_PARTITION = re.compile(r"(?<!\w)(\w+)\s+part addr:\s*0x([0-9a-fA-F]{8}),\s*len:\s*0x([0-9a-fA-F]{8})\b")
_BACKUP = re.compile(r"Backup part addr:\s*0x([0-9a-fA-F]{8})\b")
_ECHOED_ADDRESS = re.compile(r"\nflash addr: (\S*)")
_REFUSAL = re.compile(r"addr is invalid|addr 0x[0-9a-fA-F]+ is err|erase err|Get Flash info err")
_VERDICT_TEXT = re.compile(r"Recv flash addr: 0x([0-9a-fA-F]{1,8}), len:0x([0-9a-fA-F]{1,8}) OK")
_FAILED = re.compile(r"file too big|recv file Err")
_BANK = re.compile(r"\b([AB]) Boot \.\.")
_SWITCHED = re.compile(r"Switch [AB] to ([AB]) Boot")


@dataclass(frozen=True)
class Upload:
    """A file to write at `address`; None is the bank that does not run.

    It is sent at most `attempts` times.
    """

    name: str
    data: bytes = field(repr=False)
    address: Optional[int] = None
    attempts: int = ATTEMPTS


@dataclass(frozen=True)
class Written:
    """The result of a transfer: the address, and the attempts it took.

    `confirmed` tells whether the boot stage reported the same address and length.
    """

    address: int
    attempts: int
    confirmed: bool


def enter(line: Line, *, seconds: float = ENTER_SECONDS) -> None:
    """Reach the menu's prompt; the user resets the board meanwhile.

    Raises TransferError after `seconds`.
    """
    end = line.now() + seconds
    next_return = line.now()
    text = ""
    while line.now() < end:
        if line.now() >= next_return:
            line.write(b"\r")  # in the menu already: shows the prompt; at the question for an address: leaves it
            next_return += _RETURN_EVERY
        else:
            line.write(b"w")
        text = (text + _text(line.read(_KEY_EVERY)))[-_TEXT_MAX:]
        if PROMPT.search(text):
            _drain(line)
            return
        if text.endswith("CCC"):  # an earlier transfer waits for its file
            line.write(b"\x03")
            text = ""
    raise TransferError(
        f"the board did not show its boot menu within {seconds:.0f} s",
        remedy="reset the board while this command waits, and check the port and its --baud",
    )


def write_file(
    line: Line,
    upload: Upload,
    on_progress: Callable[[int], None] = lambda sent: None,
    tell: Callable[[str], None] = lambda text: None,
) -> Written:
    """Write a file to flash, from the menu's prompt.

    `on_progress` gets the number of bytes sent, `tell` a sentence when bytes got lost and the transfer starts again.

    Raises:
        TransferError: the board refuses the address or the size, does not answer, or lost bytes in every attempt.
        FormatError: the name is too long for Ymodem.
    """
    data, attempts = upload.data, upload.attempts
    if not data:
        raise TransferError("the file is empty, and the boot stage does not take that", remedy="give another file")
    for attempt in range(1, attempts + 1):
        try:
            sender = Sender(upload.name, data, resend=False)
            target = _begin(line, upload.address, len(data), tell)
            line.write(sender.feed(b"C"))
            send(line, sender, on_progress)
            return Written(target, attempt, _verdict(line, sender.leftover, target, len(data)))
        except LostBytesError as lost:
            if attempt == attempts:
                break
            tell(f"{lost.problem}; starting again ({attempt + 1} of {attempts})")
            _recover(line)
    raise TransferError(
        f"bytes got lost in all {attempts} attempts, so the flash at this address is not usable now",
        remedy="use a shorter cable or a lower --baud, and send again before the board is rebooted",
    )


def bank(line: Line) -> str:
    """Return "A" or "B": the bank that boots."""
    return _ask(line, b"3", _BANK, "which bank boots")


def switch(line: Line) -> str:
    """Make the other bank boot; return its letter."""
    return _ask(line, b"4", _SWITCHED, "to which bank it switched")


def reboot(line: Line) -> None:
    """Reset the board, which leaves the menu."""
    line.write(b"2")
    _until(line, (re.compile("Reboot"),), _REPLY)


def _ask(line: Line, key: bytes, answer: Pattern[str], what: str) -> str:
    _drain(line)
    line.write(key)
    text, pattern = _until(line, (answer, PROMPT), _REPLY)
    letter = answer.search(text)
    if not pattern or not letter:
        raise TransferError(
            f"the board did not say {what}",
            remedy="this boot stage may have no A/B banks; choose by hand in a terminal program",
        )
    _until(line, (PROMPT,), _REPLY)
    return letter[1]


def _begin(line: Line, address: Optional[int], size: int, tell: Callable[[str], None]) -> int:
    """Choose ``1``, send the address, and wait until the board requests the file; return the address."""
    text = _question(line)
    try:
        target = _target(text, address, size, tell)
    except TransferError:
        _leave_question(line)
        raise
    line.write(b"0x%x\r" % target)
    text, pattern = _until(line, (_REFUSAL, _REQUESTS), _ERASE)
    echo = _ECHOED_ADDRESS.search(text)
    if echo and echo[1] != f"0x{target:x}":
        raise LostBytesError(f"the board understood {echo[1][:20]!a} instead of the address 0x{target:x}")
    if pattern is _REFUSAL:
        refusal = _REFUSAL.search(text)
        raise TransferError(
            f"the board refuses 0x{target:x}: {refusal[0] if refusal else ''}",
            remedy="give the start of a firmware partition with --address",
        )
    if not pattern:
        raise LostBytesError(f"the board did not get ready for the file within {_ERASE:.0f} s")
    return target


def _question(line: Line) -> str:
    """Choose ``1`` and return the board's list of partitions.

    It has to arrive twice alike, as the address depends on it.
    """
    before = ""
    for _ in range(ATTEMPTS):
        _drain(line)
        line.write(b"1")
        text, pattern = _until(line, (_ASKS,), _REPLY)
        if not pattern:
            raise LostBytesError("the board did not ask for an address")
        text = text[: text.index(":", text.index("input flash addr"))]
        if text == before:
            return text
        before = text
        _leave_question(line)
    raise LostBytesError("the board never said the same twice")


def _leave_question(line: Line) -> None:
    """Answer the question with no address, which leads back to the menu."""
    _drain(line)
    line.write(b"\r")
    _until(line, (PROMPT,), _REPLY)


def _target(text: str, address: Optional[int], size: int, tell: Callable[[str], None]) -> int:
    """Return the address to write to, by default the board's proposal.

    Raises TransferError when it lies in none of the board's partitions or the file does not fit.
    """
    partitions: Dict[str, Tuple[int, int]] = {
        name: (int(start, 16), int(length, 16)) for name, start, length in _PARTITION.findall(text)
    }
    if address is None:
        backup = _BACKUP.search(text)
        if not backup and "OTA" not in partitions:
            raise TransferError(
                "the board does not say which partition is free", remedy="give the address with --address"
            )
        address = int(backup[1], 16) if backup else partitions["OTA"][0]
    if not partitions:
        return address
    room = [start + length - address for start, length in partitions.values() if start <= address < start + length]
    listed = ", ".join(f"{name} 0x{start:x} to 0x{start + length:x}" for name, (start, length) in partitions.items())
    if not room:
        raise TransferError(
            f"0x{address:x} is in none of the board's firmware partitions: {listed}",
            remedy="give the start of one with --address",
        )
    if size > max(room):
        raise TransferError(
            f"the file has {size} bytes; at 0x{address:x} there is room for {max(room)} ({listed})",
            remedy="send the payload of this board (ota_rtos.bin)",
        )
    for name, (start, length) in partitions.items():
        if address == start + length:  # the boot stage counts a partition's end as part of it
            tell(f"0x{address:x} is also where {name} ends, and this boot stage then erases both: do not interrupt it")
    return address


def _verdict(line: Line, received: bytes, address: int, size: int) -> bool:
    """Read the board's report after the transfer; return True when it confirms address and length."""
    text, pattern = _until(line, (PROMPT,), _VERDICT, _text(received))
    if _FAILED.search(text):
        raise LostBytesError("the board reports a failed transfer")
    report = _VERDICT_TEXT.search(text)
    if report:
        if (int(report[1], 16), int(report[2], 16)) != (address, size):
            raise LostBytesError(
                f"the board reports {report[2]} bytes (hexadecimal) at {report[1]}, which is not the file"
            )
        return True
    if not pattern:
        raise LostBytesError("the board did not return to its menu")
    return False


def _recover(line: Line) -> None:
    """Return to the prompt from any state of the board.

    Two EOT end a transfer, Ctrl-C then leaves its waiting, and a return ends the pause after it; in the menu each of
    them at most shows the prompt. A board in the middle of a block first has to give up on it.
    """
    end = line.now() + _RECOVER
    _drain(line, _BLOCK_GIVES_UP)
    text = ""
    while line.now() < end:
        for key in (b"\x04", b"\x04", b"\x03", b"\r"):
            line.write(key)
            text += _text(line.read(_QUIET))
        more, pattern = _until(line, (PROMPT,), 1.0, text)
        if pattern:
            _drain(line)
            return
        text = more[-100:]
    raise TransferError(
        "bytes got lost, and the board does not come back to its menu",
        remedy="reset the board and send again; do not let it boot the half-written partition",
    )


def _until(
    line: Line, patterns: Tuple[Pattern[str], ...], seconds: float, text: str = ""
) -> Tuple[str, Optional[Pattern[str]]]:
    """Read until a pattern matches; return the text, and the pattern, None after `seconds`."""
    end = line.now() + seconds
    while True:
        matching: List[Pattern[str]] = [pattern for pattern in patterns if pattern.search(text)]
        if matching:
            return text, matching[0]
        left = end - line.now()
        if left <= 0:
            return text, None
        text = (text + _text(line.read(left)))[-_TEXT_MAX:]


def _drain(line: Line, seconds: float = _QUIET) -> None:
    """Read until nothing came for `seconds`, at most ten times as long."""
    end = line.now() + 10 * seconds
    while line.read(seconds) and line.now() < end:
        pass


def _text(data: bytes) -> str:
    return data.decode("latin-1")
