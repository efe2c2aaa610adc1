"""The statement: read by in-toto's own definitions, the same for the same input, and read with care."""

from __future__ import annotations

import json

import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import given
from hypothesis import strategies as st
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.v1 import statement_pb2

from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.provenance.component import Component, Revision
from aos_ota_plugin.provenance.statement import Build, Tool, parse_statement, statement

OTA = Component("ota", "master", "common", "components/ota")
DEMO = Component("ota_demo", "master", "solution", "solutions/ota_demo")
BUILD = Build(
    "ota_demo",
    "haas100",
    {"OTA_APP_VERSION": "app-1.0.0"},
    "f" * 64,
    (OTA, DEMO),
    {"ota": Revision("a" * 40, True)},
    Tool("arm-none-eabi-gcc", "12.2.1", "arm-none-eabi-gcc (x) 12.2.1"),
    (Tool("aos_ota_plugin", "0.1.0"),),
    ("app-0.9.9", "b" * 64),
)
SUBJECTS = {"ota_rtos_ota.json": "1" * 64, "ota_rtos_ota.bin": "0" * 64}


def test_in_toto_s_own_definitions_know_every_field():
    document = json.loads(statement(SUBJECTS, BUILD))
    predicate = document.pop("predicate")
    read = ParseDict(document, statement_pb2.Statement())  # raises for a field that is not in the specification
    assert read.type == "https://in-toto.io/Statement/v1"
    assert read.predicate_type == "https://slsa.dev/provenance/v1"
    assert [(one.name, one.digest["sha256"]) for one in read.subject] == [
        ("ota_rtos_ota.bin", "0" * 64),
        ("ota_rtos_ota.json", "1" * 64),
    ]
    provenance = ParseDict(predicate, provenance_pb2.Provenance())
    assert provenance.build_definition.external_parameters["settings"]["OTA_APP_VERSION"] == "app-1.0.0"
    found = {one.name: one for one in provenance.build_definition.resolved_dependencies}
    assert set(found) == {"ota", "ota_demo", "arm-none-eabi-gcc", "base release app-0.9.9"}
    assert found["ota"].digest["gitCommit"] == "a" * 40
    assert found["ota"].annotations["modified"] is True
    assert (found["ota_demo"].uri, dict(found["ota_demo"].digest)) == ("pkg:generic/ota_demo@master", {})
    assert found["arm-none-eabi-gcc"].uri == "pkg:generic/arm-none-eabi-gcc@12.2.1"
    assert found["base release app-0.9.9"].digest["sha256"] == "b" * 64
    assert provenance.run_details.builder.version["aos_ota_plugin"] == "0.1.0"
    assert not provenance.run_details.HasField("metadata")  # no time: the same inputs give the same bytes


def test_order_of_what_is_given_does_not_matter():
    turned = BUILD._replace(components=BUILD.components[::-1])
    assert statement(dict(reversed(SUBJECTS.items())), turned) == statement(SUBJECTS, BUILD)


def test_what_is_not_known_is_left_out():
    document = json.loads(statement(SUBJECTS, BUILD._replace(compiler=None, base=None, revisions={}, components=())))
    assert document["predicate"]["buildDefinition"]["resolvedDependencies"] == []


def test_round_trip():
    read = parse_statement(statement(SUBJECTS, BUILD), file="m")
    assert (read.subjects, read.settings, read.key_fingerprint) == (SUBJECTS, BUILD.settings, "f" * 64)
    assert (read.solution, read.board) == ("ota_demo", "haas100")


def changed(path, value):
    document = json.loads(statement(SUBJECTS, BUILD))
    holder = document
    for name in path[:-1]:
        holder = holder[name]
    holder[path[-1]] = value
    return json.dumps(document).encode()


DEFINITION = ("predicate", "buildDefinition")
BAD = {
    "no JSON": (b"{", "it is not JSON"),
    "a list": (b"[]", '"_type" is not'),
    "an older statement": (changed(["_type"], "https://in-toto.io/Statement/v0.1"), '"_type" is not'),
    "another predicate": (changed(["predicateType"], "https://slsa.dev/provenance/v2"), '"predicateType" is not'),
    "no predicate": (changed(["predicate"], 5), '"buildType" is not'),
    "a newer build type": (
        changed([*DEFINITION, "buildType"], "urn:x-aos-ota-plugin:build:2"),
        "a newer aos_ota_plugin may know it",
    ),
    "no settings": (changed([*DEFINITION, "externalParameters"], {}), '"settings" is not'),
    "a number as setting": (changed([*DEFINITION, "externalParameters", "settings"], {"a": 1}), '"settings" is not'),
    "no key": (changed([*DEFINITION, "externalParameters", "signingKey"], None), '"signingKey" is not a text'),
    "a list as board": (changed([*DEFINITION, "externalParameters", "board"], []), '"solution" or "board"'),
    "no subjects": (changed(["subject"], []), '"subject" is not a list'),
    "subject no object": (changed(["subject"], [5]), "a subject has no name"),
    "digest in capitals": (changed(["subject"], [{"name": "a", "digest": {"sha256": "A" * 64}}]), "no SHA-256"),
    "only another digest": (changed(["subject"], [{"name": "a", "digest": {"md5": "a" * 32}}]), "no SHA-256"),
    "a subject twice": (
        changed(["subject"], [{"name": "a", "digest": {"sha256": "a" * 64}}] * 2),
        "'a' is there twice",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_statement(name):
    data, says = BAD[name]
    with pytest.raises(FormatError) as caught:
        parse_statement(data, file="r/s.jsonl")
    assert str(caught.value).startswith("r/s.jsonl: this is no statement that we can read: ")
    assert says in str(caught.value)


@given(st.binary(max_size=100))
def test_survives_any_bytes(data):
    with pytest.raises(FormatError):
        parse_statement(data, file="m")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from([("subject",), ("predicate",), DEFINITION, (*DEFINITION, "externalParameters")]), JSON)
def test_survives_any_field(path, value):
    try:
        parse_statement(changed(path, value), file="m")
    except FormatError as error:
        assert str(error).startswith("m: ")
