"""``aos-ota sign`` beside MCUboot's ``imgtool sign``: both hash 5.5 MiB and sign with the same RSA-2048 key.

imgtool writes an image and stops; ours also reads its image back through the device's rules and writes a manifest.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.bench.material import PARTITION_SIZE, Options, describe, payload, write_key
from tests.bench.measure import BIN, Sample, command, in_turn
from tests.bench.report import Table, note, print_commands

WALL_TARGET = 0.6
PEAK_TARGET = 1.0


def run(folder: Path, options: Options) -> None:
    if not (BIN / "imgtool").is_file():
        sys.exit("imgtool is missing: python -m pip install '.[bench]'")
    folder.mkdir(parents=True, exist_ok=True)
    data = payload(options.payload)
    (folder / "ota_rtos.bin").write_bytes(data)
    write_key(folder / "key.pem")
    product = [
        "aos-ota",
        "sign",
        "ota_rtos.bin",
        "--key",
        "key.pem",
        "--version",
        "app-1.0.1",
        "--partition-size",
        hex(PARTITION_SIZE),
        "-o",
        "ota_rtos_ota.bin",
    ]
    peer = [
        "imgtool",
        "sign",
        "--key",
        "key.pem",
        "--version",
        "1.0.1",
        "--header-size",
        "0x20",
        "--pad-header",
        "--slot-size",
        hex(PARTITION_SIZE),
        "ota_rtos.bin",
        "imgtool.bin",
    ]
    print_commands(" ".join(product), " ".join(peer))

    def start(arguments: list[str]) -> Sample:
        for name in ("ota_rtos_ota.bin", "ota_rtos_ota.json", "imgtool.bin"):
            (folder / name).unlink(missing_ok=True)
        return command([str(BIN / arguments[0]), *arguments[1:]], folder)

    start(product)  # both once unmeasured: compiled Python files, the file cache
    start(peer)
    pairs = 3 if options.quick else 41
    compared = in_turn(lambda: start(product), lambda: start(peer), pairs)
    table = Table("aos-ota sign", "imgtool sign")
    table.row("wall time", compared, "wall", WALL_TARGET)
    table.row("CPU time", compared, "cpu")
    table.row("peak memory", compared, "peak", PEAK_TARGET)
    note(pairs, compared, describe(data))
