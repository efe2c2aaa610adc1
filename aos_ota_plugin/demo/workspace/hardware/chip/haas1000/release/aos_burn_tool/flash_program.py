"""What `aos burn` runs: shows what a flasher would write, and where. It writes nothing."""

import argparse
import hashlib
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import file_list


def show(path, address, room=None):
    """Print one line about a file, and return whether it could be written."""
    try:
        data = path.read_bytes()
    except OSError as error:
        print(f"flash_program.py: {error}", file=sys.stderr)
        return False
    digest = hashlib.sha256(data).hexdigest()
    print(f"{address}  {len(data):8} bytes  sha256 {digest[:16]}  {path}")
    if room is not None and len(data) > room:
        print(f"flash_program.py: {path.name} is larger than its {room} bytes", file=sys.stderr)
        return False
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--elf", type=Path, help="the newest linked firmware, with symbols")
    parser.add_argument("--bin", type=Path, action="append", default=[], help="the newest raw firmware")
    options = parser.parse_args()

    fine = True
    for path in options.bin:
        fine = show(path, "given to us") and fine
    chosen = [entry for entry in file_list.entries(file_list.PATH.read_text(encoding="utf-8")) if entry[3]]
    for name, address, room, _ in chosen:
        fine = show(file_list.OTA_BIN / name, f"0x{address:09X}", room) and fine
    if not chosen:
        print("flash_program.py: no file is switched on; build first", file=sys.stderr)
    return 0 if fine and chosen else 1


if __name__ == "__main__":
    sys.exit(main())
