"""A push message as the vendor's device reads it, and as a hardened one does."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aos_ota_plugin.device.cjson import read_json
from aos_ota_plugin.device.push import ReceivedPush, decode_digestsign, read_push
from aos_ota_plugin.device.verdicts import DeviceVerdict, Finding, Push

REFUSED, FAULT = DeviceVerdict.OTA_TRANSPORT_PAR_FAIL, DeviceVerdict.DEVICE_FAULT
DATA = {"size": 1000, "version": "app-1.0.1", "url": "https://ota.example/a", "signMethod": "SHA256", "sign": "a" * 64}
LEFT_OUT = object()


def text(message="success", **changes):
    data = {key: value for key, value in {**DATA, **changes}.items() if value is not LEFT_OUT}
    return json.dumps({"code": "1000", "message": message, "data": data}).encode("utf-8")


def answer(data, *, hardened=False):
    read = read_push(data, hardened=hardened)
    return read.verdict if isinstance(read, Finding) else DeviceVerdict.OTA_SUCCESS


def test_a_push():
    assert read_push(text(module="panel", digestsign="AAAA"), hardened=True) == ReceivedPush(
        Push(1000, "SHA256", "A" * 64, "AAAA"), "https://ota.example/a", "app-1.0.1", "panel"
    )


@pytest.mark.parametrize(
    ("data", "vendor", "hardened"),
    [
        (text("successful"), 0, REFUSED),
        (text("Success"), REFUSED, REFUSED),
        (text(1), FAULT, REFUSED),
        (text(None), FAULT, REFUSED),
        (b'{"data": {}}', REFUSED, REFUSED),
        (b'{"message": "success"}', REFUSED, REFUSED),
        (b'{"message": "success", "data": "x"}', REFUSED, REFUSED),
        (b"no JSON", REFUSED, REFUSED),
        (b"\xef\xbb\xbf" + text() + b" and more", 0, 0),
        (text().replace(b'"data"', b'"DATA"').replace(b'"url"', b'"Url"'), 0, 0),
        (text().replace(b'"size"', b'"size": 7, "SIZE"'), 0, 0),
        (text(url=LEFT_OUT), REFUSED, REFUSED),
        (text(url=None), FAULT, REFUSED),
        (text(url="u" * 256), 0, REFUSED),
        (text(version=LEFT_OUT), REFUSED, REFUSED),
        (text(version=7), FAULT, REFUSED),
        (text(version="v" * 64), 0, REFUSED),
        (text(module=None), FAULT, REFUSED),
        (text(module="m" * 33), 0, REFUSED),
        (text(signMethod="md5x", sign="a" * 32), 0, REFUSED),
        (text(signMethod="sha256 "), 0, REFUSED),
        (text(signMethod="SHA1"), REFUSED, REFUSED),
        (text(signMethod=""), REFUSED, REFUSED),
        (text(signMethod=7), FAULT, REFUSED),
        (text(sign=LEFT_OUT), REFUSED, REFUSED),
        (text(sign=""), REFUSED, REFUSED),
        (text(sign=[]), FAULT, REFUSED),
        (text(sign="a" * 66), 0, REFUSED),
        (text(signMethod=LEFT_OUT), REFUSED, REFUSED),
        (text(signMethod=LEFT_OUT, md5="b" * 32), 0, 0),
        (text(signMethod=LEFT_OUT, md5=None), FAULT, REFUSED),
        (text(size=LEFT_OUT), REFUSED, REFUSED),
        (text(size="1000"), 0, REFUSED),
        (text(size=-1), 0, REFUSED),
        (text(digestsign=None), FAULT, REFUSED),
        (text(digestsign="?"), REFUSED, REFUSED),
        (text(digestsign=""), 0, 0),
    ],
)
def test_answers(data, vendor, hardened):
    assert (answer(data), answer(data, hardened=True)) == (vendor, hardened)


def test_what_is_cut():
    read = read_push(text(url="u" * 300, version="v" * 70, module="m" * 40, sign="a" * 70), hardened=False)
    assert isinstance(read, ReceivedPush)
    assert (len(read.url), len(read.version), len(read.module), len(read.push.sign)) == (255, 63, 32, 65)


@pytest.mark.parametrize(
    ("size", "held"), [("true", 1), ("null", 0), ("-1", 0xFFFF_FFFF), ("1e99", 2**31 - 1), ("12.9", 12), ("[]", 0)]
)
def test_sizes(size, held):
    data = text().replace(b'"size": 1000', f'"size": {size}'.encode("ascii"))
    assert read_push(data, hardened=False).push.size == held


def test_the_first_of_two_equal_names_counts():
    data = text().replace(b'"size"', b'"size": 7, "SIZE"')
    assert read_push(data, hardened=False).push.size == 7


def test_without_sign_method_sign_is_never_read():
    read = read_push(text(signMethod=LEFT_OUT, md5="b" * 32, sign=7), hardened=False)
    assert read.push == Push(1000, "MD5", "B" * 32)


@pytest.mark.parametrize(
    ("digestsign", "decoded"),
    [
        ("", b""), ("A", b""), ("AAAA", bytes(3)), ("==", b""), ("AAAAAAA", bytes(3)), ("A\nA\r\nAA", bytes(3)),
        (base64.b64encode(bytes(256)).decode("ascii"), bytes(256)), (base64.b64encode(bytes(257)).decode("ascii"), None),
        (base64.b64encode(bytes(256)).decode("ascii").rstrip("="), None), ("A A=", None), ("=A", None), ("A\rAAA", None),
    ],
)  # fmt: skip
def test_digestsigns(digestsign, decoded):
    assert decode_digestsign(digestsign) == decoded


@given(st.binary())
def test_no_text_is_too_bad(data):
    for hardened in (False, True):
        assert isinstance(read_push(data, hardened=hardened), (ReceivedPush, Finding))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.sampled_from(["a", "b", "size"]), JSON))
def test_what_is_json_is_read(value):
    item = read_json(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    assert item is not None
    for name, wanted in value.items():
        if isinstance(wanted, str):
            assert item.member(name).valuestring == wanted.partition("\0")[0].encode("utf-8", "surrogatepass")


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b'{"a":1,}', b"[1", b'"a', b'"\\q"', b'"\\ud800"', b'"\\ud83d\\u0041"', b"-", b"nul", b"{1:2}",
     b"[" * 1001 + b"]" * 1001],
)  # fmt: skip
def test_what_is_no_json(data):
    assert read_json(data) is None


def test_what_cjson_takes_beyond_the_standard():
    assert read_json(b"[" * 1000 + b"]" * 1000) is not None
    assert read_json(b'\x01{"a": "\n\x02"}') is not None
    assert read_json(b'"a\\u0000b"').valuestring == b"a"
    assert read_json(b'"\\uzzzz"').valuestring == b""
    assert read_json(b'"\\ud83d\\ude00"').valuestring == "\U0001f600".encode()
    assert read_json(b"012").valueint == 12
    assert read_json(b"{}\0garbage") is not None
