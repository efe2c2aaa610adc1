"""An image step of rtl872xd's shape: sections of the ELF, headers, padding, a prebuilt part, eight bytes replaced.

STEP_DOES in the environment makes it go wrong: `flip FILE OFFSET`, `nothing`, `elsewhere`, `die`, `kill the build`.
"""

import binascii
import hashlib
import lzma
import os
import shutil
import signal
import struct
import subprocess
import sys
from pathlib import Path

CHIP = Path(__file__).resolve().parent
IMAGES = CHIP / "release" / "write_flash_gui" / "ota_bin"
TOOLS = "/usr/bin/arm-none-eabi-"
GROUPS = (
    ("__flash_text_start__", [".xip_image2.text"]),
    ("__ram_image2_text_start__", [".ram_image2.entry", ".ram_image2.text", ".ram_image2.data"]),
    ("__psram_image2_text_start__", [".psram_image2.text", ".psram_image2.data"]),
)


def with_trailer(data):
    body = data + b"\xff" * 4
    crc = binascii.crc_hqx(body, 0)
    return body + struct.pack("<II16sBBH", 0xEFEFEFEF, len(body), hashlib.md5(body).digest(), 1, 0, crc)


def group(elf, names, folder):
    target = folder / "group.bin"
    options = [word for name in names for word in ("-j", name)]
    subprocess.run([TOOLS + "objcopy", *options, "-Obinary", elf, target], check=True)
    return target.read_bytes()


def main():
    does = os.environ.get("STEP_DOES", "")
    target = Path(sys.argv[1].partition("=")[2])
    elf = target.with_suffix(".elf")
    if does == "nothing":
        return
    folder = target.parent / "binary"
    folder.mkdir(exist_ok=True)
    listed = subprocess.run([TOOLS + "nm", elf], check=True, capture_output=True, text=True).stdout
    symbols = {line.split()[-1]: int(line.split()[0], 16) for line in listed.splitlines() if line[0] != " "}
    large = b""
    for symbol, names in GROUPS:
        data = group(elf, names, folder)
        large += b"81958711" + struct.pack("<II", len(data), symbols[symbol]) + b"\xff" * 16 + data
    large += b"\xff" * (-len(large) % 4096)
    payload = (CHIP / "bin" / "km0_image2_all.bin").read_bytes() + large
    if does == "elsewhere":
        (target.parent / "new_name.bin").write_bytes(payload)
        return
    IMAGES.mkdir(exist_ok=True)
    files = {
        "ota_rtos.bin": payload,
        "ota_rtos_ota_all.bin": with_trailer((CHIP / "release" / "stupid.bin").read_bytes()[:8] + payload[8:]),
        "ota_rtos_ota_xz.bin": payload,
    }
    packed = lzma.compress(
        payload,
        lzma.FORMAT_XZ,
        lzma.CHECK_CRC32,
        filters=[{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": 1 << 15}],
    )
    files["ota_rtos_ota_xz.bin.xz"] = with_trailer(packed)
    if does.startswith("flip"):
        _, name, offset = does.split()
        data = bytearray(files[name])
        data[int(offset, 0)] ^= 1
        files[name] = with_trailer(bytes(data[:-32])) if name == "ota_rtos_ota_all.bin" else bytes(data)
    for name, data in files.items():
        (IMAGES / name).write_bytes(data)
    if does == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if does == "kill the build":
        os.kill(os.getppid(), signal.SIGKILL)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
