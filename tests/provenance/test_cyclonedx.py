"""The list of components: valid by the standard's own schema, the same for the same input, and read with care."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from schemas import cyclonedx_schema

from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.provenance.component import Component, Product
from aos_ota_plugin.provenance.cyclonedx import bill_of_materials, parse_bill

NAME = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True)
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
COMPONENTS = st.lists(
    st.builds(
        Component,
        NAME,
        TEXT,
        st.sampled_from(("common", "kernel", "board", "solution")),
        TEXT,
        TEXT,
        st.lists(NAME, max_size=3).map(tuple),
    ),
    max_size=4,
    unique_by=lambda one: one.name,
)
PRODUCT = Product("ota_demo", "app-1.0.0", "haas100", "ab" * 32)
SOLUTION = Component("ota_demo", "master", "solution", "solutions/ota_demo", "", ("ota", "not_there"))
OTA = Component("ota", "v7.4 (α)", "common", "components/ota", "Apache-2.0", ("rhino",))
RHINO = Component("rhino", "", "kernel", "kernel/rhino")


def test_golden():
    document = json.loads(bill_of_materials(PRODUCT, [SOLUTION, RHINO, OTA]))
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.5")
    firmware = document["metadata"]["component"]
    assert (firmware["type"], firmware["name"], firmware["version"]) == ("firmware", "ota_demo", "app-1.0.0")
    assert firmware["hashes"] == [{"alg": "SHA-256", "content": "ab" * 32}]
    assert [(one["type"], one["name"], one.get("version"), one["purl"]) for one in document["components"]] == [
        ("library", "ota", "v7.4 (α)", "pkg:generic/ota@v7.4%20%28%CE%B1%29"),
        ("operating-system", "rhino", None, "pkg:generic/rhino"),
    ]
    assert document["components"][0]["licenses"] == [{"license": {"name": "Apache-2.0"}}]
    assert document["dependencies"] == [
        {"ref": "firmware:ota_demo", "dependsOn": ["component:ota"]},
        {"ref": "component:ota", "dependsOn": ["component:rhino"]},
        {"ref": "component:rhino", "dependsOn": []},
    ]
    assert "timestamp" not in document["metadata"]


@given(COMPONENTS, st.sampled_from(("", "0" * 64)))
def test_valid_by_the_official_schema_and_independent_of_order(components, payload):
    product = PRODUCT._replace(payload_sha256=payload)
    data = bill_of_materials(product, components)
    assert cyclonedx_schema().validate_str(data.decode("utf-8")) is None
    assert bill_of_materials(product, components[::-1]) == data
    assert parse_bill(data, file="m") == product._replace(board=None)


def test_another_component_gives_another_serial_number():
    serials = {
        json.loads(bill_of_materials(PRODUCT, parts))["serialNumber"]
        for parts in ([], [OTA], [OTA._replace(version="v8")])
    }
    assert len(serials) == 3


GOOD = json.loads(bill_of_materials(PRODUCT, [OTA]))
BAD = {
    "no JSON": (b"{", "it is not JSON"),
    "no text": (b"\xff", "it is not JSON"),
    "a list": (b"[]", '"bomFormat"'),
    "deep": (b"[" * 100_000, "it is not JSON"),
    "another format": (json.dumps({**GOOD, "bomFormat": "SPDX"}).encode(), '"bomFormat"'),
    "a newer version": (
        json.dumps({**GOOD, "specVersion": "9.9"}).encode(),
        "'9.9' is none that we know (1.4, 1.5, 1.6)",
    ),
    "no firmware": (json.dumps({**GOOD, "metadata": {}}).encode(), "names no firmware"),
    "odd hashes": (
        json.dumps({**GOOD, "metadata": {"component": {"name": "n", "version": "v", "hashes": 5}}}).encode(),
        "names no firmware",
    ),
    "a number": (
        json.dumps({**GOOD, "metadata": {"component": {"name": "n", "version": 1.1}}}).encode(),
        "that is no text",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_document(name):
    data, says = BAD[name]
    with pytest.raises(FormatError) as caught:
        parse_bill(data, file="r/x.cdx.json")
    assert caught.value.place.file == "r/x.cdx.json"
    assert caught.value.problem.startswith("this is no CycloneDX document that we can read: ")
    assert says in str(caught.value)


@given(st.binary(max_size=100))
def test_survives_any_bytes(data):
    with pytest.raises(FormatError):
        parse_bill(data, file="m")
