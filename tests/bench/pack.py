"""The packing step in memory: our image with all its proofs, beside a CRC-16 alone as image steps compute it in Python.

The peer is the loop that the CRC-16 of an ota_image_info_t takes when it is written out bit by bit, and nothing else:
no MD5, no SHA-256, no signature, no check.
"""

from __future__ import annotations

import binascii
import sys
import time
from pathlib import Path
from typing import Callable

from aos_ota_plugin.keys.rsa import PublicKey
from aos_ota_plugin.keys.signer import load_signer
from aos_ota_plugin.release.make import make_release
from aos_ota_plugin.release.request import Base, Firmware, KeySet, Options
from tests.bench.material import PARTITION_SIZE, describe, payload, write_key
from tests.bench.material import Options as BenchOptions
from tests.bench.measure import Sample, in_turn
from tests.bench.report import Table, note, print_commands
from tests.device.elf_builder import Section, Symbol, build_elf

VERSION = "app-1.0.1"


def crc16(data: bytes) -> int:
    """CRC-16/XMODEM, byte by byte and bit by bit."""
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1
        crc &= 0xFFFF
    return crc


def run(folder: Path, options: BenchOptions) -> None:
    data = payload(options.payload)
    key = write_key(folder / "key.pem")
    signer = load_signer(key.read_bytes(), file=str(key), passphrase=None)
    parts = (
        Firmware(data, VERSION, "kv", elf=_firmware(data, signer.public_key)),
        KeySet("local", signer),
        Base(),
        Options(PARTITION_SIZE),
    )
    print_commands("make_release(Firmware(payload, elf, …), …).image", "crc16(payload)     # per byte, in Python")
    if crc16(data[:4096]) != binascii.crc_hqx(data[:4096], 0):
        sys.exit("the peer computes another CRC")

    def product() -> None:
        release = make_release(*parts)
        if len(release.image) != len(data) + 424:
            sys.exit("that is no image")

    product()
    pairs = 1 if options.quick else 5
    compared = in_turn(lambda: _timed(product), lambda: _timed(lambda: crc16(data)), pairs)
    table = Table("image and proofs", "CRC-16 alone, per byte")
    table.row("packing, wall time", compared, "wall")
    note(pairs, compared, describe(data))


def _firmware(data: bytes, key: PublicKey) -> bytes:
    """An ELF of the payload's size that holds the key and the version, as a linked firmware does."""
    address = 0x34000000
    return build_elf(
        [
            Section(".text", data),
            Section(".rodata", key.n_bytes + key.e_bytes + b"\0" + VERSION.encode() + b"\0", address=address),
        ],
        [Symbol("ota_pubn_buf", address, 256, 2), Symbol("ota_pube_buf", address + 256, 3, 2)],
    )


def _timed(step: Callable[[], object]) -> Sample:
    wall, cpu = time.perf_counter(), time.process_time()
    step()
    return Sample(time.perf_counter() - wall, time.process_time() - cpu, 0)
