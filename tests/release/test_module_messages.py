"""Named modules and the messages about them."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aos_ota_plugin.errors import FormatError, OtaError, Place, SettingsError
from aos_ota_plugin.protocol.push import PushMessage, parse_push
from aos_ota_plugin.protocol.reports import inform_message, progress_message
from aos_ota_plugin.release.artifact import Artifact
from aos_ota_plugin.release.module import Module, check_modules

FILE = Artifact("f", "file", 1, "0" * 32, "0" * 64)
SIGNATURE = base64.b64encode(bytes(256)).decode()
PUSH = PushMessage(1234, "panel-1.0.1", "https://host/f.bin?a=b", "SHA256", "ab" * 32, "cd" * 16, SIGNATURE, "panel")


def test_a_push_is_the_platforms_json():
    assert PUSH.to_json().decode() == (
        '{"code":"1000","message":"success","data":{"size":1234,"version":"panel-1.0.1","url":"https://host/f.bin?a=b",'
        '"signMethod":"SHA256","sign":"'
        + "ab" * 32
        + '","md5":"'
        + "cd" * 16
        + '","digestsign":"'
        + SIGNATURE
        + '","module":"panel"}}'
    )
    short = PushMessage(1, "1", "http://h", "Md5", "00" * 16)
    assert json.loads(short.to_json())["data"] == {
        "size": 1,
        "version": "1",
        "url": "http://h",
        "signMethod": "Md5",
        "sign": "00" * 16,
    }


words = st.text("abcXYZ019._-", min_size=1)
pushes = st.one_of(
    [
        st.builds(
            PushMessage,
            st.integers(1, 2**32 - 1),
            words.map(lambda text: text[:63]),
            words.map(lambda text: "https://" + text[:200]),
            st.just(method),
            st.binary(min_size=size, max_size=size).map(bytes.hex),
            st.none() | st.binary(min_size=16, max_size=16).map(bytes.hex),
            st.none() | st.binary(min_size=256, max_size=256).map(lambda raw: base64.b64encode(raw).decode()),
            st.none() | words.map(lambda text: text[:32]),
        )
        for method, size in (("Md5", 16), ("SHA256", 32))
    ]
)


@given(pushes)
def test_push_round_trip(push):
    assert parse_push(push.to_json()) == push


def changed(**changes):
    document = json.loads(PUSH.to_json())
    document["data"].update(changes)
    return json.dumps(document).encode()


def test_what_the_platform_may_add_or_leave_out():
    assert parse_push(changed(isDiff=0, extData={"x": 1}, signMethod="sha256")) == PUSH
    assert parse_push(changed(signMethod=None, sign="00" * 16)).sign_method == "Md5"


@pytest.mark.parametrize(
    "data, message",
    [
        (b"{", "push.json:1:2: this is no push message that we can read: it is not JSON"),
        (b"\xff", "push.json: this is no push message"),
        (b"[]", '"code" is not "1000"'),
        (b'{"code":"1000"}', 'it has no "data"'),
        (b"[" * 100_000, "not JSON"),
        (changed(size="5"), '"size" is not a number'),
        (changed(size=True), '"size" is not a number'),
        (changed(size=0), "size is 0"),
        (changed(size=2**32), "size is 4294967296"),
        (changed(url=None), '"url" is not a text'),
        (changed(module=5), '"module" is not a text'),
        (changed(url="ftp://x"), "not one of http or https"),
        (changed(url="http://a b"), "not one of http or https"),
        (changed(url="http://" + "x" * 249), "the url has 256 characters; a device keeps 255"),
        (changed(version="v" * 64), "64 characters; devices keep 63"),
        (changed(version="a b"), "version contains ' '"),
        (changed(module="m" * 33), "is not 1 to 32 letters"),
        (changed(signMethod="SM3"), "signMethod 'SM3' is none of Md5, SHA256"),
        (changed(sign="ab" * 16), "sign is not 64 hex digits"),
        (changed(md5="xy" * 16), "md5 is not 32 hex digits"),
        (changed(digestsign="!"), "digestsign is not base64"),
        (changed(digestsign="AAAA"), "digestsign has 3 bytes, not 256"),
    ],
)
def test_bad_pushes(data, message):
    with pytest.raises(FormatError) as caught:
        parse_push(data, file="push.json")
    assert message in str(caught.value)
    assert caught.value.place.file == "push.json"
    assert caught.value.remedy


@settings(max_examples=200)
@given(
    st.one_of(
        st.binary(max_size=60),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["code", "data", "size", "url", "sign", "version"]), inner)
            ),
        ).map(lambda value: json.dumps(value).encode()),
        st.dictionaries(
            st.sampled_from(["size", "url", "sign", "version", "md5", "module", "digestsign", "signMethod"]),
            st.none() | st.integers() | st.text(max_size=9),
        ).map(lambda changes: changed(**changes)),
    )
)
def test_any_push(data):
    try:
        push = parse_push(data)
    except OtaError as error:
        assert error.remedy
    else:
        assert parse_push(push.to_json()) == push


def test_what_a_device_publishes():
    assert inform_message("app-1.0.0") == b'{"id":0,"params":{"version":"app-1.0.0"}}\0'
    assert inform_message("1", "panel") == b'{"id":0,"params":{"version":"1","module":"panel"}}\0'
    assert len(inform_message("v" * 63, "m" * 32)) < 256
    assert progress_message(20) == b'{"id":1,"params":{"step": "20","desc":""}}\0'
    assert progress_message(-11, "panel") == (
        b'{"id":1,"params":{"step": "-3","desc":"OTA verfiy SHA256 failed","module":"panel"}}\0'
    )
    assert progress_message(-3, "") == (
        b'{"id":1,"params":{"step": "-1","desc":"OTA transport parse failed","module":""}}\0'
    )
    for wrong in (
        lambda: progress_message(1, "a b"),
        lambda: inform_message("1", "a b"),
        lambda: inform_message("a b"),
    ):
        with pytest.raises(SettingsError):
            wrong()
    with pytest.raises(FormatError, match="the status 101 is above 100"):
        progress_message(101)


@pytest.mark.parametrize(
    "values, message",
    [
        (("", "1", "f"), "the module name '' is not 1 to 32"),
        (("a b", "1", "f"), "the module name 'a b'"),
        (("m" * 33, "1", "f"), "is not 1 to 32"),
        (("m", "", "f"), "the version of module m is empty"),
        (("m", "v" * 64, "f"), "devices keep 63"),
        (("m", "1", "f", "/" + "p" * 76), "has 77 bytes; a device keeps 76"),
        (("m", "1", "f", "/" + "é" * 38), "has 77 bytes"),
        (("m", "1", "f", "data/x"), "is not absolute"),
        (("m", "1", "f", "/a/../b"), "holds '.', '..'"),
        (("m", "1", "f", "/a\n"), "control character"),
        (("m", "1", "f", "/a\x7f"), "control character"),
        (("m", "1", "f", "//a"), "empty part"),
        (("m", "1", "f", "/data/"), "the file needs a name"),
        (("m", "1", "f", None, True), "a pack without a folder"),
        (("m", "1", "f", "/" + "p" * 64, True), "has 65 bytes; a device keeps 64"),
        (("m", "1", "f", "/\udc80"), "cannot be written in UTF-8"),
    ],
)
def test_bad_modules(values, message):
    with pytest.raises(SettingsError) as caught:
        Module(values[0], values[1], FILE, *values[3:])
    assert message in caught.value.problem
    assert caught.value.remedy


def test_the_longest_values_fit():
    Module("m" * 32, "v" * 63, FILE, "/" + "p" * 63, unpacked=True)
    Module("m" * 32, "v" * 63, FILE, "/" + "p" * 75)
    Module("m", "1", FILE, "/", unpacked=True)
    Module("m", "1", FILE, "/data/", unpacked=True)


def test_modules_of_one_product():
    places = [Place("list", line) for line in range(1, 12)]
    check_modules([Module(f"m{number}", "1", FILE, f"/m{number}") for number in range(10)], places)
    for names, message in (
        (("a", "A"), "list:2: the module name A is taken; the platform does not see case in names"),
        (("panel2", "panel"), "list:2: the module name panel and the name panel2 begin alike"),
        (("panel", "panel2"), "an update of panel could end up in the place of panel2"),
        (("def",), "list:1: the module name def and the name default begin alike"),
        (("default-2",), "that is the whole firmware"),
        (("Default",), "the module name Default is taken"),
        ([f"m-{number:02}" for number in range(11)], "list:11: 11 modules; the platform takes 10"),
    ):
        with pytest.raises(SettingsError) as caught:
            check_modules([Module(name, "1", FILE) for name in names], places)
        assert message in str(caught.value)
        assert caught.value.remedy
    with pytest.raises(SettingsError, match="the modules a and b have the store path '/x'"):
        check_modules([Module("a", "1", FILE, "/x/", unpacked=True), Module("b", "1", FILE, "/x")])
