"""Diffs and compressed images: their size beside the plain way and other tools, and the time that diffs take.

    BENCH_FIRMWARE=FOLDER python -m tests.bench diff          (or python tests/bench/diff.py [--quick])

`xz` has to be on PATH. FOLDER holds the MicroPython releases that are among detools' test files (esp8266_old.bin,
esp8266_new.bin, pybv11_v110.bin, pybv11_1f5d.bin).

The plain way is bsdiff4's core for every section, against the same base, its streams packed by ``xz -9e`` settings. It
has neither padding nor a dummy section for power cuts; ours has both.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent.parent)

from aos_ota_plugin.images import xz
from aos_ota_plugin.images.diff import create
from tests.bench.measure import Comparison, Sample, in_turn
from tests.bench.report import Table, note

SIZE_TARGET = 0.98
TIME_TARGET = 5.0
PERIODIC_TARGET, SECONDS_TARGET = 3.0, 60.0
_PERIODIC_SIZE = 5_767_168
_FIRMWARE = Path(os.environ.get("BENCH_FIRMWARE", "firmware"))
_PAIRS = {"esp8266": ("esp8266_old.bin", "esp8266_new.bin"), "pybv11": ("pybv11_v110.bin", "pybv11_1f5d.bin")}
_OTHERS = {"esp8266": "75985 / 71803", "pybv11": "40694 / 36686"}  # bsdiff4 1.3.2, detools 0.53: no device's limits
_COPIES = 4
_SECTION = 0x40000


def run(folder: Any = None, options: Any = None) -> None:
    """Print the tables. ``folder`` is not used."""
    _periodic()
    if not _FIRMWARE.is_dir():
        print(f"Not run: no folder {_FIRMWARE}; name the one with detools' MicroPython pairs in BENCH_FIRMWARE.")
        return
    quick = bool(options and options.quick)
    _sizes()
    _images()
    _times(3 if quick else 9)


def periodic_pairs(size: int) -> Dict[str, Tuple[bytes, bytes]]:
    """Return {kind: (base, new)} of data that sorting suffixes takes longest for, after a random payload of that size."""
    chance = random.Random(1)
    base = chance.randbytes(size)
    new = bytearray(base)
    for _ in range(200):
        at = chance.randrange(size - 32)
        new[at : at + 32] = chance.randbytes(32)

    def colours() -> bytes:
        return b"".join(chance.randbytes(2) * 32768 for _ in range(size // 65536))

    def gaps() -> bytes:
        return b"".join(bytes(chance.randrange(1, 60)) + b"\1" for _ in range(size // 31))

    return {
        "random": (base, bytes(new)),
        "a period of 7 bytes": (_run(b"abcdefg", size), _run(b"abcdefh", size)),
        "the same, moved": (_run(b"abcdefg", size), _run(b"defgabc", size)),
        "solid colours of 16 bits": (colours(), colours()),
        "all ff": (b"\xff" * size, b"\xff" * (size - 1) + b"\0"),
        "two values": (bytes(chance.choices((0, 255), k=size)), bytes(chance.choices((0, 255), k=size))),
        "four values": (bytes(chance.choices(b"ACGT", k=size)), bytes(chance.choices(b"ACGT", k=size))),
        "gaps of zeros": (gaps(), gaps()),
    }


def _run(period: bytes, size: int) -> bytes:
    return (period * (size // len(period) + 1))[:size]


def _periodic() -> None:
    print(f"| {_PERIODIC_SIZE} bytes | create | to random | target | | diff |\n|---|---:|---:|---:|---|---:|")
    seconds: Dict[str, float] = {}
    for kind, (old, new) in periodic_pairs(_PERIODIC_SIZE).items():
        start = time.perf_counter()
        size = len(create(old, new))
        seconds[kind] = time.perf_counter() - start
        ratio = seconds[kind] / seconds["random"]
        meets = ratio <= PERIODIC_TARGET and seconds[kind] <= SECONDS_TARGET
        print(
            f"| {kind} | {seconds[kind]:.2f} s | {ratio:.2f} | ≤ {PERIODIC_TARGET:.0f}, ≤ {SECONDS_TARGET:.0f} s | "
            f"{'meets' if meets else 'misses'} | {size} bytes |",
            flush=True,
        )
    print()


def plain(old: bytes, new: bytes) -> int:
    """Return the size of the plain way's patch."""
    from bsdiff4 import core

    size = 0
    for at in range(0, len(new), _SECTION):
        control, difference, extra = core.diff(new[:at] + old[at:], new[at : at + _SECTION])
        size += 48 + sum(len(xz.encode(part, xz.PRESET_9E, 16384)) for part in (control, difference, extra))
    return size


def _pair(name: str) -> Tuple[bytes, bytes]:
    old, new = ((_FIRMWARE / one).read_bytes() for one in _PAIRS[name])
    return old, new


def _large_pair() -> Tuple[bytes, bytes]:
    """Copies of both pairs one after another, each with another number added to its bytes.

    So a copy differs from its release as the real one does, and resembles no other copy.
    """
    sides: List[List[bytes]] = [[], []]
    for copy in range(_COPIES):
        moved = bytes((value + 37 * copy) & 0xFF for value in range(256))
        for name in _PAIRS:
            for side, data in zip(sides, _pair(name)):
                side.append(data.translate(moved))
    return b"".join(sides[0]), b"".join(sides[1])


def _sizes() -> None:
    print("| diff | product | plain | ratio | target | | bsdiff4 / detools, without the device's limits |")
    print("|---|---:|---:|---:|---:|---|---:|")
    for name in _PAIRS:
        old, new = _pair(name)
        ours, theirs = len(create(old, new)), plain(old, new)
        ratio = ours / theirs
        print(
            f"| {name} | {ours} | {theirs} | {ratio:.3f} | ≤ {SIZE_TARGET} | "
            f"{'meets' if ratio <= SIZE_TARGET else 'misses'} | {_OTHERS[name]} |",
            flush=True,
        )


def _images() -> None:
    print(
        "\n| xz image's stream, dictionary 32 KiB | product | `xz --check=crc32 --lzma2=preset=9e,dict=32KiB` | ratio | target | |"
    )
    print("|---|---:|---:|---:|---:|---|")
    for file in sorted(_FIRMWARE.glob("*.bin")):
        ours = len(xz.compress(file.read_bytes()))
        done = subprocess.run(
            ["xz", "-zc", "--check=crc32", "--lzma2=preset=9e,dict=32KiB", str(file)],
            check=True,
            stdout=subprocess.PIPE,
        )
        theirs = len(done.stdout)
        print(
            f"| {file.name} | {ours} | {theirs} | {ours / theirs:.4f} | ≤ 1 | {'meets' if ours <= theirs else 'misses'} |",
            flush=True,
        )


def _times(pairs: int) -> None:
    import bsdiff4

    old, new = _large_pair()
    compared = in_turn(lambda: _timed(create, old, new), lambda: _timed(bsdiff4.diff, old, new), pairs)
    print()
    table = Table("create", "bsdiff4.diff, once")
    table.row(f"{len(old)} → {len(new)} bytes, wall time", compared, "wall", TIME_TARGET)
    table.row("CPU time", compared, "cpu")
    _note(pairs, compared)


def _note(pairs: int, compared: Comparison) -> None:
    note(pairs, compared, f"Sizes: product {len(create(*_large_pair()))}, plain {plain(*_large_pair())} bytes.")


def _timed(make: Callable[[bytes, bytes], bytes], old: bytes, new: bytes) -> Sample:
    wall, cpu = time.perf_counter(), time.process_time()
    make(old, new)
    return Sample(time.perf_counter() - wall, time.process_time() - cpu, 0)


if __name__ == "__main__":
    from types import SimpleNamespace

    run(options=SimpleNamespace(quick="--quick" in sys.argv))
