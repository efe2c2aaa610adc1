"""The record of the last good release: what is written is read again, and nothing that is read is an error."""

from __future__ import annotations

import hashlib
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aos_ota_plugin.pipeline.fingerprint import Fingerprint
from aos_ota_plugin.pipeline.state import ReleaseState, is_intact, parse_state, read_state, release_state, write_state

FOLDER = os.path.abspath(os.path.join(os.sep, "w s", "输出"))
IMAGE = os.path.join(FOLDER, "ota_rtos_ota.bin")
XZ = IMAGE + ".xz"
FINGERPRINT = Fingerprint("a" * 64, "", "b" * 64)
GOOD = release_state(FINGERPRINT, {IMAGE: "1" * 64, XZ: "2" * 64}, ["warning: 警告"], {IMAGE: "app-1.0.0, 9 bytes"})


def written(tmp_path, state):
    write_state(str(tmp_path / "state.json"), state)
    return (tmp_path / "state.json").read_bytes()


def test_what_is_written_is_read_again(tmp_path):
    written(tmp_path, GOOD)
    assert read_state(str(tmp_path / "state.json"), FOLDER) == GOOD
    assert GOOD.digests() == {IMAGE: "1" * 64, XZ: "2" * 64}


def test_while_outputs_are_replaced_each_may_be_the_old_or_the_new_one(tmp_path):
    during = GOOD.replaced_by({IMAGE: "3" * 64, IMAGE + ".new": "4" * 64})
    assert during.fingerprint is None
    assert during.outputs == {IMAGE: ("1" * 64, "3" * 64), XZ: ("2" * 64,), IMAGE + ".new": ("4" * 64,)}
    assert parse_state(written(tmp_path, during), FOLDER) == during
    assert set(during.digests()) == {XZ, IMAGE + ".new"}
    # Killed twice at it.
    assert during.replaced_by({IMAGE: "3" * 64}).outputs[IMAGE] == ("1" * 64, "3" * 64)


def test_outputs_of_other_folders_do_not_count(tmp_path):
    assert parse_state(written(tmp_path, GOOD), os.path.dirname(FOLDER)) == GOOD._replace(outputs={}, summary={})


def test_a_file_of_0_1_0_means_that_all_is_made_anew():
    """Its outputs count: what it made and the next release does not make is removed."""
    old = {"key": "c" * 64 + "//", "outputs": {IMAGE: "1" * 64, XZ: "1" * 64 + "," + "2" * 64}, "warnings": ["w"]}
    state = parse_state(json.dumps(old).encode(), FOLDER)
    assert state.fingerprint is None
    assert state.outputs == {IMAGE: ("1" * 64,), XZ: ("1" * 64, "2" * 64)}


@pytest.mark.parametrize(
    "change",
    [
        {"fingerprint": []},
        {"fingerprint": {"images": "a"}},
        {"fingerprint": {"images": 1, "modules": "", "documents": ""}},
        {"fingerprint": "x"},
        {"outputs": None},
        {"outputs": [1]},
        {"outputs": {IMAGE: None}},
        {"outputs": {IMAGE: [1]}},
        {"warnings": [1]},
        {"warnings": 1},
        {"summary": {IMAGE: 1}},
        {"summary": ["x"]},
    ],
)
def test_a_damaged_file_is_no_release(tmp_path, change):
    document = {**json.loads(written(tmp_path, GOOD)), **change}
    state = parse_state(json.dumps(document).encode(), FOLDER)
    assert state.fingerprint is None


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"1", b"\xff", b"{", b"[" * 100_000, b"null"])
def test_what_is_no_state_is_no_release(tmp_path, data):
    (tmp_path / "state.json").write_bytes(data)
    assert read_state(str(tmp_path / "state.json"), FOLDER) == ReleaseState()


def test_no_file_is_no_release(tmp_path):
    assert read_state(None, FOLDER) == ReleaseState()
    assert read_state(str(tmp_path), FOLDER) == ReleaseState()
    assert read_state(str(tmp_path / "none"), FOLDER) == ReleaseState()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["fingerprint", "outputs", "images", IMAGE]), inner)
    ),
)


@given(JSON)
def test_any_json_is_a_state(value):
    assert isinstance(parse_state(json.dumps(value).encode(), FOLDER), ReleaseState)


def test_a_file_is_intact_with_any_of_its_digests(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"a")
    digest = hashlib.sha256(b"a").hexdigest()
    assert is_intact(ReleaseState(None, {str(path): ("0", digest)}), str(path))
    assert not is_intact(ReleaseState(None, {str(path): ("0",)}), str(path))
    assert not is_intact(ReleaseState(), str(path))
    assert not is_intact(ReleaseState(None, {str(tmp_path): (digest,)}), str(tmp_path))
