"""The chip's image step: what aos-tools runs after linking, with the new .bin as --target.

Makes write_flash_gui/ota_bin/ota_rtos.bin of it, in whole words, and switches it on in the flasher's file list.
aos-tools goes on whatever the exit status is, so a failure must leave no old ota_rtos.bin that looks new.
"""

import argparse
import contextlib
import os
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import file_list

ERASED = b"\xff"


def write(path, data):
    """Write the file under another name first: it is there as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def make_image(target, image):
    """Make the image of the linked firmware, if it fits its partition."""
    text = file_list.PATH.read_text(encoding="utf-8")
    room = next(size for name, _, size, _ in file_list.entries(text) if name == image.name)
    payload = target.read_bytes()
    payload += ERASED * (-len(payload) % 4)
    if len(payload) > room:
        raise ValueError(f"{target.name} has {len(payload)} bytes, its partition {room}")
    write(image, payload)
    present = {path.name for path in image.parent.iterdir()}
    changed = file_list.switched(text, present)
    if changed != text:
        write(file_list.PATH, changed.encode("utf-8"))
    print(f"{image.name}: {len(payload)} bytes of {room}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", type=Path, required=True, help="the linked firmware, a raw binary")
    image = file_list.OTA_BIN / "ota_rtos.bin"
    try:
        make_image(parser.parse_args().target, image)
    except (OSError, ValueError, StopIteration) as error:
        with contextlib.suppress(OSError):
            image.unlink()
        print(f"build_bin.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
