"""JSON with a key twice is refused, in every document that somebody signs, trusts or is sent."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutation_targets import APPROVAL, LAYOUT, MANIFEST, PUSH
from text_targets import BILL, ENVELOPE, STATEMENT

from aos_ota_plugin.cloud.data_folder import read_config
from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.files.documents import DocumentKind, parse_json, read_document, write_document
from aos_ota_plugin.keys.approval import parse_approval
from aos_ota_plugin.protocol.push import parse_push
from aos_ota_plugin.provenance.cyclonedx import parse_bill
from aos_ota_plugin.provenance.dsse import parse_envelope
from aos_ota_plugin.provenance.statement import parse_statement
from aos_ota_plugin.release.layout import parse_layout
from aos_ota_plugin.release.manifest import parse_manifest
from aos_ota_plugin.verify.describe import inspect

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
ODD_KEYS = st.text(st.sampled_from('a"\\:{}[],\n文'), max_size=4)


@given(ANYTHING, st.sampled_from([None, 2]))
def test_sound_json_is_read_as_json_reads_it(value, indent):
    data = json.dumps(value, indent=indent, ensure_ascii=False).encode("utf-8", "surrogatepass")
    assert parse_json(data) == value


@given(st.dictionaries(ODD_KEYS, ANYTHING, min_size=1, max_size=4), ANYTHING, st.data())
def test_a_key_twice_is_refused_where_it_stands(members, inner, data):
    """Built line by line, so that the test knows where the second one stands."""
    key = data.draw(st.sampled_from(list(members)))
    lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in members.items()]
    lines.append(f"{json.dumps(key)}: {json.dumps(inner)}")
    text = '{"outer": [\n {' + ",\n   ".join(lines) + "}]}"
    with pytest.raises(FormatError) as caught:
        parse_json(text.encode(), "文 件.json")
    assert caught.value.place == ("文 件.json", 1 + len(lines), 4)
    assert f"in lines {2 + list(members).index(key)} and {1 + len(lines)}" in caught.value.problem
    assert caught.value.remedy


@pytest.mark.parametrize(
    "text", [r'{"a": 1, "\u0061": 2}', '{"a": {"b": 1}, "a": {"b": 1}}', '[[{"x": {"k": [], "k": []}}]]']
)
def test_however_it_is_written(text):
    with pytest.raises(FormatError, match="stands in one object twice"):
        parse_json(text.encode())


def test_case_counts_unless_it_does_not():
    text = b'{"url": 1, "URL": 2}'
    assert parse_json(text) == {"url": 1, "URL": 2}
    with pytest.raises(FormatError, match="the key 'URL' stands in one object twice"):
        parse_json(text, ignore_case=True)


@pytest.mark.parametrize("data", [b"{", b"\xff", b'{"a": 1,}', b""])
def test_what_is_not_json(data):
    with pytest.raises((json.JSONDecodeError, UnicodeDecodeError)):
        parse_json(data)


# --- headers

OURS = DocumentKind("list", {"schema": "aos-ota-list/2"}, "make one")
OLD = DocumentKind("vote", {"format": "aos-ota vote", "format_version": 1}, "ask again")
BARE = DocumentKind("config", {"schema": "aos-ota-config/1"}, "restore it", or_none=True)


def header(kind, **values):
    return read_document(json.dumps({"x": 1, **values}).encode(), kind, file="f.json")


def test_what_is_written_is_read():
    for kind in (OURS, OLD, BARE):
        assert read_document(write_document(kind, {"x": 1}), kind, file="f").values == {**kind.header, "x": 1}
    assert write_document(OURS, {"x": 1}) == b'{"schema": "aos-ota-list/2", "x": 1}'


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"schema": "aos-ota-list/1"},
        {"schema": "aos-ota-lists/3"},
        {"schema": 3},
        {"schema": ["aos-ota-list/2"]},
        {"format": "aos-ota list", "format_version": 2},
    ],
)
def test_another_header(values):
    with pytest.raises(FormatError) as caught:
        header(OURS, **values)
    assert str(caught.value) == (
        'f.json: this is no list that we can read: "schema" is not "aos-ota-list/2"\n  fix: make one'
    )


@pytest.mark.parametrize(
    "kind, values", [(OURS, {"schema": "aos-ota-list/3"}), (OLD, {"format": "aos-ota vote", "format_version": 2})]
)
def test_a_newer_version(kind, values):
    with pytest.raises(FormatError, match="knows no newer one than") as caught:
        header(kind, **values)
    assert "update aos_ota_plugin" in caught.value.remedy


def test_a_kind_that_had_no_header():
    assert header(BARE).size("x") == 1
    assert header(BARE, schema="aos-ota-config/1").size("x") == 1
    with pytest.raises(FormatError, match='"schema" is'):
        header(BARE, schema="aos-ota-config/2")


@pytest.mark.parametrize("data", [b"[]", b"5", b"null"])
def test_what_is_no_object(data):
    for kind in (OURS, BARE):
        with pytest.raises(FormatError, match='"schema" is not'):
            read_document(data, kind, file="f.json")


def test_where_it_stops_being_json():
    with pytest.raises(FormatError, match=r"^f.json:2:1: this is no list that we can read: it is not JSON"):
        read_document(b'{"schema": \n', OURS, file="f.json")


# --- every document that is read

DOCUMENTS = {
    "manifest": (MANIFEST.to_json(), "version", lambda data: parse_manifest(data, file="f")),
    "layout": (json.dumps(LAYOUT).encode(), "schema", lambda data: parse_layout(data, file="f")),
    "approval": (APPROVAL.to_json(), "message", lambda data: parse_approval(data, file="f")),
    "envelope": (ENVELOPE, "payload", lambda data: parse_envelope(data, file="f")),
    "statement": (STATEMENT, "signingKey", lambda data: parse_statement(data, file="f")),
    "bill": (BILL, "bomFormat", lambda data: parse_bill(data, file="f")),
    "push": (PUSH.to_json(), "url", lambda data: parse_push(data, file="f")),
    "info": (MANIFEST.to_json(), "security", lambda data: inspect(data, file="f")),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_document(name):
    data, key, read = DOCUMENTS[name]
    read(data)
    twice = re.sub(rb'("%s": ?)' % key.encode(), rb'\1"first", \1', data, count=1)
    assert twice != data
    with pytest.raises(FormatError) as caught:
        read(twice)
    assert f"the key '{key}' stands in one object twice" in caught.value.problem
    assert str(caught.value).startswith("f:")


def test_a_push_with_a_field_that_differs_in_case():
    """A device would take the first, whatever its case."""
    with pytest.raises(FormatError, match="'url' stands in one object twice"):
        parse_push(PUSH.to_json().replace(b'"url":', b'"URL":"http://other.example/", "url":'))


def test_a_cloud_s_configuration(tmp_path):
    config = {"mqtt_port": 1, "image_port": 2, "api_port": 3, "host": "h", "token": "t", "url_key": "u"}
    (tmp_path / "cloud.json").write_text(json.dumps(config), encoding="utf-8")
    assert read_config(tmp_path).token == "t"
    (tmp_path / "cloud.json").write_text(
        json.dumps(config).replace('"token"', '"token": "x", "token"'), encoding="utf-8"
    )
    with pytest.raises(FormatError, match="the key 'token' stands in one object twice"):
        read_config(tmp_path)
