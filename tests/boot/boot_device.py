"""The boot stage compiled for this machine, on flash in memory that can lose power or fail at any operation."""

from __future__ import annotations

import subprocess
from binascii import crc_hqx
from dataclasses import dataclass
from pathlib import Path
from typing import List, NamedTuple, Optional, Tuple

from waiting import HANGS

ROOT = Path(__file__).parents[2]
COMPONENT = ROOT / "aos_ota_plugin" / "demo" / "workspace" / "components" / "ota_boot"
SOURCES = sorted(COMPONENT.glob("*.c"))
STRICT = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]

FULL, XZ, DIFF = 0x9669, 0xA55A, 0xB44B
POWER_LOST = 1000
NOTHING, HALF, ALL, GARBAGE = range(4)  # what is done of the operation that power is lost in
CODES = {
    "OTA_NB_INVALID_PARAM": -1, "OTA_NB_HEADER_FAIL": -2, "OTA_NB_MEMORY_FAIL": -3, "OTA_NB_READ_CTRL_FAIL": -4,
    "OTA_NB_READ_DIFF_FAIL": -5, "OTA_NB_READ_OLD_FAIL": -6, "OTA_NB_READ_EXTRA_FAIL": -7, "OTA_NB_WRITE_DATA_FAIL": -8,
    "OTA_NB_CRC_COMP_FAIL": -9, "OTA_XZ_PARAM_FAIL": -10, "OTA_XZ_CRC_FAIL": -11, "OTA_XZ_UNCOMP_FAIL": -12,
    "OTA_XZ_VERIFY_FAIL": -13, "OTA_XZ_MEM_FAIL": -14, "OTA_IMAGE_CRC_FAIL": -17, "OTA_IMAGE_COPY_FAIL": -18,
    "OTA_BOOT_PARAM_FAIL": -40, "OTA_BOOT_REQUEST_FAIL": -41, "OTA_BOOT_UNCONFIRMED": -42, "OTA_BOOT_ROLLED_BACK": -43,
}  # fmt: skip
ARENA_XZ = 0x1000 + 32 * 1024 + 30 * 1024
ARENA_DIFF = 0x1000 + 1024 + 3 * (16 + 30) * 1024


@dataclass(frozen=True)
class Layout:
    """Where things stand in a flash of `size` bytes: HaaS100's order, with banks and a journal of any size."""

    bank_size: int
    journal_size: int

    @property
    def banks(self) -> Tuple[int, int]:
        return 0x2000, 0x2000 + self.bank_size + 0x1000

    @property
    def parameters(self) -> Tuple[int, int]:
        behind = self.banks[1] + self.bank_size + 0x1000
        return behind, behind + 0x1000

    @property
    def size(self) -> int:
        return self.parameters[1] + 0x2000


class Answer(NamedTuple):
    """What a call returned, how often it changed flash, the arena it took at most (bytes), and its log."""

    code: int
    operations: int
    peak: int
    log: str


class State(NamedTuple):
    code: int
    bank: int
    boot_count: int
    trial: int
    rollback: int
    result: int
    attempts: int
    patch_status: int
    patch_off: int
    new_off: int
    upg_flag: int
    sequence: int
    ver: str
    old_ver: str


class Decoded(NamedTuple):
    fault: int
    consumed: int
    data: bytes


def compile_device(gcc: str, folder: Path, *flags: str) -> Path:
    program = folder / "boot_device"
    harness = Path(__file__).parent / "data" / "emulated_flash.c"
    ours = [gcc, *STRICT, *flags, "-O1", "-g", "-I", str(COMPONENT / "include"), "-I", str(COMPONENT)]
    done = subprocess.run(
        [*ours, *map(str, SOURCES), str(harness), "-o", str(program)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return program


class Device:
    """The compiled program, and the flash in it. Its own findings (sanitizers, misused flash) fail the test."""

    def __init__(self, program: Path) -> None:
        self._process = subprocess.Popen(
            [str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.layout = Layout(0x1000, 0x1000)

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        code = self._process.wait(HANGS)
        found = self._process.stderr.read().decode(errors="replace")
        self._process.stdout.close()
        self._process.stderr.close()
        assert code == 0, found

    def flash(self, layout: Layout, banks: List[bytes], arena: int = ARENA_DIFF) -> None:
        """An erased flash with these contents at the starts of the banks."""
        self.layout = layout
        self._say(f"size {layout.size}")
        self._say("layout", *layout.banks, layout.bank_size, *layout.parameters, layout.journal_size)
        self.arena(arena)
        for start, content in zip(layout.banks, banks):
            self.put(start, content)

    def put(self, address: int, content: bytes) -> None:
        assert address + len(content) <= self.layout.size
        self._say("put", address, len(content), payload=content)

    def get(self, address: int, size: int) -> bytes:
        self._say("get", address, size)
        return self._read(size)

    def bank(self, number: int) -> bytes:
        return self.get(self.layout.banks[number], self.layout.bank_size)

    def save(self) -> None:
        self._say("save")

    def load(self) -> None:
        self._say("load")

    def arena(self, size: int) -> None:
        self._say("arena", size)

    def run(self, cut: Optional[int] = None, torn: int = HALF, error: Optional[int] = None) -> Answer:
        """Start the device; power fails in, or flash refuses, the operation of that number, the first being 0."""
        self._power(cut, torn, error)
        return self._call("run")

    def request(
        self,
        kind: int,
        file: bytes,
        *,
        off: int = 0,
        bank: int = 1,
        crc: Optional[int] = None,
        ver: int = 3,
        put: bool = True,
        cut: Optional[int] = None,
        torn: int = HALF,
    ) -> Answer:
        """Put a file into the OTA partition, and ask for it; the version is `ver` letters v."""
        if put:
            self.put(self.layout.banks[bank] + off, file)
        self._power(cut, torn, None)
        return self._call("request", kind, off, len(file), crc_hqx(file, 0) if crc is None else crc, ver)

    def confirm(self) -> Answer:
        return self._call("confirm")

    def crc(self, off: int, size: int) -> Tuple[int, int]:
        self._say("crc", off, size)
        code, crc = map(int, self._line().split())
        return code, crc

    def state(self) -> State:
        self._say("state")
        numbers = map(int, self._line().split())
        return State(*numbers, ver=self._line(), old_ver=self._line())

    def xz(self, stream: bytes, limit: int = 32 * 1024, step: int = 4096) -> Decoded:
        self._say("xz", limit, len(stream), step, payload=stream)
        fault, consumed, size = map(int, self._line().split())
        return Decoded(fault, consumed, self._read(size))

    def _power(self, cut: Optional[int], torn: int, error: Optional[int]) -> None:
        self._say("power", 0 if cut is None else cut + 1, torn, 0 if error is None else error + 1)

    def _call(self, *words: object) -> Answer:
        self._say(*words)
        code, operations, peak, size = map(int, self._line().split())
        return Answer(code, operations, peak, self._read(size).decode())

    def _say(self, *words: object, payload: bytes = b"") -> None:
        try:
            self._process.stdin.write(" ".join(map(str, words)).encode() + b"\n" + payload)
            self._process.stdin.flush()
        except BrokenPipeError:
            self._died()

    def _line(self) -> str:
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            self._died()
        return line.decode().rstrip("\n")

    def _read(self, size: int) -> bytes:
        data = self._process.stdout.read(size)
        if len(data) != size:
            self._died()
        return data

    def _died(self) -> None:
        found = self._process.stderr.read().decode(errors="replace")
        raise AssertionError(f"the device's program ended:\n{found[-4000:]}")
