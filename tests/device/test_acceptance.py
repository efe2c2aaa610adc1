"""The verdicts of the device's own code, as measured on it, and what cloud mode lets through."""

import base64
import hashlib
import lzma
import struct
from binascii import crc_hqx
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aos_ota_plugin.device.acceptance import Device, DeviceVerdict, Hashed, Push, decode_digestsign, judge
from aos_ota_plugin.device.limits import HAAS100_RTOS_SIZE
from aos_ota_plugin.images.full import build
from aos_ota_plugin.keys.public import PublicKey
from aos_ota_plugin.keys.signer import load_signer

KEYS = Path(__file__).parent.parent / "keys" / "data"
GOLDEN = Path(__file__).parent.parent / "images" / "data"


def signer(name):
    return load_signer((KEYS / name).read_bytes(), file=name, passphrase=None)


SIGNER, OTHER = signer("private.pem"), signer("other-private.pem")
KEY = SIGNER.public_key
LOCAL = Device(KEY, local_rsa=True)
CLOUD = Device(KEY, local_rsa=False)
PAYLOAD = bytes(i * 7 % 253 for i in range(1000))
IMAGE = (GOLDEN / "golden_local.bin").read_bytes()  # made by openssl, not by us
CLOUD_IMAGE = (GOLDEN / "golden_cloud.bin").read_bytes()
BODY = 1004  # payload and padding of the golden images
SIGN, INFO = BODY, BODY + 392


def image_of(body, *, size=None, magic=0xEFEFEFEF, covered=None, sign=SIGNER.sign_hash, encrypto=0xAABBCCDD):
    """Lay out a local image by struct: `body` is payload with or without the four ff."""
    digest = hashlib.sha256(body).digest()
    sign_info = struct.pack("<I100x", encrypto) + digest + sign(digest)
    whole = body + sign_info
    size = len(body) if size is None else size
    covered = whole[:size] if covered is None else covered
    info = struct.pack("<II16sBBH", magic, size, hashlib.md5(covered).digest(), 1, 0, crc_hqx(covered, 0))
    return whole + info


def flip(image, offset, bit=0):
    return image[:offset] + bytes([image[offset] ^ 1 << bit]) + image[offset + 1 :]


def put(image, offset, data):
    return image[:offset] + data + image[offset + len(data) :]


def sign_e3(digest):
    """A signature that a key with e = 3 and the same modulus would verify is not one for 65537."""
    key = load_e3()
    return key.sign(digest, pkcs1(), sha256())


def load_e3():
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return load_pem_private_key((KEYS / "e3-private.pem").read_bytes(), None)


def pkcs1():
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

    return PKCS1v15()


def sha256():
    from cryptography.hazmat.primitives.hashes import SHA256

    return SHA256()


def sign_pss(digest):
    from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS

    return SIGNER._key.sign(digest, PSS(MGF1(sha256()), 32), sha256())


def sign_hashed_once(digest):
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

    return SIGNER._key.sign(digest, pkcs1(), Prehashed(sha256()))


PADDED = PAYLOAD + b"\xff" * 4
XZ = lzma.compress(PAYLOAD * 20 + bytes(i * i % 241 for i in range(4000)), check=lzma.CHECK_CRC32)
DIFF = b"BSDIFF40" + PAYLOAD

ACCEPTED = {
    "golden image": IMAGE,
    "ours": build(PAYLOAD, sign=SIGNER.sign_hash),
    "shortest payload": build(bytes(416), sign=SIGNER.sign_hash),
    "without the four ff": image_of(PAYLOAD),
    "image_size covers the payload": image_of(PADDED, size=len(PAYLOAD)),
    "image_size covers the sign_info too": image_of(PADDED, size=len(PADDED) + 392),
    "magic ALL": image_of(PADDED, magic=0xEFEFEFEF),
    "magic APP": image_of(PADDED, magic=0xABABABAB),
    "magic KERNEL": image_of(PADDED, magic=0xCDCDCDCD),
    "magic MCU": image_of(PADDED, magic=0xEFCDEFCD),
    "magic FS": image_of(PADDED, magic=0xABCDABCD),
    "xz": build(XZ, sign=SIGNER.sign_hash),
    "diff": build(DIFF, sign=SIGNER.sign_hash),
    "diff with image_info of zeros": build(DIFF, sign=SIGNER.sign_hash)[:-28] + bytes(28),
    "padding_mode": put(IMAGE, SIGN + 4, b"\x77"),
    "sign_hash_type": put(IMAGE, SIGN + 5, b"\x77"),
    "abstract_hash_type": put(IMAGE, SIGN + 6, b"\x77"),
    "reserved": put(IMAGE, SIGN + 7, b"\x77" * 97),
    "image_num": put(IMAGE, INFO + 24, b"\x77"),
    "image_res": put(IMAGE, INFO + 25, b"\x77"),
    "image_crc16": put(IMAGE, INFO + 26, b"\x77\x77"),
    "image_size 4": put(IMAGE, INFO + 4, struct.pack("<I16s", 4, hashlib.md5(IMAGE[:4]).digest())),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted_in_local_mode(name):
    judgement = judge(LOCAL, ACCEPTED[name])
    assert judgement.verdict == DeviceVerdict.OTA_SUCCESS, judgement.findings[-1]
    assert judgement.accepted
    assert judgement.signature_checked
    assert all(one.ok and one.verdict == 0 for one in judgement.findings)
    assert [one.rule for one in judgement.findings] == [
        "push",
        "version",
        "size",
        "header",
        "sign_info",
        "partition",
        "hash",
        "signature",
        "image_info",
    ]


@pytest.mark.parametrize("size", [416, 417, 2047, 2048, 2049, 70000])
def test_payloads_of_any_length(size):
    assert judge(LOCAL, build(bytes(size), sign=SIGNER.sign_hash)).accepted


SHA2, RSA, IMG, HEAD = -11, -12, -13, -6

REFUSED = {
    "bit in the payload's first byte": (flip(IMAGE, 0), SHA2),
    "bit in the payload's last byte": (flip(IMAGE, 999, 7), SHA2),
    "bit in the padding": (flip(IMAGE, 1000), SHA2),
    "bit in hash": (flip(IMAGE, SIGN + 104), SHA2),
    "bit in hash's end": (flip(IMAGE, SIGN + 135, 7), SHA2),
    "bit in signature": (flip(IMAGE, SIGN + 136), RSA),
    "bit in signature's end": (flip(IMAGE, SIGN + 391, 7), RSA),
    "another key": (image_of(PADDED, sign=OTHER.sign_hash), RSA),
    "e = 3": (image_of(PADDED, sign=sign_e3), RSA),
    "PSS": (image_of(PADDED, sign=sign_pss), RSA),
    "hashed once": (image_of(PADDED, sign=sign_hashed_once), RSA),
    "signature of zeros": (image_of(PADDED, sign=lambda _: bytes(256)), RSA),
    "image_magic": (put(IMAGE, INFO, b"\x00"), IMG),
    "image_magic zero": (image_of(PADDED, magic=0), IMG),
    "image_size 0": (image_of(PADDED, size=0, covered=b""), IMG),
    "image_size beyond the file": (image_of(PADDED, size=5000, covered=PADDED), IMG),
    "image_size one less": (put(IMAGE, INFO + 4, struct.pack("<I", BODY - 1)), IMG),
    "image_size all ones": (put(IMAGE, INFO + 4, b"\xff" * 4), IMG),
    "image_md5": (flip(IMAGE, INFO + 8), IMG),
    "image_md5's end": (flip(IMAGE, INFO + 23, 7), IMG),
    "encrypto_magic": (flip(IMAGE, SIGN), HEAD),
    "ECC magic": (image_of(PADDED, encrypto=0xDDCCBBAA), HEAD),
    "cloud image": (CLOUD_IMAGE, HEAD),
    "flashing file": (PAYLOAD, HEAD),
    "cloud-mode diff": (DIFF, HEAD),
    "byte missing at the end": (IMAGE[:-1], HEAD),
    "byte added at the end": (IMAGE + b"\0", HEAD),
    "trailer missing": (IMAGE[:BODY], HEAD),
    "xz with one bit": (flip(ACCEPTED["xz"], 100), SHA2),
    "xz with a wrong image_md5": (flip(ACCEPTED["xz"], len(ACCEPTED["xz"]) - 20), IMG),
    "diff with one bit": (flip(ACCEPTED["diff"], 100), SHA2),
    "diff of another key": (build(DIFF, sign=OTHER.sign_hash), RSA),
    "839 bytes": (build(bytes(415), sign=SIGNER.sign_hash), -9),
    "nothing": (b"", -9),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_local_mode(name):
    image, verdict = REFUSED[name]
    judgement = judge(LOCAL, image)
    assert judgement.verdict == verdict, judgement.findings[-1]
    assert not judgement.accepted
    *before, last = judgement.findings
    assert all(one.ok for one in before)
    assert (last.ok, last.verdict) == (False, verdict)


@pytest.mark.parametrize("key", [None, PublicKey(0), PublicKey(KEY.modulus, 3), OTHER.public_key])
def test_keys_a_device_cannot_verify_with(key):
    assert judge(Device(key, local_rsa=True), IMAGE).verdict == RSA


def test_e3_key_on_the_device_is_refused_though_its_signature_is_good():
    private = load_e3()
    n = private.public_key().public_numbers().n
    image = image_of(PADDED, sign=sign_e3)
    for exponent in (3, 65537):
        assert judge(Device(PublicKey(n, exponent), local_rsa=True), image).verdict == RSA


DETAILS = [
    (Device(None, True), IMAGE, "no public key is embedded"),
    (Device(PublicKey(0), True), IMAGE, "no public key is embedded"),
    (Device(OTHER.public_key, True), IMAGE, f"by the firmware's key {OTHER.public_key.short_fingerprint}"),
    (Device(PublicKey(KEY.modulus, 3), True), IMAGE, "not RSA-2048 with the exponent 65537"),
    (LOCAL, CLOUD_IMAGE, "not a locally signed image, or bytes are missing or added"),
    (LOCAL, bytes(100), "100 bytes are less than a trailer"),
    (LOCAL, bytes(500), "500 bytes: the header reader refuses files under 840"),
    (LOCAL, flip(IMAGE, 0), "is stated"),
    (LOCAL, put(IMAGE, INFO, b"\x00"), "image magic error"),
    (CLOUD, bytes(55), "refuses files under 56"),
]  # fmt: skip


@pytest.mark.parametrize(("device", "image", "text"), DETAILS)
def test_the_refusal_says_why(device, image, text):
    last = judge(device, image).findings[-1]
    assert not last.ok
    assert text in last.detail


# Version and partition


def test_version_is_judged_before_the_image():
    judgement = judge(Device(KEY, True, version="app-1.0.9"), b"", version="app-1.0.10")
    assert judgement.verdict == DeviceVerdict.OTA_TRANSPORT_VER_FAIL == -4
    assert [one.rule for one in judgement.findings] == ["push", "version"]
    assert "byte by byte" in judgement.findings[-1].detail


def test_newer_version_is_taken():
    judgement = judge(Device(KEY, True, version="app-1.0.9"), IMAGE, version="app-1.1.0")
    assert judgement.accepted
    assert judgement.findings[1].detail == "app-1.1.0 is newer than app-1.0.9"


@pytest.mark.parametrize(("current", "new"), [(None, "a"), ("a", None), (None, None)])
def test_unknown_version_is_not_judged(current, new):
    finding = judge(Device(KEY, True, version=current), IMAGE, version=new).findings[1]
    assert finding.detail.startswith("not judged")


def test_a_version_is_cut_by_its_buffer():
    current = "a" * 63
    assert judge(Device(KEY, True, version=current), IMAGE, version="a" * 63 + "b").verdict == -4


@pytest.mark.parametrize(("room", "verdict"), [(len(IMAGE), 0), (len(IMAGE) - 1, -1), (0, -1), (None, 0)])
def test_partition(room, verdict):
    assert judge(Device(KEY, True, partition_size=room), IMAGE).verdict == verdict


def test_haas100_partition():
    payload = bytes(HAAS100_RTOS_SIZE - 4 - 392 - 28)
    device = Device(KEY, True, partition_size=HAAS100_RTOS_SIZE)
    assert judge(device, build(payload, sign=SIGNER.sign_hash)).accepted
    assert judge(device, build(payload + b"x", sign=SIGNER.sign_hash)).verdict == -1


def test_a_hardened_device_leaves_room_for_a_section_of_a_diff():
    image = ACCEPTED["diff"]
    device = Device(KEY, True, partition_size=len(image) + 0x40000, hardened=True)
    assert judge(device, image).accepted
    refused = judge(device._replace(partition_size=len(image) + 0x3FFFF), image)
    assert refused.verdict == -1
    assert "that a diff may take" in refused.findings[-1].detail
    assert judge(Device(KEY, True, partition_size=len(image)), image).accepted
    assert judge(Device(KEY, True, partition_size=len(image) - 1), image).verdict == -1


# Cloud mode


def push_of(image, method="Md5", digestsign=None, size=None, sign=None):
    digest = hashlib.md5(image) if method.upper() == "MD5" else hashlib.sha256(image)
    return Push(len(image) if size is None else size, method, sign or digest.hexdigest(), digestsign)


def digestsign_of(image, method, private=SIGNER):
    digest = hashlib.md5(image).digest() if method.upper() == "MD5" else hashlib.sha256(image).digest()
    return base64.b64encode(private._key.sign(digest, pkcs1(), sha256())).decode()


@pytest.mark.parametrize("method", ["Md5", "md5", "MD5", "SHA256", "Sha256"])
@pytest.mark.parametrize(
    "image", [CLOUD_IMAGE, IMAGE, DIFF, build(XZ, sign=None)], ids=["cloud", "local", "diff", "xz"]
)
def test_signed_push_is_accepted(method, image):
    judgement = judge(CLOUD, image, push=push_of(image, method, digestsign_of(image, method)))
    assert judgement.accepted, judgement.findings[-1]
    assert judgement.signature_checked
    assert judgement.findings[-2].detail == f"the RSA signature verifies with key {KEY.short_fingerprint}"


def test_a_signature_of_255_bytes_stands_in_a_buffer_of_zeros():
    for number in range(4000):
        image = build(b"%d" % number * 100, sign=None)
        signature = SIGNER._key.sign(hashlib.md5(image).digest(), pkcs1(), sha256())
        if not signature[-1] and signature[0]:
            break
    judgement = judge(CLOUD, image, push=push_of(image, digestsign=base64.b64encode(signature[:-1]).decode()))
    assert judgement.accepted, judgement.findings[-1]
    assert judgement.signature_checked


def test_upper_case_sign():
    push = push_of(CLOUD_IMAGE, "SHA256")
    assert judge(CLOUD, CLOUD_IMAGE, push=Push(push.size, "SHA256", push.sign.upper())).accepted


@pytest.mark.parametrize(
    "digestsign", [None, "", base64.b64encode(bytes(256)).decode(), base64.b64encode(b"\0any").decode()]
)
@pytest.mark.parametrize("key", [KEY, None, PublicKey(0)])
def test_skipped_rsa_is_said_plainly(digestsign, key):
    judgement = judge(Device(key, False), CLOUD_IMAGE, push=push_of(CLOUD_IMAGE, digestsign=digestsign))
    assert judgement.accepted
    assert not judgement.signature_checked
    assert judgement.findings[7].rule == "signature"
    assert "NOT CHECKED" in judgement.findings[7].detail
    assert "anyone's image is accepted" in judgement.findings[7].detail


def test_a_genuine_signature_that_starts_with_zero_is_not_checked():
    for number in range(4000):
        image = build(b"%d" % number * 100, sign=None)
        digest = hashlib.md5(image).digest()
        signature = SIGNER._key.sign(digest, pkcs1(), sha256())
        if not signature[0]:
            break
    assert signature[0] == 0
    assert KEY.verify_digest_of_file(digest, signature)
    push = push_of(image, digestsign=base64.b64encode(signature).decode())
    judgement = judge(CLOUD, image, push=push)
    assert judgement.accepted
    assert not judgement.signature_checked


def push_case(image=CLOUD_IMAGE, method="Md5", **change):
    return image, push_of(image, method, **change)


CLOUD_REFUSED = {
    "MD5 differs": (flip(CLOUD_IMAGE, 5), push_of(CLOUD_IMAGE), -10),
    "SHA-256 differs": (flip(CLOUD_IMAGE, 5), push_of(CLOUD_IMAGE, "SHA256"), -11),
    "MD5 given as SHA256": (CLOUD_IMAGE, Push(len(CLOUD_IMAGE), "SHA256", hashlib.md5(CLOUD_IMAGE).hexdigest()), -11),
    "sign is no hex": (CLOUD_IMAGE, Push(len(CLOUD_IMAGE), "Md5", "\u0130" * 32), -10),
    "another key": (*push_case(digestsign=digestsign_of(CLOUD_IMAGE, "Md5", OTHER)), -12),
    "signed over the other hash": (*push_case(digestsign=digestsign_of(CLOUD_IMAGE, "SHA256")), -12),
    "digestsign cut": (*push_case(digestsign=digestsign_of(CLOUD_IMAGE, "Md5")[:300]), -12),
    "digestsign short": (*push_case(digestsign="AQ=="), -12),
    "unknown method": (CLOUD_IMAGE, Push(len(CLOUD_IMAGE), "SHA1", "00"), -3),
    "no method": (CLOUD_IMAGE, Push(len(CLOUD_IMAGE), "", "00"), -3),
    "no sign": (CLOUD_IMAGE, Push(len(CLOUD_IMAGE), "Md5", ""), -3),
    "digestsign not base64": (*push_case(digestsign="????"), -3),
    "digestsign without its padding": (*push_case(digestsign=digestsign_of(CLOUD_IMAGE, "Md5").rstrip("=")), -3),
    "digestsign too long": (*push_case(digestsign=base64.b64encode(b"\1" * 257).decode()), -3),
    "size too small": (*push_case(size=len(CLOUD_IMAGE) - 1), DeviceVerdict.DEVICE_FAULT),
    "size too large": (*push_case(size=len(CLOUD_IMAGE) + 27), -13),
    "size far too large": (*push_case(size=len(CLOUD_IMAGE) + 28), -9),
    "no trailer": (*push_case(PAYLOAD), -13),
    "image_md5 wrong": (*push_case(flip(CLOUD_IMAGE, BODY + 8)), -13),
}


@pytest.mark.parametrize("name", CLOUD_REFUSED)
def test_refused_in_cloud_mode(name):
    image, push, verdict = CLOUD_REFUSED[name]
    judgement = judge(CLOUD, image, push=push)
    assert judgement.verdict == verdict, judgement.findings[-1]
    assert not judgement.accepted


def test_cloud_mode_needs_a_key_once_there_is_a_digestsign():
    push = push_of(CLOUD_IMAGE, digestsign=digestsign_of(CLOUD_IMAGE, "Md5"))
    for key in (None, PublicKey(0), OTHER.public_key):
        assert judge(Device(key, False), CLOUD_IMAGE, push=push).verdict == -12


@pytest.mark.parametrize(
    ("device", "image", "more", "verdict", "words"),
    [
        (LOCAL, IMAGE, -1, DeviceVerdict.DEVICE_FAULT, "heap overflow, as the device reads 421 bytes into 420"),
        (LOCAL, IMAGE, -100, DeviceVerdict.DEVICE_FAULT, "reads 520 bytes"),
        (LOCAL, IMAGE, 1, -6, "encrypto_magic is"),
        (LOCAL, IMAGE, 419, -6, "encrypto_magic is"),
        (LOCAL, IMAGE, 420, -9, "nothing comes"),
        (CLOUD, CLOUD_IMAGE, -1, DeviceVerdict.DEVICE_FAULT, "reads 29 bytes into 28"),
        (CLOUD, CLOUD_IMAGE, 100 - len(CLOUD_IMAGE), -9, "more comes than may stand before the trailer"),
        (CLOUD, CLOUD_IMAGE, -len(CLOUD_IMAGE), DeviceVerdict.DEVICE_FAULT, f"reads {len(CLOUD_IMAGE)} bytes"),
        (CLOUD, DIFF, 27, 0, ""),
    ],
)
def test_a_size_that_is_not_the_files(device, image, more, verdict, words):
    push = push_of(image, size=len(image) + more, digestsign=digestsign_of(image, "Md5"))
    judgement = judge(device, image, push=push)
    assert judgement.verdict == verdict, judgement.findings[-1]
    assert verdict == 0 or words in judgement.findings[-1].detail
    hardened = judge(device._replace(hardened=True), image, push=push)
    assert hardened.verdict == DeviceVerdict.OTA_DOWNLOAD_HEAD_FAIL


def test_cloud_mode_without_push_judges_the_trailer_alone():
    judgement = judge(CLOUD, CLOUD_IMAGE)
    assert judgement.accepted
    assert not judgement.signature_checked
    assert [one.rule for one in judgement.findings if "not judged" in one.detail] == [
        "push",
        "version",
        "partition",
        "hash",
        "signature",
    ]
    assert judge(CLOUD, flip(CLOUD_IMAGE, 5)).verdict == -13


def test_local_mode_goes_by_the_trailer_whatever_the_push_says():
    push = Push(len(IMAGE), "Md5", "00" * 16, "AQ==")
    judgement = judge(LOCAL, IMAGE, push=push)
    assert judgement.accepted
    assert judgement.signature_checked
    assert judge(LOCAL, IMAGE, push=Push(len(IMAGE), "?", "00")).verdict == -3
    assert judge(LOCAL, image_of(PADDED, sign=OTHER.sign_hash), push=push_of(IMAGE)).verdict == -12


BASE64 = [
    ("", b""),
    ("QUJD", b"ABC"),
    ("QUI=", b"AB"),
    ("QQ==", b"A"),
    ("QU\nJD", b"ABC"),
    ("QU\r\nJD\r\n", b"ABC"),
    ("QU\rJD", None),
    ("QU JD", None),
    ("QQ===", None),
    ("Q=UI", None),
    ("QUJDQ", b"ABC"),
    ("QUJD\u00e9", None),
    ("QUJ-", None),
]


@pytest.mark.parametrize(("text", "data"), BASE64)
def test_base64_as_the_device_reads_it(text, data):
    assert decode_digestsign(text) == data


@given(st.binary(max_size=256))
def test_base64_round_trip(data):
    assert decode_digestsign(base64.b64encode(data).decode()) == data


@given(st.text(max_size=400) | st.text("ABab01+/=\r\n", max_size=400))
def test_base64_survives_anything(text):
    decoded = decode_digestsign(text)
    assert decoded is None or len(decoded) <= 256


# Arbitrary bytes

pushes = st.none() | st.builds(
    Push,
    st.integers(-5, 2000),
    st.sampled_from(["Md5", "SHA256", "", "x"]) | st.text(max_size=9),
    st.text(max_size=70),
    st.none() | st.text(max_size=40) | st.text("AB+=", max_size=400),
)


@given(st.binary(max_size=1500), st.sampled_from([LOCAL, CLOUD]), st.none() | st.text(max_size=80), pushes)
def test_never_raises(image, device, version, push):
    judgement = judge(Device(device.public_key, device.local_rsa, "app-1"), image, version=version, push=push)
    if device.local_rsa:
        assert not judgement.accepted


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(IMAGE) * 8 - 1))
def test_every_single_bit_is_protected_or_unread(bit):
    unread = {*range(SIGN + 4, SIGN + 104), *range(INFO + 24, INFO + 28)}
    judgement = judge(LOCAL, flip(IMAGE, bit // 8, bit % 8))
    assert judgement.accepted == (bit // 8 in unread)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(IMAGE)), st.binary(min_size=1, max_size=9), st.integers(0, 9))
def test_insertions_and_deletions_are_refused(at, data, cut):
    changed = IMAGE[:at] + data + IMAGE[at + cut :]
    if len(changed) != len(IMAGE):
        assert not judge(LOCAL, changed).accepted


@settings(max_examples=30, deadline=None)
@given(st.binary(min_size=416, max_size=3000))
def test_what_we_build_is_accepted(payload):
    assert judge(LOCAL, build(payload, sign=SIGNER.sign_hash)).accepted
    assert judge(CLOUD, build(payload, sign=None), push=push_of(build(payload, sign=None))).accepted


# --- digests that are known before

START = IMAGE[:BODY]
HASHED = Hashed((START[:-4], START[-4:]), hashlib.md5(START).hexdigest(), hashlib.sha256(START).hexdigest())


def test_known_digests_are_used_for_the_very_bytes_only():
    """Digests that are not those of the pieces show when they are used; no other image's verdict depends on them."""
    assert judge(LOCAL, IMAGE, hashed=HASHED) == judge(LOCAL, IMAGE)
    wrong = HASHED._replace(sha256="0" * 64)
    assert judge(LOCAL, IMAGE, hashed=wrong).verdict == DeviceVerdict.OTA_VERIFY_SHA2_FAIL
    wrong = HASHED._replace(md5="0" * 32)
    assert judge(LOCAL, IMAGE, hashed=wrong).verdict == DeviceVerdict.OTA_VERIFY_IMAGE_FAIL
    for pieces in ((START[:-4],), (START, b"\0"), (b"", flip(START, 3))):
        assert judge(LOCAL, IMAGE, hashed=wrong._replace(pieces=pieces)) == judge(LOCAL, IMAGE)


@given(st.integers(0, BODY - 1), st.integers(0, 7))
def test_known_digests_hide_no_damage(offset, bit):
    damaged = flip(IMAGE, offset, bit)
    assert judge(LOCAL, damaged, hashed=HASHED) == judge(LOCAL, damaged)
    assert not judge(LOCAL, damaged, hashed=HASHED).accepted


# --- a hardened device


def hardened(local=False, version=None):
    return Device(KEY, local, version, hardened=True)


@pytest.mark.parametrize("digestsign", [None, "", base64.b64encode(bytes(256)).decode()])
def test_a_hardened_device_skips_no_signature(digestsign):
    push = push_of(CLOUD_IMAGE, digestsign=digestsign)
    assert judge(CLOUD, CLOUD_IMAGE, push=push).accepted
    judgement = judge(hardened(), CLOUD_IMAGE, push=push)
    assert (judgement.verdict, judgement.signature_checked) == (DeviceVerdict.OTA_VERIFY_RSA_FAIL, True)


def test_a_hardened_device_takes_a_good_signature():
    push = push_of(CLOUD_IMAGE, digestsign=digestsign_of(CLOUD_IMAGE, "Md5"))
    judgement = judge(hardened(), CLOUD_IMAGE, push=push)
    assert (judgement.accepted, judgement.signature_checked) == (True, True)


def test_a_hardened_device_compares_numbers():
    for new, current in (("app-1.0.10", "app-1.0.9"), ("app-1.0.9", "app-1.0.10")):
        taken = judge(hardened(local=True, version=current), IMAGE, version=new)
        assert taken.accepted is (new == "app-1.0.10")
        vendors = judge(Device(KEY, True, current), IMAGE, version=new)
        assert vendors.accepted is (new == "app-1.0.9")
