"""How the build with the vendor's flaws judges sizes and names, beside the hardened one: what was measured on the vendor's code."""

from __future__ import annotations

import hashlib
import json

import pytest

from aos_ota_plugin.device.limits import HAAS100_RTOS_SIZE
from aos_ota_plugin.lab.simulate.cases import module, offer_case, panel_pack
from aos_ota_plugin.lab.simulate.device import MODULE, Case, Offer, batch, play, push_text
from aos_ota_plugin.lab.simulate.firmware import (
    CLOUD,
    NEW,
    OLD,
    VENDOR,
    VENDOR_CLOUD,
    digestsign,
    sign_payload,
    unsigned,
)

pytestmark = pytest.mark.qemu
FAULT = -100
ROOM = HAAS100_RTOS_SIZE


def verdicts(folder, built, firmware, offers):
    """The device's verdicts on these offers, in one start."""
    cloud = firmware in (CLOUD, VENDOR_CLOUD)
    case = offer_case(built, b"")._replace(
        firmware=built.firmware[firmware].payload, local=not cloud, hardened=firmware in (OLD, CLOUD)
    )
    return [int(verdict) for _, verdict in batch(folder, built, case, offers)]


LOCAL_SIZES = {0: 0, -1: FAULT, -419: FAULT, -421: FAULT, 1: -6, 4: -6, 419: -6, 420: -9, 421: -9, 5000: -9, ROOM: -9}
CLOUD_SIZES = {0: 0, -1: FAULT, -28: FAULT, 1: -13, 27: -13, 28: -9, 29: -9, ROOM: -9}
CLOUD_DIFF_SIZES = {0: 0, -1: FAULT, 1: 0, 27: 0, 28: -9}


@pytest.mark.parametrize(
    "firmware, head, sizes",
    [
        (VENDOR, b"", LOCAL_SIZES),
        (VENDOR, b"BSDIFF40", LOCAL_SIZES),
        (VENDOR_CLOUD, b"", CLOUD_SIZES),
        (VENDOR_CLOUD, b"BSDIFF40", CLOUD_DIFF_SIZES),
    ],
    ids=["local image", "local diff", "cloud image", "cloud diff"],
)
def test_a_push_that_says_another_size(built, tmp_path, firmware, head, sizes):
    payload = head + b"firmware" * 200
    if firmware == VENDOR:
        image, signature = sign_payload(payload, built.key), None
    else:
        image = payload if head else unsigned(payload)
        signature = digestsign(image, built.key)
    offers = [Offer(image, NEW, len(image) + more, signature) for more in sizes]
    assert dict(zip(sizes, verdicts(tmp_path / "1", built, firmware, offers))) == sizes
    hardened = verdicts(tmp_path / "2", built, OLD if firmware == VENDOR else CLOUD, offers)
    assert dict(zip(sizes, hardened)) == {more: -6 if more else 0 for more in sizes}


def test_sizes_that_are_none(built, tmp_path):
    """For a negative start the whole file is sent; of what is no number cJSON's integer is 0, or 1 of true."""
    image = sign_payload(b"firmware" * 200, built.key)
    plain = push_text(Offer(image, NEW))
    texts = {b"-5": FAULT, b"1e300": -9, b"0": FAULT, b'"900"': FAULT, b"null": FAULT, b"true": FAULT}
    sizes = [plain.replace(b'"size":%d' % len(image), b'"size":' + text) for text in texts]
    offers = [Offer(image, NEW, push=push) for push in sizes]
    assert dict(zip(texts, verdicts(tmp_path / "1", built, VENDOR, offers))) == texts
    assert verdicts(tmp_path / "2", built, OLD, offers) == [-3, -6, -3, -3, -3, -3]


def sized(built, size, head=b""):
    """A signed file of that size for a device in local mode."""
    return sign_payload(head.ljust(size - 424, b"\0"), built.key)


def test_what_does_not_fit_the_partition(built, tmp_path):
    """A diff's sections are rebuilt in the partition's last 0x40000 bytes, which the vendor's agent does not know."""
    diff = b"BSDIFF40"
    images = [
        sized(built, ROOM),
        sized(built, ROOM + 1),
        sized(built, ROOM - 0x40000, diff),
        sized(built, ROOM - 0x40000 + 1, diff),
        sized(built, ROOM, diff),
        sized(built, ROOM + 1, diff),
    ]
    assert [len(image) - ROOM for image in images] == [0, 1, -0x40000, -0x3FFFF, 0, 1]
    offers = [Offer(image, NEW) for image in images] + [Offer(images[1], NEW, module="js")]
    assert verdicts(tmp_path / "1", built, VENDOR, offers) == [0, -1, 0, 0, 0, -1, -1]
    assert verdicts(tmp_path / "2", built, OLD, offers) == [0, -1, 0, -1, -1, -1, -1]


@pytest.mark.parametrize("firmware", [VENDOR, OLD])
@pytest.mark.parametrize("head", [b"", b"BSDIFF40"])
def test_of_what_does_not_fit_nothing_is_written(built, tmp_path, firmware, head):
    case = offer_case(built, sized(built, ROOM + 1, head), NEW, firmware)
    assert play(tmp_path, built, case).verdict == -1
    flash = (tmp_path / "flash.bin").read_bytes()
    assert flash[0x5BA000:0xB32000].count(0xFF) == 0x578000


def changed(offer, **data):
    """The offer's push with other values in its data; those that are None are left out."""
    message = json.loads(push_text(offer))
    message["data"] = {name: value for name, value in {**message["data"], **data}.items() if value is not None}
    return offer._replace(push=json.dumps(message).encode())


def test_a_module_of_another_size(built, tmp_path):
    """It is its hash that refuses it."""
    case: Case = module(built, b"a file", VENDOR)
    offer = case.offer._replace(module="js")
    md5 = hashlib.md5(offer.image).hexdigest()
    offers = [offer._replace(size=len(offer.image) + more) for more in (-1, 1, 419, ROOM)]
    offers += [changed(one, signMethod="Md5", sign=md5) for one in offers]
    assert verdicts(tmp_path / "1", built, VENDOR, offers) == [-11] * 4 + [-10] * 4
    assert verdicts(tmp_path / "2", built, OLD, offers) == [-6] * 8


def test_hashes_of_the_push(built, tmp_path):
    """In cloud mode; the vendor's takes a sign that begins with the digest, and without signMethod md5."""
    image = unsigned(b"firmware" * 200)
    offer = Offer(image, NEW, digestsign=digestsign(image, built.key))
    sha256, md5 = hashlib.sha256(image).hexdigest(), hashlib.md5(image).hexdigest()
    changes = [
        ({"sign": sha256 + "x" * 90}, 0, -3),
        ({"sign": sha256[:-1]}, -11, -3),
        ({"sign": "0" + sha256}, -11, -3),
        ({"signMethod": "sha256xyz"}, 0, -3),
        ({"signMethod": "SHA256"}, 0, 0),
        ({"signMethod": None, "digestsign": None, "md5": md5}, 0, -12),
        ({"signMethod": None, "digestsign": None, "md5": md5 + "0"}, 0, -3),
        ({"signMethod": None, "digestsign": None, "md5": md5[:-1] + "x"}, -10, -10),
        ({"signMethod": None, "digestsign": None}, -3, -3),
        *(({"digestsign": text}, 0, -12) for text in ("", "AAAA")),
        *(({"digestsign": text}, 0, -3) for text in ("A", "==", "AAAAAAA")),
    ]
    offers = [changed(offer, **data) for data, *_ in changes]
    assert verdicts(tmp_path / "1", built, VENDOR_CLOUD, offers) == [vendors for _, vendors, _ in changes]
    assert verdicts(tmp_path / "2", built, CLOUD, offers) == [hardened for *_, hardened in changes]


def test_modules_are_named_by_their_beginning(built, tmp_path):
    """The vendor's device compares as many letters as were pushed: of all names "" is the firmware's."""
    offers = [Offer(sign_payload(b"firmware" * 200, built.key), NEW, module=name) for name in ("", "def", "default2")]
    assert verdicts(tmp_path / "1", built, VENDOR, offers) == [0, 0, -25]
    assert verdicts(tmp_path / "2", built, OLD, offers) == [-25, -25, -25]
    case = module(built, panel_pack(), VENDOR)
    offers = [case.offer._replace(module="pan"), case.offer._replace(module=MODULE)]
    assert verdicts(tmp_path / "3", built, VENDOR, offers) == [0, -4]  # the second finds the version of the first
