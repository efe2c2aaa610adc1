"""Files made to cost time or memory, and what looking into them costs: the second table of the mutate benchmark."""

from __future__ import annotations

import hashlib
import json
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Callable, Dict, Sequence, Tuple

from aos_ota_plugin.images import full, xz
from tests.bench.measure import BIN, ENVIRONMENT

_SPAWN = str(Path(__file__).resolve().parent / "spawn.py")
_FLAGS = b"\0\1"
_HEAD = b"\xfd7zXZ\0" + _FLAGS + struct.pack("<I", zlib.crc32(_FLAGS))
SIZE = 31 << 20  # just under the largest file that is looked into


def pack_of(files: Sequence[Tuple[bytes, bytes]]) -> bytes:
    """A data-file pack, by struct."""
    body = b"".join(
        struct.pack("<II", 24 + len(name), len(data)) + hashlib.md5(data).digest() + name + data for name, data in files
    )
    return struct.pack("<HHI", len(files), 1, 8 + len(body)) + body


def numbered(data: bytes, count: int) -> bytes:
    """A pack of so many files with one content."""
    return pack_of([(b"%d" % number, data) for number in range(count)])


def bomb() -> bytes:
    """16 MiB in 2.5 KiB."""
    return xz.encode(bytes(16 << 20), xz.PRESET_9E, xz.IMAGE_DICT_SIZE)


def nested_streams() -> bytes:
    """A stream in a stream in a stream."""
    data = bytes(15 << 20)
    for _ in range(6):
        data = xz.encode(data, xz.PRESET_9E, xz.IMAGE_DICT_SIZE)
    return data


def nested_packs() -> bytes:
    """A pack in a pack, and so on, around one megabyte."""
    data = bytes(1 << 20)
    for _ in range(12):
        data = pack_of([(b"x", data)])
    return data


def small_chunks() -> bytes:
    """One block of stored LZMA2 chunks of one byte each, its checksums right."""
    count = SIZE // 4
    header = _with_crc(bytes([2, 0, 0x21, 1, 6, 0, 0, 0]))
    data = b"\1\0\0\0" + b"\2\0\0\0" * (count - 1) + b"\0"
    block = header + data + bytes(-len(header + data) % 4) + struct.pack("<I", zlib.crc32(bytes(count)))
    index = b"\0\1" + _number(len(header + data) + 4) + _number(count)
    index = _with_crc(index + bytes(-len(index) % 4))
    backward = struct.pack("<I", len(index) // 4 - 1)
    footer = struct.pack("<I", zlib.crc32(backward + _FLAGS)) + backward + _FLAGS + b"YZ"
    return _HEAD + block + index + footer


def many_blocks() -> bytes:
    """Blocks that hold nothing, as many as fit."""
    return _HEAD + (_with_crc(bytes([2, 0, 0x21, 1, 6, 0, 0, 0])) + bytes(4) + bytes(4)) * (SIZE // 20)


def many_sections() -> bytes:
    """Sections as small as they can be, as many as fit."""
    empty = xz.encode(b"", xz.PRESET_9E, 4096)
    section = full.DIFF_MAGIC + struct.pack("<5Q", *([len(empty)] * 3), 0x1000, 0) + 3 * empty
    return section * (SIZE // len(section))


HOSTILE: Dict[str, Callable[[], bytes]] = {
    "pack of 65,535 files": lambda: numbered(b"", 0xFFFF),
    "pack of 4,000 xz streams of 16 MiB": lambda: numbered(bomb(), 4000),
    "pack of 4,000 packs of 200 files": lambda: numbered(numbered(b"", 200), 4000),
    "xz in xz, six times": nested_streams,
    "pack in pack, twelve times": nested_packs,
    "xz of 8 million chunks of one byte": small_chunks,
    "xz of 1.6 million empty blocks": many_blocks,
    "diff of 225,000 sections": many_sections,
    "JSON of 40,000 levels": lambda: b'{"a":' * 40_000,
    "JSON of 10 million lists": lambda: b'{"schema":"aos-ota-manifest/1","x":[' + b"[]," * 10_000_000 + b"[]]}",
    "signed image of 31 MiB": lambda: full.build(bytes(SIZE), sign=lambda digest: digest * 8),
}


def run(folder: Path, seconds: float, memory: int) -> None:
    """Print what `aos-ota info` takes for each."""
    folder.mkdir(parents=True, exist_ok=True)
    print(
        f"\n| `aos-ota info` of | bytes | time | peak memory | target: {seconds:.0f} s, {memory} MiB |\n|---|---:|---:|---:|---|"
    )
    for name, make in HOSTILE.items():
        file = folder / "hostile"
        file.write_bytes(make())
        command = [sys.executable, "-I", "-S", _SPAWN, str(folder / "output"), str(BIN / "aos-ota"), "info", str(file)]
        done = json.loads(subprocess.run(command, check=True, env=ENVIRONMENT, stdout=subprocess.PIPE).stdout)
        if b"Traceback" in (folder / "output").read_bytes():
            sys.exit(f"{name}: a traceback\n{(folder / 'output').read_text(encoding='utf-8')[-4000:]}")
        peak = done["peak"] / 1024
        print(
            f"| {name} | {file.stat().st_size} | {done['wall']:.2f} s | {peak:.0f} MiB | "
            f"{'meets' if done['wall'] <= seconds and peak <= memory else 'misses'} |",
            flush=True,
        )


def _with_crc(data: bytes) -> bytes:
    return data + struct.pack("<I", zlib.crc32(data))


def _number(value: int) -> bytes:
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])
