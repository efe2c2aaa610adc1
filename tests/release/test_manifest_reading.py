"""Manifests come from other machines: anything may stand in one."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.release.artifact import Artifact
from aos_ota_plugin.release.manifest import MAGICS, Approval, BaseRelease, Manifest, Proof, parse_manifest
from aos_ota_plugin.release.module import Module

PAYLOAD = Artifact("ota_rtos.bin", "payload", 7, "0" * 32, "0" * 64)
HEX = st.text("0123456789abcdef", min_size=64, max_size=64)
TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
VERSION = st.from_regex(r"[A-Za-z0-9._-]{1,63}", fullmatch=True)
ARTIFACT = st.builds(
    Artifact,
    TEXT,
    TEXT,
    st.integers(0, 2**40),
    st.text("0123456789abcdef", min_size=32, max_size=32),
    HEX,
    payload=st.none(),
)
MODULES = st.lists(st.integers(0, 99), max_size=3, unique=True).flatmap(
    lambda numbers: st.tuples(
        *[
            st.one_of(
                st.builds(
                    Module,
                    st.just(f"m-{number:02}"),
                    st.just("v-1"),
                    ARTIFACT,
                    st.none() | st.just(f"/data/{number}"),
                    st.just(False),
                ),
                st.builds(
                    Module,
                    st.just(f"m-{number:02}"),
                    st.just("v-2"),
                    ARTIFACT,
                    st.just(f"/data/{number}"),
                    st.just(True),
                ),
                st.builds(
                    Module, st.just(f"m-{number:02}"), st.just("v-2"), ARTIFACT, image_magic=st.sampled_from(MAGICS)
                ),
            )
            for number in numbers
        ]
    )
)
MANIFEST = st.builds(
    Manifest,
    VERSION,
    st.sampled_from(("local", "cloud", "none")),
    st.sampled_from(("kv", "embedded", "unknown")),
    st.none() | HEX,
    ARTIFACT,
    st.lists(ARTIFACT, max_size=3).map(tuple),
    st.lists(st.builds(Proof, TEXT, TEXT), max_size=3).map(tuple),
    st.none() | TEXT,
    st.none() | TEXT,
    st.none() | st.builds(BaseRelease, VERSION, HEX),
    st.sampled_from(MAGICS),
    MODULES,
    st.none() | HEX,
    st.none() | st.builds(Approval, HEX, HEX, st.text("0123456789abcdef", min_size=512, max_size=512)),
    TEXT,
    chip=st.none() | TEXT,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(MANIFEST)
def test_round_trip(manifest):
    assert parse_manifest(manifest.to_json(), file="m") == manifest


@given(st.binary(max_size=200))
def test_survives_any_bytes(data):
    try:
        parse_manifest(data, file="m")
    except FormatError as error:
        assert "m" in str(error)


@given(MANIFEST, st.data())
def test_survives_any_field(manifest, data):
    document = json.loads(manifest.to_json())
    document[data.draw(st.sampled_from(sorted(document)))] = data.draw(JSON)
    try:
        read = parse_manifest(json.dumps(document).encode(), file="m")
    except FormatError:
        return
    assert isinstance(read.version, str)


def good() -> dict:
    artifact = {"file": "a", "kind": "full", "size": 1, "md5": "0" * 32, "sha256": "0" * 64}
    return {
        "schema": "aos-ota-manifest/1",
        "version": "v",
        "security": "local",
        "identity": "kv",
        "tool": "t",
        "key_fingerprint": "0" * 64,
        "payload": artifact,
        "images": [artifact],
        "proofs": [],
        "base": None,
        "solution": None,
        "board": None,
    }


MODULE = {
    "name": "panel",
    "version": "p-1",
    "image": good()["payload"],
    "store_path": "/data/p",
    "unpacked": True,
    "image_magic": None,
}
BAD = {
    "another schema": ({"schema": "aos-ota-manifest/2"}, '"schema"'),
    "no version": ({"version": ""}, '"version" is not a text'),
    "version of another type": ({"version": 1.1}, '"version" is not a text'),
    "unknown mode": ({"security": "secure"}, '"security" is none of local, cloud, none'),
    "fingerprint in capitals": ({"key_fingerprint": "A" * 64}, '"key_fingerprint" is not 64 lower-case hex digits'),
    "unknown magic": ({"image_magic": "BOOT"}, '"image_magic" is none of ALL, APP, KERNEL, FS, MCU'),
    "no magic": ({"image_magic": None}, '"image_magic" is not a text'),
    "modules no list": ({"modules": {}}, '"modules" is not a list'),
    "module no object": ({"modules": [5]}, "a module is not an object"),
    "module without a version": ({"modules": [{**MODULE, "version": None}]}, '"version" is not a text'),
    "module with a number as version": ({"modules": [{**MODULE, "version": 1.1}]}, '"version" is not a text'),
    "module without an image": ({"modules": [{**MODULE, "image": "f"}]}, "an artifact is not an object"),
    "module unpacked or not": ({"modules": [{**MODULE, "unpacked": "yes"}]}, '"unpacked" is neither true nor false'),
    "module with an unknown magic": ({"modules": [{**MODULE, "image_magic": "BOOT"}]}, '"image_magic" is none of'),
    "module that escapes": ({"modules": [{**MODULE, "name": "../x"}]}, "the module name '../x' is not 1 to 32"),
    "module kept elsewhere": ({"modules": [{**MODULE, "store_path": "/a/../b"}]}, "holds '.', '..'"),
    "two modules of one name": ({"modules": [MODULE, MODULE]}, "the module name panel is taken"),
    "images no list": ({"images": {}}, '"images" is not a list'),
    "payload no object": ({"payload": []}, "an artifact is not an object"),
    "negative size": ({"payload": {**good()["payload"], "size": -1}}, '"size" is not a size'),
    "size true": ({"payload": {**good()["payload"], "size": True}}, '"size" is not a size'),
    "short digest": ({"payload": {**good()["payload"], "md5": "0"}}, '"md5" is not 32 lower-case hex digits'),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_manifest(name):
    change, says = BAD[name]
    with pytest.raises(FormatError) as caught:
        parse_manifest(json.dumps({**good(), **change}).encode(), file="releases/m.json")
    assert str(caught.value).startswith("releases/m.json: this is no manifest that we can read: ")
    assert says in str(caught.value)
    assert "\n  fix: " in str(caught.value)


def test_a_manifest_of_an_older_version_says_nothing_of_magics_and_modules():
    manifest = parse_manifest(json.dumps(good()).encode(), file="m")
    assert (manifest.image_magic, manifest.modules) == ("ALL", ())


def test_place_of_broken_json():
    with pytest.raises(FormatError, match=r"^m\.json:2:1: this is no manifest that we can read"):
        parse_manifest(b'{"a": 1,\n', file="m.json")


def with_payloads(manifest, other):
    """A manifest whose images decode to the release's payload and, every second one, to another."""
    payloads = [manifest.payload, other]
    images = [image._replace(payload=payloads[n % 2].sha256) for n, image in enumerate(manifest.images)]
    return manifest._replace(images=tuple(images), other_payloads=(other,))


@given(MANIFEST, ARTIFACT)
def test_images_name_their_payload(manifest, other):
    parsed = parse_manifest(with_payloads(manifest, other).to_json(), file="m.json")
    for number, image in enumerate(parsed.images):
        assert parsed.payload_of(image).sha256 == (manifest.payload, other)[number % 2].sha256
    assert [manifest.payload_of(image) for image in manifest.images] == [manifest.payload] * len(manifest.images)


def test_payload_that_is_not_there_is_refused():
    document = good()
    document["images"] = [{**document["payload"], "file": "a.bin", "kind": "full", "payload": "5" * 64}]
    with pytest.raises(FormatError, match='the payload of "a.bin" is not among those of the release'):
        parse_manifest(json.dumps(document).encode(), file="m.json")


@pytest.mark.parametrize(
    ("version", "says"),
    [
        ("app-1.0.0\0", r"contains '\\x00'"),
        ("app-1.0.0 ", "contains ' '"),
        ("v" * 64, "has 64 characters; devices keep 63"),
        ("v" * 10**6, "has 1000000 characters; devices keep 63"),
        ("app-\u0661", r"contains '\\u0661'"),
        ("app-\udcff", r"contains '\\udcff'"),
    ],
)
@pytest.mark.parametrize("place", ["the release", "its base"])
def test_a_version_that_no_device_runs(version, says, place):
    """A next release is compared with it, as if devices ran it."""
    good = Manifest("app-1.0.0", "none", "kv", None, PAYLOAD, (), (), base=BaseRelease("app-0.9.0", "0" * 64))
    document = json.loads(good.to_json())
    (document if place == "the release" else document["base"])["version"] = version
    with pytest.raises(FormatError, match=f'm.json: this is no manifest that we can read: "version" {says}') as caught:
        parse_manifest(json.dumps(document).encode("ascii"), file="m.json")
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_as_powershell_and_windows_editors_save_it(encoding):
    text = Manifest("app-1.0.0", "none", "kv", None, PAYLOAD, (), (), solution="方案").to_json().decode("utf-8")
    assert parse_manifest(text.replace("\n", "\r\n").encode(encoding), file="m.json").solution == "方案"


def test_a_name_that_is_not_utf_8_stands_in_no_manifest():
    """Its bytes, as Python reads them from a Linux file system, have no place in JSON."""
    name = os.fsdecode(b"fw \xff.bin")
    with pytest.raises(FormatError, match=r"'\\xff\.bin' is not UTF-8") as caught:
        Manifest("app-1.0.0", "none", "kv", None, PAYLOAD._replace(file=name), (), ()).to_json()
    assert caught.value.remedy == "rename the file or folder"
