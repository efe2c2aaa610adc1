"""Everything that reads bytes from outside, with a sound input each, and what may come of a changed one.

A target's `check` gets bytes and returns True when the result is the sound input's own, False when it is another one
that is true of these bytes: it writes itself back, or another reader agrees. It raises an OtaError for input that is
refused. Anything else it raises is a fault of the product.
"""

from __future__ import annotations

import base64
import hashlib
import json
import lzma
import random
import struct
import sys
import zlib
from binascii import crc_hqx
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Callable, Dict, Tuple

# ruff: noqa: E402 - the test helpers below lie in folders that are no packages
_HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(_HERE), str(_HERE / "images"), str(_HERE / "device")]
from elf_builder import Section, Symbol, build_elf
from nbdiff_reference import firmware, reference_apply, updated
from text_targets import TEXT

from aos_ota_plugin.device.acceptance import Device, DeviceVerdict, Push, judge
from aos_ota_plugin.device.answer import judge_offer
from aos_ota_plugin.device.elf import read_public_key
from aos_ota_plugin.device.module_file import judge_module
from aos_ota_plugin.device.updater import judge_update
from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.images import diff, full, pack, xz
from aos_ota_plugin.images.diff.container import section_bytes
from aos_ota_plugin.images.info import ImageInfo
from aos_ota_plugin.images.multi import Part as FlashPart
from aos_ota_plugin.images.multi import Partition, place
from aos_ota_plugin.images.sign import SignInfo
from aos_ota_plugin.images.tree import part_lines
from aos_ota_plugin.keys import der
from aos_ota_plugin.keys.approval import Approval, parse_approval
from aos_ota_plugin.keys.command import parse_command
from aos_ota_plugin.keys.pkcs11_uri import parse_uri
from aos_ota_plugin.keys.public import parse_public_key
from aos_ota_plugin.keys.ring import parse_ring
from aos_ota_plugin.keys.signature import decode_signature
from aos_ota_plugin.keys.signer import load_signer
from aos_ota_plugin.protocol.push import PushMessage, parse_push
from aos_ota_plugin.release.artifact import Artifact
from aos_ota_plugin.release.layout import layout_document, parse_layout
from aos_ota_plugin.release.manifest import BaseRelease, Manifest, Proof, parse_manifest
from aos_ota_plugin.release.module_file import read_module_file
from aos_ota_plugin.transport.blocks import Announced, announcement, block, is_sound, read_announcement
from aos_ota_plugin.transport.receiver import Receiver
from aos_ota_plugin.verify.describe import inspect
from aos_ota_plugin.workspace.chip import parse_chip
from aos_ota_plugin.workspace.flash_layout import read_layout
from aos_ota_plugin.workspace.partitions import flash_list_size, partition_table_size

KEYS = _HERE / "keys" / "data"


@dataclass(frozen=True)
class Target:
    """`hot`: where half of the changes go, as a range of the input's bytes. `repair` runs on the changed bytes."""

    good: bytes
    check: Callable[[bytes], bool]
    hot: Tuple[int, int] = (0, 200)
    repair: Callable[[bytearray], None] = lambda data: None


def mutated(target: Target, chance: random.Random) -> bytes:
    """Return the target's input with bytes changed, put in, taken out, repeated, or cut off."""
    data = bytearray(target.good)
    for _ in range(chance.randrange(1, 4)):
        if not data:
            break
        low, high = target.hot if chance.random() < 0.5 else (0, len(data))
        low, high = min(low, len(data) - 1), min(high, len(data))
        at = chance.randrange(low, max(high, low + 1))
        kind = chance.random()
        if kind < 0.7:
            data[at] = chance.choice(
                (0, 1, 0x7F, 0x80, 0xFF, data[at] ^ 1 << chance.randrange(8), chance.randrange(256))
            )
        elif kind < 0.8:
            data[at : at + 4] = struct.pack("<I", chance.choice((0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, len(data))))
        elif kind < 0.87:
            data[at:at] = chance.randbytes(chance.randrange(1, 9))
        elif kind < 0.94:
            del data[at : at + chance.randrange(1, 40)]
        else:
            data[at:at] = data[at : at + chance.randrange(1, 200)]
    if chance.random() < 0.15:
        del data[chance.randrange(len(data) + 1) :]
    target.repair(data)
    return bytes(data)


# --- what is fed

SIGNER = load_signer((KEYS / "private.pem").read_bytes(), file="private.pem", passphrase=None)
APPROVAL = Approval(bytes(range(32)), SIGNER.public_key.fingerprint, SIGNER.sign_hash(bytes(range(32))))
RING = (
    f"current:\n  fingerprint: {'a' * 64}\nnext:\n  fingerprint: {'b' * 64}\n  public_key: keys/b.pem\n"
    f"retired:\n- fingerprint: {'c' * 64}\n  note: lost\n"
).encode()
KEY = SIGNER.public_key
TOKEN = b"pkcs11:token=OTA%20keys;id=%a1%b2;slot-id=1?module-path=/usr/lib/x.so&pin-source=file:/etc/pin"
COMMAND = b"command:tools/sign 'a b' \"c\" {digest_hex}"
PAYLOAD = firmware(3000)
OLD = firmware(9000, seed=3)
NEW = updated(OLD, edits=4)[:8000]
STREAM = xz.compress(PAYLOAD)
IMAGE = full.build(PAYLOAD, sign=SIGNER.sign_hash)
XZ_IMAGE = full.build(STREAM, sign=SIGNER.sign_hash)
LIMITS = diff.Limits(section_size=0x1000)
PATCH = diff.create(OLD, NEW, limits=LIMITS)
FIRST = diff.parse(PATCH)[0]
TRIPLES = xz.decompress(FIRST.ctrl, 1 << 20)
DIFF_IMAGE = diff.build(PATCH, sign=SIGNER.sign_hash)
FILES = (
    pack.PackFile("a/b.js", b"print(1)"),
    pack.PackFile("image.bin", full.build(PAYLOAD[:500], sign=None)),
    pack.PackFile("x", b""),
)
PACK = pack.build(FILES)
PACK_IMAGE = full.build(PACK, sign=SIGNER.sign_hash)
ARTIFACT = Artifact("ota_rtos.bin", "payload", 3000, "0" * 32, "1" * 64)
MANIFEST = Manifest(
    "app-1.0.1",
    "local",
    "kv",
    "a" * 64,
    ARTIFACT,
    (ARTIFACT,),
    (Proof("rule", "détail 中"),),
    "ota_demo",
    "haas100",
    BaseRelease("app-1.0.0", "b" * 64),
)
PUSH = PushMessage(
    len(PACK),
    "app-1.0.1",
    "http://ota.example/pack",
    "SHA256",
    hashlib.sha256(PACK).hexdigest(),
    "0" * 32,
    None,
    "front-panel",
)
MODULES = b"""modules:
  - {name: front-panel, version: panel-1.0.1, folder: panel, store_path: /data/panel, unpacked: true}
  - {name: radio, version: radio-1.0.0, file: radio.bin, magic: mcu}
"""
FLASH = (Partition("HAL_PARTITION_APPLICATION", 0x2000, 0x8000),)
LAYOUT = layout_document(
    place([FlashPart(full.ImageMagic.ALL, PAYLOAD)], FLASH), {"ota_all.bin": IMAGE}, flash={"flash.bin": 0x2A000}
)
TABLE = b"""/* the board's */ hal_logic_partition_t hal_partitions[] = {
[HAL_PARTITION_APPLICATION] = { .partition_owner = HAL_FLASH_EMBEDDED, .partition_start_addr = 0x2A000, .partition_length = 0x578000 },
[HAL_PARTITION_OTA_TEMP] = { .partition_start_addr = 0x5BA000, // second
  .partition_length = 0x578000U, .partition_options = PAR_OPT_READ_EN },
};"""
FLASH_LIST = b"""VERSION: 1
FILE_LIST:
  - ota_rtos.bin: {ADDR: 0x2A000, SIZE: 0x578000, REMAP_SWITCH: "on"}
  - littlefs.bin:
      ADDR: "0xB32000"
      SIZE: 4907008
"""
CHIP = b"""schema: aos-ota-chip/1
folder: $CHIP/ota_bin
payload: all.bin
layout:
  - file: $CHIP/bin/first.bin
  - parts:
      - header: "3831 size address ff*16 any*2"
      - sections: [.text, ".data*"]
        optional: true
    pad_to: 0x1000
full: {name: all.bin, replaced: [{at: 0, size: 8, file: $CHIP/eight.bin}]}
xz: {name: xz.bin, payload: $SOLUTION/rest.bin, may_append: any}
unsigned: [other.bin]
"""
C_KEY = (
    "unsigned char ota_pubn_buf[256] = {\n"
    + ", ".join(f"0x{byte:02x}" for byte in KEY.n_bytes)
    + "};\nunsigned char ota_pube_buf[3] = {0x01, 0x00, 0x01}; /* e */\n"
).encode()
ELF = build_elf(
    [Section(".data", b"before--" + KEY.n_bytes + KEY.e_bytes, address=0x20001000)],
    [Symbol("ota_pubn_buf", 0x20001008, 256), Symbol("ota_pube_buf", 0x20001108, 3)],
)


def repair_stream(data: bytearray) -> None:
    """Make the checksums of the stream's header and first block header right again, so that what they guard is read."""
    if len(data) > 40:
        data[8:12] = struct.pack("<I", zlib.crc32(data[6:8]))
        size = (data[12] + 1) * 4
        if 12 + size <= len(data):
            data[12 + size - 4 : 12 + size] = struct.pack("<I", zlib.crc32(data[12 : 12 + size - 4]))


def repair_info(data: bytearray) -> None:
    """Make image_md5 right again, so that an image is judged by the rest."""
    if len(data) > 28:
        size = struct.unpack_from("<I", data, len(data) - 24)[0]
        data[-20:-4] = hashlib.md5(data[:size]).digest()


# --- what may come of it


def check_full(data: bytes) -> bool:
    image = full.parse(data)
    again = (
        data[: image.body_size] + (image.sign_info.to_bytes() if image.sign_info else b"") + image.image_info.to_bytes()
    )
    assert again == data
    return image == full.parse(IMAGE)


def check_sign(data: bytes) -> bool:
    assert SignInfo.from_bytes(data).to_bytes() == data
    return data == IMAGE[-420:-28]


def check_image_info(data: bytes) -> bool:
    assert ImageInfo.from_bytes(data).to_bytes() == data
    return data == IMAGE[-28:]


def check_xz(data: bytes) -> bool:
    made = xz.decompress(data, 4 * len(PAYLOAD))
    assert made == lzma.decompress(data)
    return made == PAYLOAD


def check_xz_outline(data: bytes) -> bool:
    info = xz.outline(data)
    assert info.stream_size <= len(data)
    assert all(region.offset + region.size <= info.stream_size for region in info.regions)
    return info == xz.outline(STREAM)


def check_diff_parse(data: bytes) -> bool:
    sections = diff.parse(data)
    assert sum(section.size for section in sections) == len(data)
    again = b"".join(section_bytes(one.new_size, one.crc16, one.ctrl, one.diff, one.extra) for one in sections)
    assert [(one.new_size, one.ctrl, one.diff, one.extra) for one in diff.parse(again)] == [
        (one.new_size, one.ctrl, one.diff, one.extra) for one in sections
    ]
    return sections == diff.parse(DIFF_IMAGE)


def check_diff_apply(data: bytes) -> bool:
    made = diff.apply(OLD, data)
    if made == NEW:
        return True
    assert reference_apply(OLD, data)[0].startswith(made)
    return False


def check_triples(data: bytes) -> bool:
    """Take the changed bytes for a section's triples, everything around them sound."""
    quick = {"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 4096}
    stream = lzma.compress(data, lzma.FORMAT_XZ, lzma.CHECK_CRC32, filters=[quick])
    made = diff.apply(OLD, section_bytes(FIRST.new_size, FIRST.crc16, stream, FIRST.diff, FIRST.extra))
    assert (len(made), crc_hqx(made, 0)) == (FIRST.new_size, FIRST.crc16)  # one in 65,536 has it by chance
    return made == NEW[: FIRST.new_size]


def check_pack(data: bytes) -> bool:
    files = pack.parse(data)
    assert pack.parse(pack.build(files)) == tuple(sorted(files, key=lambda file: file.name.encode()))
    return files == FILES


def check_info(good: bytes) -> Callable[[bytes], bool]:
    @lru_cache(maxsize=1)
    def expected() -> str:
        return json.dumps(inspect(good, file="f").to_document())

    def check(data: bytes) -> bool:
        part = inspect(data, file="f")
        document = json.dumps(part.to_document())
        assert all(line.isprintable() for line in part_lines(part, "f: "))
        waiting = [] if part.decoded else [part]
        for one in waiting:
            assert 0 <= one.offset <= one.offset + one.size <= len(data)
            for mark in one.fields:
                assert one.offset <= mark.offset <= mark.offset + mark.size <= len(data)
            waiting.extend(inner for inner in one.parts if not inner.decoded)
        return document == expected()

    return check


def check_verify(good: bytes) -> Callable[[bytes], bool]:
    device = Device(KEY, local_rsa=True, partition_size=0x80000)
    trailer = len(good) - 420

    def check(data: bytes) -> bool:
        judgement = judge(device, data)
        if not judgement.accepted:
            raise FormatError(judgement.verdict.name)
        for finding in judge_update(data, partition_size=0x80000, base=OLD):
            if not finding.ok:
                raise FormatError(finding.verdict.name)
        assert data[:trailer] == good[:trailer]  # signed
        return data == good

    return check


def check_verify_pack(data: bytes) -> bool:
    push = Push(len(data), "SHA256", hashlib.sha256(data).hexdigest())
    judgement = judge_module(Device(KEY, local_rsa=False), data, push=push)
    if not judgement.accepted:
        raise FormatError(judgement.verdict.name)
    if pack.is_pack(data):
        assert not any(name.raw_name.startswith((b"/", b"..")) for name in pack.entries(data))
    return data == PACK


def check_manifest(data: bytes) -> bool:
    manifest = parse_manifest(data, file="m")
    assert parse_manifest(manifest.to_json(), file="m") == manifest
    return manifest == MANIFEST


def check_push(data: bytes) -> bool:
    push = parse_push(data, file="p")
    assert parse_push(push.to_json()) == push
    return push == PUSH


def check_pushed(data: bytes) -> bool:
    for device in (Device(KEY, local_rsa=False), Device(KEY, local_rsa=True, hardened=True)):
        judgement = judge_offer(device, data, PACK)
        assert judgement.verdict != DeviceVerdict.DEVICE_FAULT or not device.hardened
    if not judge_offer(Device(KEY, local_rsa=False), data, PACK).findings[0].ok:
        raise FormatError("the message is refused")
    return data == PUSH.to_json()


def check_modules(data: bytes) -> bool:
    declared = read_module_file(data.decode("utf-8", "replace"), "/w/ota.modules.yaml")
    assert len({one.name.lower() for one in declared}) == len(declared)
    return declared == read_module_file(MODULES.decode(), "/w/ota.modules.yaml")


def check_ring(data: bytes) -> bool:
    ring = parse_ring(data.decode("utf-8", "replace"), "r")
    roles = [ring.role(key.fingerprint) for key in (ring.current, *ring.retired)]
    assert roles == ["current", *["retired"] * len(ring.retired)]
    return ring == parse_ring(RING.decode(), "r")


def check_approval(data: bytes) -> bool:
    approval = parse_approval(data, file="a")
    assert parse_approval(approval.to_json(), file="a") == approval
    return approval == APPROVAL


def check_layout(data: bytes) -> bool:
    layout = parse_layout(data, file="l")
    assert parse_layout(json.dumps(layout).encode(), file="l") == layout
    return layout == LAYOUT


def check_block(data: bytes) -> bool:
    if len(data) != 133 or not is_sound(data):
        raise FormatError("a block is as long as its first byte says, or is not looked at")
    file = read_announcement(data[3:-2])
    assert file is None or (len(file.name) <= 128 and (file.size is None or file.size < 10**10))
    return file == Announced("image.bin", 2048)


SESSION = (
    announcement(Announced("image.bin", 1500)),
    block(1, PAYLOAD[:1024]),
    block(2, PAYLOAD[1024:1500].ljust(1024, b"\x1a")),
    b"\x04",
    b"\x04",
    announcement(None),
)


def check_session(data: bytes) -> bool:
    """Feed what came over the line in pieces of one block; whoever sends does not answer."""
    receiver = Receiver()
    receiver.start()
    at = 0
    for part in SESSION:
        receiver.feed(data[at : at + len(part)])
        at += len(part)
    receiver.feed(data[at:])
    while not receiver.done:
        receiver.time_out()  # ends in a TransferError
    assert all(len(file.data) <= 2048 for file in receiver.files)
    return [(file.name, file.data) for file in receiver.files] == [("image.bin", PAYLOAD[:1500])]


def check_public_key(data: bytes) -> bool:
    key = parse_public_key(data, file="k")
    assert key.is_usable
    assert parse_public_key(key.to_pem().encode(), file="k") == key
    return key == KEY


def check_der_key(data: bytes) -> bool:
    key = parse_public_key(data, file="k")
    # Whatever stands around it, the key is what stands in the DER.
    assert data.endswith(der.encode_spki(key.modulus, key.exponent)[-270:]) or b"\x02\x82" not in data
    return key == KEY


def check_private_key(data: bytes) -> bool:
    signer = load_signer(data, file="k", passphrase=None)
    signer.sign_hash(bytes(32))  # refuses a signature that does not verify
    return signer.public_key == KEY


def check_uri(data: bytes) -> bool:
    uri = parse_uri(data.decode("utf-8", "surrogateescape"))
    assert parse_uri(uri.to_text()) == uri
    return uri == parse_uri(TOKEN.decode())


def check_signature(data: bytes) -> bool:
    return decode_signature(data, what="it") == SIGNER.sign_hash(bytes(32))


def check_command(data: bytes) -> bool:
    words = parse_command(data.decode("utf-8", "surrogateescape"))
    assert words[0]
    return words == parse_command(COMMAND.decode())


def check_elf(data: bytes) -> bool:
    key = read_public_key(data)
    assert key.n_bytes in data or key.is_empty
    return key == KEY


def check_table(data: bytes) -> bool:
    text = data.decode("utf-8", "replace")
    rows = read_layout(text, "partition_conf.c")
    size = partition_table_size(text, "partition_conf.c")
    assert all(0 <= start <= 0xFFFFFFFF and 0 < length <= 0xFFFFFFFF for _, start, length, _ in rows)
    assert size is None or 0 < size.size <= 0xFFFFFFFF
    return [row[:3] for row in rows] == [
        ("HAL_PARTITION_APPLICATION", 0x2A000, 0x578000),
        ("HAL_PARTITION_OTA_TEMP", 0x5BA000, 0x578000),
    ]


def check_flash_list(data: bytes) -> bool:
    text = data.decode("utf-8", "replace")
    rows = read_layout(text, "dld_cfg.yaml")
    size = flash_list_size(text, "dld_cfg.yaml")
    assert all(0 <= start <= 0xFFFFFFFF and 0 < length <= 0xFFFFFFFF for _, start, length, _ in rows)
    assert 0 < size.size <= 0xFFFFFFFF
    return [row[:3] for row in rows] == [("ota_rtos.bin", 0x2A000, 0x578000), ("littlefs.bin", 0xB32000, 4907008)]


def check_chip(data: bytes) -> bool:
    chip = parse_chip(data.decode("utf-8", "replace"), "chip.yaml")
    assert chip.full.name
    assert all(name.startswith("$") for name in chip.prebuilt())
    return chip == parse_chip(CHIP.decode(), "chip.yaml")


def _tail(data: bytes) -> Tuple[int, int]:
    return len(data) - 424, len(data)


TARGETS: Dict[str, Target] = {
    "full image": Target(IMAGE, check_full, _tail(IMAGE)),
    "ota_sign_info_t": Target(IMAGE[-420:-28], check_sign, (0, 8)),
    "ota_image_info_t": Target(IMAGE[-28:], check_image_info, (0, 8)),
    "xz, decompressed": Target(STREAM, check_xz, (0, 40)),
    "xz, checksums repaired": Target(STREAM, check_xz, (12, 40), repair_stream),
    "xz, of any kind": Target(STREAM, check_xz_outline, (6, 40), repair_stream),
    "diff, parsed": Target(DIFF_IMAGE, check_diff_parse, (0, 48)),
    "diff, applied": Target(DIFF_IMAGE, check_diff_apply, (0, 48)),
    "diff, triples": Target(TRIPLES, check_triples, (0, len(TRIPLES))),
    "data-file pack": Target(PACK, check_pack, (0, 80)),
    "info, full image": Target(IMAGE, check_info(IMAGE), _tail(IMAGE)),
    "info, xz image": Target(XZ_IMAGE, check_info(XZ_IMAGE)),
    "info, diff image": Target(DIFF_IMAGE, check_info(DIFF_IMAGE), (0, 48)),
    "info, pack in an image": Target(PACK_IMAGE, check_info(PACK_IMAGE)),
    "info, manifest": Target(MANIFEST.to_json(), check_info(MANIFEST.to_json())),
    "verify, full image": Target(IMAGE, check_verify(IMAGE), _tail(IMAGE), repair_info),
    "verify, xz image": Target(XZ_IMAGE, check_verify(XZ_IMAGE), _tail(XZ_IMAGE)),
    "verify, diff image": Target(DIFF_IMAGE, check_verify(DIFF_IMAGE), _tail(DIFF_IMAGE)),
    "verify, pack": Target(PACK, check_verify_pack, (0, 80)),
    "manifest": Target(MANIFEST.to_json(), check_manifest),
    "layout.json": Target(json.dumps(LAYOUT, indent=2).encode(), check_layout),
    "push message": Target(PUSH.to_json(), check_push),
    "push message at a device": Target(PUSH.to_json(), check_pushed),
    "modules": Target(MODULES, check_modules),
    "key ring": Target(RING, check_ring, (0, len(RING))),
    "approval": Target(APPROVAL.to_json(), check_approval),
    "Ymodem, first block": Target(announcement(Announced("image.bin", 2048)), check_block, (0, 24)),
    "Ymodem, session": Target(b"".join(SESSION), check_session, (0, 140)),
    "key, C arrays": Target(C_KEY, check_public_key, (0, 80)),
    "key, PEM": Target((KEYS / "public.pem").read_bytes(), check_public_key, (0, 80)),
    "key, DER": Target((KEYS / "public.der").read_bytes(), check_der_key, (0, 40)),
    "key, copied text": Target((KEYS / "public-text.txt").read_bytes(), check_public_key, (0, 80)),
    "private key, PEM": Target((KEYS / "private.pem").read_bytes(), check_private_key, (0, 80)),
    "private key, DER": Target((KEYS / "private.der").read_bytes(), check_private_key, (0, 80)),
    "PKCS#11 URI": Target(TOKEN, check_uri, (0, len(TOKEN))),
    "signature, hexadecimal": Target(SIGNER.sign_hash(bytes(32)).hex().encode(), check_signature, (0, 40)),
    "signature, base64": Target(base64.b64encode(SIGNER.sign_hash(bytes(32))), check_signature, (0, 40)),
    "signing command": Target(COMMAND, check_command, (0, len(COMMAND))),
    "key in an ELF": Target(ELF, check_elf, (0, 52)),
    "partition table": Target(TABLE, check_table, (0, len(TABLE))),
    "chip's description": Target(CHIP, check_chip, (0, len(CHIP))),
    "flasher's file list": Target(FLASH_LIST, check_flash_list, (0, len(FLASH_LIST))),
}
TARGETS.update((name, Target(*row)) for name, row in TEXT.items())
