#!/bin/sh
# Makes the golden images with openssl and python's struct, hashlib and a CRC computed bit by bit; nothing of ours.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
python3 -c 'import sys; sys.stdout.buffer.write(bytes(i * i % 251 for i in range(1000)))' > "$work/payload"
{ cat "$work/payload"; printf '\377\377\377\377'; } > "$work/body"
openssl dgst -sha256 -binary "$work/body" > "$work/hash"
openssl dgst -sha256 -sign ../../keys/data/private.pem -out "$work/signature" "$work/hash"
python3 - "$work" <<'PY'
import hashlib, pathlib, struct, sys
work = pathlib.Path(sys.argv[1])
body = (work / "body").read_bytes()
crc = 0
for byte in body:
    crc ^= byte << 8
    for _ in range(8):
        crc = (crc << 1 ^ (0x1021 if crc & 0x8000 else 0)) & 0xFFFF
info = struct.pack("<II16sBBH", 0xEFEFEFEF, len(body), hashlib.md5(body).digest(), 1, 0, crc)
sign = struct.pack("<I3B97x", 0xAABBCCDD, 0, 1, 1) + (work / "hash").read_bytes() + (work / "signature").read_bytes()
pathlib.Path("golden_local.bin").write_bytes(body + sign + info)
pathlib.Path("golden_cloud.bin").write_bytes(body + info)
PY
