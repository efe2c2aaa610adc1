"""Files for a device's file system: the push message decides, and a pack's names have to stay inside."""

import base64
import hashlib
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aos_ota_plugin.device.acceptance import Device, DeviceVerdict, Push
from aos_ota_plugin.device.module_file import judge_module, judge_packed_payload
from aos_ota_plugin.images import full
from aos_ota_plugin.images.pack import PackFile, build
from aos_ota_plugin.keys.signer import load_signer

KEYS = Path(__file__).parent.parent / "keys" / "data"


def signer(name):
    return load_signer((KEYS / name).read_bytes(), file=name, passphrase=None)


SIGNER = signer("private.pem")
LOCAL, CLOUD = Device(SIGNER.public_key, local_rsa=True), Device(SIGNER.public_key, local_rsa=False)
PACK = build([PackFile("main.js", b"print(1)"), PackFile("lib/a.js", b"")])


def push_of(data, *, method="SHA256", signed_by=SIGNER, **more):
    digest = (hashlib.sha256 if method == "SHA256" else hashlib.md5)(data).digest()
    signature = base64.b64encode(signed_by.sign_hash(digest)).decode() if signed_by and method == "SHA256" else None
    return Push(**{"size": len(data), "sign_method": method, "sign": digest.hex(), "digestsign": signature, **more})


def laid_out(*files, digest=None):
    body = b"".join(
        struct.pack("<II", 24 + len(name), len(data)) + (digest or hashlib.md5(data).digest()) + name + data
        for name, data in files
    )
    return struct.pack("<HHI", len(files), 1, 8 + len(body)) + body


@pytest.mark.parametrize("data", [PACK, b"any other file", b""], ids=["pack", "file", "empty"])
@pytest.mark.parametrize("device", [LOCAL, CLOUD], ids=["local", "cloud"])
def test_signed_file_is_accepted(data, device):
    judgement = judge_module(device, data, push=push_of(data))
    assert judgement.accepted
    assert judgement.signature_checked
    assert ("names" in [one.rule for one in judgement.findings]) == (data == PACK)


def test_a_pack_with_folders_cannot_be_unpacked_by_the_vendors_device():
    data = build((PackFile("sub/main.py", b"x" * 100),))
    assert judge_module(CLOUD, data, unpacked=True).verdict is DeviceVerdict.OTA_INIT_FAIL
    assert judge_module(CLOUD, data).accepted
    assert judge_module(CLOUD._replace(hardened=True), data, unpacked=True).accepted


def test_a_short_file_is_warned_of():
    details = [one.detail for one in judge_module(CLOUD, b"x" * 63).findings if one.rule == "progress"]
    assert details[0].startswith("WARNING: 63 bytes: for the progress report")
    assert not [one for one in judge_module(CLOUD, b"x" * 64).findings if one.rule == "progress"]


def test_without_a_push_nothing_is_judged_but_the_names():
    judgement = judge_module(LOCAL, PACK)
    assert judgement.accepted
    assert not judgement.signature_checked
    assert [one.rule for one in judgement.findings if one.judged] == ["size", "names"]


@pytest.mark.parametrize(
    "device, push, verdict",
    [
        (LOCAL, push_of(PACK, signed_by=None), DeviceVerdict.OTA_VERIFY_RSA_FAIL),
        (LOCAL, push_of(PACK, digestsign=""), DeviceVerdict.OTA_VERIFY_RSA_FAIL),
        (LOCAL, push_of(PACK, digestsign=base64.b64encode(bytes(256)).decode()), DeviceVerdict.OTA_VERIFY_RSA_FAIL),
        (LOCAL, push_of(PACK, signed_by=signer("other-private.pem")), DeviceVerdict.OTA_VERIFY_RSA_FAIL),
        (LOCAL, push_of(PACK, digestsign="?"), DeviceVerdict.OTA_TRANSPORT_PAR_FAIL),
        (LOCAL, push_of(PACK + b"x", size=len(PACK)), DeviceVerdict.OTA_VERIFY_SHA2_FAIL),
        (LOCAL, push_of(PACK, sign="0" * 64), DeviceVerdict.OTA_VERIFY_SHA2_FAIL),
        (CLOUD, push_of(PACK, method="Md5", sign="0" * 32), DeviceVerdict.OTA_VERIFY_MD5_FAIL),
        (LOCAL, push_of(PACK, size=1), DeviceVerdict.OTA_VERIFY_SHA2_FAIL),
        (CLOUD, push_of(PACK, method="Md5", size=len(PACK) + 1), DeviceVerdict.OTA_VERIFY_MD5_FAIL),
        (LOCAL._replace(hardened=True), push_of(PACK, size=1), DeviceVerdict.OTA_DOWNLOAD_HEAD_FAIL),
        (LOCAL, push_of(PACK, sign_method="SHA1"), DeviceVerdict.OTA_TRANSPORT_PAR_FAIL),
    ],
)
def test_refused(device, push, verdict):
    judgement = judge_module(device, PACK, push=push)
    assert judgement.verdict is verdict
    assert not judgement.accepted


def test_cloud_mode_skips_the_signature_that_is_not_there():
    judgement = judge_module(CLOUD, PACK, push=push_of(PACK, signed_by=None))
    assert judgement.accepted
    assert not judgement.signature_checked


def test_version_order_counts_for_modules_too():
    device = Device(SIGNER.public_key, local_rsa=True, version="1.0.9")
    assert (
        judge_module(device, PACK, version="1.0.10", push=push_of(PACK)).verdict is DeviceVerdict.OTA_TRANSPORT_VER_FAIL
    )


@pytest.mark.parametrize(
    "names, says",
    [
        ([b"../etc/passwd"], "the part '..'"),
        ([b"/etc/passwd"], "is empty, absolute"),
        ([b"a\0b"], "contains"),
        ([b"n" * 63], "has 63 bytes; a device has room for 62"),
        ([b"\xff"], "is not UTF-8"),
        ([b"a", b"A"], "the same file"),
    ],
)
def test_names_that_leave_the_folder_are_refused_though_signed(names, says):
    data = laid_out(*((name, b"") for name in names))
    judgement = judge_module(LOCAL, data, push=push_of(data))
    assert judgement.verdict is DeviceVerdict.OTA_UPGRADE_PARAM_FAIL
    assert judgement.signature_checked
    finding = next(one for one in judgement.findings if one.rule == "names")
    assert says in finding.detail
    assert "the vendor's writes where folder and name lead" in finding.detail


def test_damaged_file_in_a_pack_is_said_and_accepted():
    data = laid_out((b"a", b"1"), (b"b", b"2"), digest=bytes(16))
    judgement = judge_module(LOCAL, data, push=push_of(data))
    assert judgement.accepted
    assert judgement.findings[-1].detail == "WARNING: not that of the bytes of 'a', 'b'; devices do not check it"


def test_many_bad_names_are_not_all_listed():
    data = laid_out(*((b"../%d" % number, b"") for number in range(1000)), digest=bytes(16))
    judgement = judge_module(LOCAL, data)
    assert len([one for one in judgement.findings if one.rule == "names"]) == 5
    assert "and 995 more" in judgement.findings[-1].detail


@given(st.binary(max_size=200))
def test_any_bytes(data):
    assert judge_module(LOCAL, data).findings
    assert judge_module(LOCAL, struct.pack("<HHI", 1, 1, 8 + len(data)) + data).findings


def sign(digest):
    return digest * 8


def test_names_of_a_pack_inside_an_image():
    evil = laid_out((b"../x", b"1"))
    (finding,) = judge_packed_payload(full.build(evil, sign=sign))
    assert (finding.ok, finding.verdict) == (False, DeviceVerdict.OTA_UPGRADE_PARAM_FAIL)
    assert [one.ok for one in judge_packed_payload(full.build(PACK, sign=None))] == [True]
    unpadded = laid_out((b"../x", b"\xff" * 8))
    image = unpadded + full.build(b"x", sign=None)[-28:]
    assert [one.ok for one in judge_packed_payload(image)] == [False]
    assert judge_packed_payload(full.build(b"plain firmware", sign=sign)) == ()
    assert judge_packed_payload(evil) == ()


def test_a_hardened_device_takes_no_file_that_is_not_what_was_packed():
    device = LOCAL._replace(hardened=True)
    data = laid_out((b"a", b"1"), (b"b", b"2"), digest=bytes(16))
    judgement = judge_module(device, data, push=push_of(data))
    assert judgement.verdict is DeviceVerdict.OTA_VERIFY_MD5_FAIL
    assert judgement.findings[-1].detail == "not that of the bytes of 'a', 'b'"
    evil = laid_out((b"../a", b"1"), digest=bytes(16))
    assert judge_module(device, evil, push=push_of(evil)).verdict is DeviceVerdict.OTA_UPGRADE_PARAM_FAIL
    assert judge_module(device, PACK, push=push_of(PACK)).accepted


@pytest.mark.parametrize("data", [PACK[:-1], PACK + b"x", b"any other file", b""])
def test_what_is_to_be_unpacked_has_to_be_a_whole_pack(data):
    judgement = judge_module(LOCAL, data, push=push_of(data), unpacked=True)
    assert judgement.verdict is DeviceVerdict.OTA_UPGRADE_PARAM_FAIL
    assert judgement.findings[-1].rule == "pack"
    assert judge_module(LOCAL, data, push=push_of(data)).accepted
    assert judge_module(LOCAL._replace(hardened=True), PACK, push=push_of(PACK), unpacked=True).accepted
