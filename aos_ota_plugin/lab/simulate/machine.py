"""The emulator, ``qemu-system-arm -M mps2-an505`` (Cortex-M33), run in a folder with its flash.

The machine starts the boot stage, which is in the flash's first partition, at 0x10000000. Semihosting stands for the
board's other parts, with files of that folder (see the chip's README in the demo workspace).
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import List, NamedTuple, Optional, Sequence

from aos_ota_plugin.device.limits import HAAS100_RTOSA_ADDRESS
from aos_ota_plugin.errors import BuildError

QEMU = "qemu-system-arm"
FLASH = "flash.bin"
PLATFORM = "platform.txt"
POSITION = "platform.pos"
REPORTS = "reports.txt"
POWER_CUT = 75
"""Exit status of a run that ended in the middle of a flash operation."""
NOTHING_TO_START = 3
"""Exit status of a boot stage without a firmware to start."""
ENDLESS = 4
"""Exit status of a boot stage that was started again and again."""
LOCKED_UP = 76
"""Not the emulator's own exit status: the core locked up, in a firmware so broken that its fault handler faults."""
_BOOT = "boot.bin"
_BOOT_ADDRESS = 0x10000000
# The device's clock counts its instructions, 32 ns each, whatever this computer's load; its sleep takes no real time.
_STEADY_CLOCK = ("-icount", "shift=5,sleep=off")


class StillOnError(BuildError):
    """The device was still on at the time limit."""


class Run(NamedTuple):
    """The console's output and the exit status of an emulation."""

    log: str
    status: int


def find_qemu() -> str:
    """Return the emulator's path. Raises BuildError when there is none."""
    path = shutil.which(QEMU)
    if path is None:
        raise BuildError(
            f"there is no {QEMU} on PATH, which emulates the device",
            remedy="apt-get install qemu-system-arm, or install QEMU your system's way",
        )
    return path


def prepare_command(qemu: str, folder: Path, words: Sequence[str]) -> List[str]:
    """Write the boot stage's file; return the emulator's command without console options."""
    with (folder / FLASH).open("rb") as stream:
        (folder / _BOOT).write_bytes(stream.read(HAAS100_RTOSA_ADDRESS))
    arguments = "".join(f",arg={word}" for word in ("device", *words))
    return [
        qemu,
        "-M",
        "mps2-an505",
        "-display",
        "none",
        "-semihosting-config",
        f"enable=on,target=native{arguments}",
        "-device",
        f"loader,file={_BOOT},addr=0x{_BOOT_ADDRESS:x},force-raw=on",
    ]


def second_uart(port: int) -> List[str]:
    """Return the options that connect UART1 to a local TCP port; they follow the console's."""
    return ["-chardev", f"socket,id=uart1,host=127.0.0.1,port={port},nodelay=on", "-serial", "chardev:uart1"]


def run(folder: Path, words: Sequence[str] = (), *, seconds: float = 60, mcu: Optional[int] = None) -> Run:
    """Switch the device on and wait until it is off; `words` are arguments of the device.

    `mcu` is the port that UART1 is connected to: then the device uses this computer's clock, as the MCU does.

    Raises BuildError when there is no emulator or it cannot start, StillOnError when the device is on after `seconds`.
    """
    qemu = find_qemu()
    around = _STEADY_CLOCK if mcu is None else second_uart(mcu)
    command = [*prepare_command(qemu, folder, words), "-monitor", "none", "-serial", "stdio", *around]
    try:
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=seconds
        )
    except subprocess.TimeoutExpired as error:
        shown = (error.stdout or b"").decode("utf-8", "replace")
        raise StillOnError(f"the device is still on after {seconds:g} s; it last showed:\n{shown[-2000:]}") from None
    except OSError as error:
        raise BuildError(f"{qemu} cannot be started: {error.strerror or error}") from None
    complaint = done.stderr.decode("utf-8", "replace").strip()
    shown = done.stdout.decode("utf-8", "replace").replace("\r\n", "\n")
    if done.returncode < 0 and "Lockup:" in complaint:
        return Run(shown, LOCKED_UP)
    if done.returncode < 0 or complaint:
        raise BuildError(
            f"{QEMU} ended with status {done.returncode}: {complaint}", remedy="QEMU 7.2 or newer emulates the board"
        )
    return Run(shown, done.returncode)
