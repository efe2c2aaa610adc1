"""Golden images, made by openssl and read by struct and hashlib: neither is code of ours."""

import hashlib
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from aos_ota_plugin.images.full import build, build_trailer, parse
from aos_ota_plugin.images.info import IMAGE_INFO_SIZE, ImageInfo, ImageMagic
from aos_ota_plugin.images.sign import SIGN_INFO_SIZE, SignInfo
from aos_ota_plugin.keys.signer import load_signer

DATA = Path(__file__).parent / "data"
KEYS = Path(__file__).parent.parent / "keys" / "data"
PAYLOAD = bytes(i * i % 251 for i in range(1000))
LOCAL = (DATA / "golden_local.bin").read_bytes()
CLOUD = (DATA / "golden_cloud.bin").read_bytes()


def crc16_xmodem(data):
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ (0x1021 if crc & 0x8000 else 0)) & 0xFFFF
    return crc


def signer():
    return load_signer((KEYS / "private.pem").read_bytes(), file="private.pem", passphrase=None)


def test_crc_of_this_test_is_the_published_one():
    assert crc16_xmodem(b"123456789") == 0x31C3


def test_sizes_are_those_of_the_device_headers():
    assert (IMAGE_INFO_SIZE, SIGN_INFO_SIZE) == (28, 392)


@pytest.mark.parametrize("payload", [PAYLOAD, bytearray(PAYLOAD), memoryview(PAYLOAD)], ids=lambda p: type(p).__name__)
def test_local_image_is_the_golden_one(payload):
    assert build(payload, sign=signer().sign_hash) == LOCAL
    assert build_trailer(payload, sign=signer().sign_hash) == LOCAL[1000:]


def test_cloud_image_is_the_golden_one():
    assert build(PAYLOAD, sign=None) == CLOUD


@pytest.mark.parametrize("magic", list(ImageMagic))
@pytest.mark.parametrize("size", [1, 416, 262143, 262144, 262145])
def test_independent_reader(magic, size):
    payload = (PAYLOAD * 263)[:size]
    seen = []
    image = build(payload, sign=lambda digest: seen.append(digest) or b"\x5a" * 256, magic=magic)
    body = payload + b"\xff\xff\xff\xff"
    assert image[: size + 4] == body
    encrypto, reserved, digest, signature = struct.unpack_from("<I100s32s256s", image, size + 4)
    assert (encrypto, digest, signature) == (0xAABBCCDD, hashlib.sha256(body).digest(), b"\x5a" * 256)
    assert reserved[3:] == bytes(97)
    assert seen == [digest]
    word, covered, md5, num, res, crc = struct.unpack("<II16sBBH", image[-28:])
    assert (word, covered, num, res) == (magic.value, size + 4, 1, 0)
    assert md5 == hashlib.md5(body).digest()
    if size <= 416:  # longer ones: test_crc_of_many_chunks
        assert crc == crc16_xmodem(body)
    assert len(image) == size + 4 + 392 + 28


def test_crc_of_many_chunks():
    payload = (PAYLOAD * 263)[:262200]
    info = struct.unpack("<II16sBBH", build(payload, sign=None)[-28:])
    assert info[-1] == crc16_xmodem(payload + b"\xff\xff\xff\xff")


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl")
def test_openssl_verifies_our_image(tmp_path):
    image = build(PAYLOAD, sign=signer().sign_hash)
    (tmp_path / "body").write_bytes(image[:1004])
    (tmp_path / "hash").write_bytes(image[1004 + 104 : 1004 + 136])
    (tmp_path / "sig").write_bytes(image[1004 + 136 : 1004 + 392])

    def openssl(*words):
        return subprocess.run(["openssl", *words], cwd=tmp_path, capture_output=True, check=False)

    assert openssl("dgst", "-sha256", "-binary", "body").stdout == (tmp_path / "hash").read_bytes()
    verify = ("pkeyutl", "-verify", "-pubin", "-inkey", str(KEYS / "public.pem"), "-rawin", "-digest", "sha256")
    good = openssl(*verify, "-in", "hash", "-sigfile", "sig")
    assert b"Verified Successfully" in good.stdout
    hashed_once = openssl(*verify, "-in", "body", "-sigfile", "sig")
    assert hashed_once.returncode != 0


def test_parse_golden():
    local, cloud = parse(LOCAL), parse(CLOUD)
    assert (local.kind, local.payload_size, local.padded, local.size) == ("full", 1000, True, len(LOCAL))
    assert (cloud.kind, cloud.payload_size, cloud.sign_info, cloud.size) == ("full", 1000, None, len(CLOUD))
    assert local.sign_info.hash == hashlib.sha256(LOCAL[:1004]).digest()
    assert local.image_info == cloud.image_info
    assert local.image_info.image_magic is ImageMagic.ALL


def test_fields_of_golden_with_offsets():
    assert [(one.name, one.offset, one.size) for one in parse(LOCAL).fields()] == [
        ("payload", 0, 1000),
        ("padding", 1000, 4),
        ("encrypto_magic", 1004, 4),
        ("padding_mode", 1008, 1),
        ("sign_hash_type", 1009, 1),
        ("abstract_hash_type", 1010, 1),
        ("reserved", 1011, 97),
        ("hash", 1108, 32),
        ("signature", 1140, 256),
        ("image_magic", 1396, 4),
        ("image_size", 1400, 4),
        ("image_md5", 1404, 16),
        ("image_num", 1420, 1),
        ("image_res", 1421, 1),
        ("image_crc16", 1422, 2),
    ]
    values = {one.name: one.value for one in parse(LOCAL).fields()}
    assert values["encrypto_magic"] == "0xaabbccdd (RSA)"
    assert values["image_magic"] == "0xefefefef (ALL)"
    assert values["image_size"] == "1004 (payload and padding)"
    assert values["image_md5"] == hashlib.md5(LOCAL[:1004]).hexdigest()


def test_structures_read_back_from_golden():
    assert SignInfo.from_bytes(LOCAL[1004:1396]).to_bytes() == LOCAL[1004:1396]
    assert ImageInfo.from_bytes(LOCAL[1396:]).to_bytes() == LOCAL[1396:]
