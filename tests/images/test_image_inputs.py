"""Round trips, named bad inputs, and arbitrary bytes."""

import binascii
import hashlib
import re
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.images.full import PADDING, Digests, build, build_trailer, kind_of, parse, seal
from aos_ota_plugin.images.info import ImageInfo, ImageMagic
from aos_ota_plugin.images.sign import SignInfo

CLOUD = build(b"payload" * 100, sign=None)
LOCAL = build(b"payload" * 100, sign=lambda _: bytes(range(256)))


def described(body, magic=ImageMagic.ALL):
    """The image_info of these bytes, by the format's description."""
    return ImageInfo(magic, len(body), hashlib.md5(body).digest(), 1, 0, binascii.crc_hqx(body, 0))


infos = st.builds(
    ImageInfo,
    st.sampled_from(ImageMagic),
    st.integers(0, 2**32 - 1),
    st.binary(min_size=16, max_size=16),
    st.integers(0, 255),
    st.integers(0, 255),
    st.integers(0, 65535),
)
signs = st.builds(
    SignInfo,
    st.sampled_from([0xAABBCCDD, 0xDDCCBBAA]),
    st.integers(0, 255),
    st.integers(0, 255),
    st.integers(0, 255),
    st.binary(min_size=97, max_size=97),
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=256, max_size=256),
)


@given(infos)
def test_image_info_round_trip(info):
    assert ImageInfo.from_bytes(info.to_bytes()) == info


@given(signs)
def test_sign_info_round_trip(info):
    assert SignInfo.from_bytes(info.to_bytes()) == info


@given(
    st.binary(min_size=1, max_size=2000).filter(lambda data: data[-4:] != PADDING),
    st.booleans(),
    st.sampled_from(ImageMagic),
)
def test_build_then_parse(payload, signed, magic):
    image = build(payload, sign=(lambda digest: digest * 8) if signed else None, magic=magic)
    read = parse(image)
    assert (read.payload_size, read.padded, read.size) == (len(payload), True, len(image))
    assert (read.sign_info is not None) == signed
    assert read.image_info == described(payload + PADDING, magic)
    fields = read.fields()
    assert [one.offset for one in fields] == [sum(one.size for one in fields[:index]) for index in range(len(fields))]
    assert sum(one.size for one in fields) == len(image)


@given(st.binary(min_size=1, max_size=400), st.booleans(), st.sampled_from(ImageMagic))
def test_digests_of_payload_and_image(payload, signed, magic):
    sealed = seal(payload, sign=(lambda _: bytes(256)) if signed else None, magic=magic)
    image = payload + sealed.trailer
    assert sealed.payload == Digests(hashlib.md5(payload).hexdigest(), hashlib.sha256(payload).hexdigest())
    assert sealed.image == Digests(hashlib.md5(image).hexdigest(), hashlib.sha256(image).hexdigest())


@given(st.binary(max_size=900), st.sampled_from([None, True, False]))
def test_parse_survives_anything(data, local):
    try:
        read = parse(data, local=local)
    except FormatError:
        return
    assert read.size == len(data)


@given(st.sampled_from([CLOUD, LOCAL]), st.integers(0, 1200), st.binary(max_size=6), st.integers(0, 1200))
def test_parse_survives_mutation_and_truncation(image, at, patch, length):
    data = (image[:at] + patch + image[at + len(patch) :])[:length]
    try:
        read = parse(data)
    except FormatError:
        return
    assert read.size == len(data)


@given(st.binary(max_size=500))
def test_structures_survive_anything(data):
    for read in (ImageInfo.from_bytes, SignInfo.from_bytes):
        try:
            assert read(data).to_bytes() == data
        except FormatError as error:
            assert str(error)


BAD_IMAGES = {
    "empty file": (b"", None, "a file of 0 bytes is too short"),
    "27 bytes": (bytes(27), None, "a file of 27 bytes is too short"),
    "flashing file": (bytes(2000), None, "does not end in an ota_image_info_t: image_magic 0x00000000"),
    "flashing file, remedy": (bytes(2000), None, "use the OTA file (ota_rtos_ota.bin), not the flashing file"),
    "one byte missing": (CLOUD[:-1], None, "does not end in an ota_image_info_t"),
    "cloud image read as local": (CLOUD, True, "neither RSA 0xaabbccdd nor ECC 0xddccbbaa"),
    "too short for local": (CLOUD[-100:], True, "a file of 100 bytes is too short for an ota_sign_info_t"),
}


@pytest.mark.parametrize("name", BAD_IMAGES)
def test_bad_image(name):
    data, local, message = BAD_IMAGES[name]
    with pytest.raises(FormatError, match=re.escape(message)):
        parse(data, local=local)


def test_local_false_leaves_the_sign_info_in_the_payload():
    assert parse(LOCAL, local=False).payload_size == len(LOCAL) - 28


def test_ecc_magic_is_read_and_named():
    at = len(LOCAL) - 420
    image = LOCAL[:at] + struct.pack("<I", 0xDDCCBBAA) + LOCAL[at + 4 :]
    assert parse(image).fields()[2].value == "0xddccbbaa (ECC)"


@pytest.mark.parametrize(
    ("covered", "text"), [(700, "700 (payload)"), (704, "704 (payload and padding)"), (5, "5")], ids=str
)
def test_image_size_says_what_it_covers(covered, text):
    image = CLOUD[:-24] + struct.pack("<I", covered) + CLOUD[-20:]
    assert {one.name: one.value for one in parse(image).fields()}["image_size"] == text


def test_image_size_over_the_sign_info():
    image = LOCAL[:-24] + struct.pack("<I", 704 + 392) + LOCAL[-20:]
    values = {one.name: one.value for one in parse(image).fields()}
    assert values["image_size"] == "1096 (payload, padding and sign_info)"


def test_image_without_padding():
    body = b"x" * 100
    image = body + described(body).to_bytes()
    read = parse(image)
    assert (read.padded, read.payload_size) == (False, 100)
    assert [one.name for one in read.fields()][:2] == ["payload", "image_magic"]


KINDS = [
    (b"BSDIFF40 and more", "diff"),
    (b"BSDIFF41", "full"),
    (b"BSDIFF4", "full"),
    (b"\xfd7zXZ\x00\x00", "xz"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\xfd7zXZ", "full"),
    (b"", "full"),
]


@pytest.mark.parametrize(("head", "kind"), KINDS)
def test_kind(head, kind):
    assert kind_of(head) == kind
    assert kind_of(memoryview(head)) == kind
    assert parse(build(head + b"." * 10, sign=None)).kind == kind_of(head + b"." * 10)


def test_empty_payload_is_refused():
    with pytest.raises(FormatError, match="the payload is empty"):
        build_trailer(b"", sign=None)


@pytest.mark.parametrize("size", [0, 255, 257])
def test_signature_of_another_size_is_refused(size):
    with pytest.raises(FormatError, match=f"signature has {size} bytes, not 256"):
        build_trailer(b"x", sign=lambda _: bytes(size))


BAD_INFO = {
    "size too large": ({"image_size": 2**32}, "image_size is 4294967296"),
    "size negative": ({"image_size": -1}, "image_size is -1"),
    "num": ({"image_num": 256}, "image_num is 256"),
    "res": ({"image_res": -1}, "image_res is -1"),
    "crc": ({"image_crc16": 65536}, "image_crc16 is 65536"),
    "md5": ({"image_md5": b"short"}, "image_md5 has 5 bytes, not 16"),
}


@pytest.mark.parametrize("name", BAD_INFO)
def test_value_that_does_not_fit(name):
    change, message = BAD_INFO[name]
    good = {"image_size": 1, "image_md5": bytes(16), "image_num": 1, "image_res": 0, "image_crc16": 0}
    with pytest.raises(FormatError, match=message):
        ImageInfo(ImageMagic.ALL, **{**good, **change}).to_bytes()


BAD_SIGN = {
    "magic": ({"encrypto_magic": 0x11223344}, "encrypto_magic 0x11223344 is neither"),
    "mode": ({"padding_mode": 256}, "padding_mode is 256"),
    "hash type": ({"sign_hash_type": -1}, "sign_hash_type is -1"),
    "abstract": ({"abstract_hash_type": 999}, "abstract_hash_type is 999"),
    "reserved": ({"reserved": b""}, "reserved has 0 bytes, not 97"),
    "hash": ({"hash": bytes(31)}, "hash has 31 bytes, not 32"),
    "signature": ({"signature": bytes(1)}, "signature has 1 bytes, not 256"),
}


@pytest.mark.parametrize("name", BAD_SIGN)
def test_sign_value_that_does_not_fit(name):
    change, message = BAD_SIGN[name]
    good = {
        "encrypto_magic": 0xAABBCCDD,
        "padding_mode": 0,
        "sign_hash_type": 1,
        "abstract_hash_type": 1,
        "reserved": bytes(97),
        "hash": bytes(32),
        "signature": bytes(256),
    }
    with pytest.raises(FormatError, match=message):
        SignInfo(**{**good, **change}).to_bytes()


@pytest.mark.parametrize("size", [391, 393])
def test_sign_info_of_another_size(size):
    with pytest.raises(FormatError, match=f"ota_sign_info_t has 392 bytes, not {size}"):
        SignInfo.from_bytes(bytes(size))
