"""The manifest's JSON schema describes what is written, and the reader keeps to it."""

from __future__ import annotations

import functools
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from schemas import MANIFEST_SCHEMA, manifest_schema
from test_manifest_reading import BAD, JSON, MANIFEST, MODULE, good

from aos_ota_plugin import __version__
from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.release.make import make_release
from aos_ota_plugin.release.manifest import SCHEMA, parse_manifest

DOCUMENT = json.loads(MANIFEST_SCHEMA.read_text(encoding="utf-8"))
# With a field that the schema does not name, a manifest is still good for readers; what we write has none.
STRICT_DOCUMENT = json.loads(
    json.dumps(DOCUMENT),
    object_hook=lambda one: {
        **one,
        **({"additionalProperties": False} if "properties" in one and one.get("type") == "object" else {}),
    },
)


@functools.cache
def strict():
    """Return the validator of what we write."""
    return type(manifest_schema())(STRICT_DOCUMENT)


def test_the_schema_is_one():
    manifest_schema().check_schema(DOCUMENT)
    assert DOCUMENT["properties"]["schema"]["const"] == SCHEMA


@given(MANIFEST)
def test_every_manifest_that_is_written_is_valid(manifest):
    strict().validate(json.loads(manifest.to_json()))


def test_manifests_of_releases_are_valid(given):
    given = given.but(payload=given.firmware.payload + random.Random(1).randbytes(4096))
    base = make_release(*given.but(elf=None, payload=b"opaque" * 99, version="app-1.0.0")).manifest
    for release in (
        given,
        given.but(compress_xz=True),
        given.but(base=base),
        given.but(security="none", signer=None),
        given.but(solution="ota_demo", board="haas100", image_magic="MCU", elf=None),
    ):
        strict().validate(json.loads(make_release(*release).manifest.to_json()))


@pytest.mark.parametrize(
    "name",
    [name for name in BAD if name not in ("module that escapes", "module kept elsewhere", "two modules of one name")],
)  # rules of names, which a schema does not hold
def test_what_the_reader_refuses_is_not_valid(name):
    assert not manifest_schema().is_valid({**good(), **BAD[name][0]})


@given(st.sampled_from(sorted(good())), JSON)
def test_what_is_valid_can_be_read(field, value):
    document = {**good(), field: value}
    if manifest_schema().is_valid(document) and not (isinstance(value, float)):  # 1.0 is an integer to JSON schema
        parse_manifest(json.dumps(document).encode(), file="m")


def test_a_field_that_is_not_known_is_skipped():
    document = {**good(), "modules": [{**MODULE, "later": 1}], "later": {"a": []}}
    manifest_schema().validate(document)
    assert parse_manifest(json.dumps(document).encode(), file="m").modules[0].name == "panel"


@pytest.mark.parametrize("number", ["2", "10", "999999999"])
def test_a_newer_schema_says_so(number):
    with pytest.raises(FormatError) as caught:
        parse_manifest(json.dumps({**good(), "schema": f"aos-ota-manifest/{number}"}).encode(), file="m.json")
    assert str(caught.value) == (
        f'm.json: this is no manifest that we can read: "schema" is "aos-ota-manifest/{number}", and aos_ota_plugin {__version__} '
        'knows no newer one than "aos-ota-manifest/1"\n  fix: update aos_ota_plugin to the version that wrote it, or a newer one: '
        "python -m pip install --upgrade aos_ota_plugin"
    )


@pytest.mark.parametrize(
    "schema",
    [
        "aos-ota-manifest/0",
        "aos-ota-manifest/-1",
        "aos-ota-manifest/²",
        "aos-ota-manifest/" + "9" * 5000,
        "aos-ota-layout/2",
        "",
        None,
        2,
        ["aos-ota-manifest/2"],
    ],
)
def test_any_other_schema_is_no_manifest(schema):
    with pytest.raises(FormatError, match='"schema" is not "aos-ota-manifest/1"'):
        parse_manifest(json.dumps({**good(), "schema": schema}).encode(), file="m.json")
