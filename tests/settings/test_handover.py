"""The documents between `aos-ota make` and its build."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.settings.handover import Order, Report, order_to_json, parse_order, parse_report, report_to_json

# What Python makes of arguments that are no UTF-8, too.
ANY = st.text(st.characters(exclude_categories=("Cs",)) | st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF))
ORDERS = st.builds(Order, ANY, ANY, ANY, st.lists(st.tuples(ANY, ANY)).map(tuple))


@given(ORDERS)
def test_an_order_arrives_as_it_was_written(order):
    assert parse_order(order_to_json(order), "f") == order


@given(st.builds(Report, ANY, ANY, ANY))
def test_a_report_arrives_as_it_was_written(report):
    assert parse_report(report_to_json(report), "f") == report


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | ANY,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["nonce", "solution", "board", "settings", "state", "manifest"]), inner, max_size=6
        )
    ),
    max_leaves=12,
)


@given(st.one_of(st.binary(), JSON.map(lambda value: json.dumps(value).encode())))
def test_other_bytes_are_refused(data):
    for parse in (parse_order, parse_report):
        try:
            parsed = parse(data, "file.json")
        except FormatError as error:
            assert str(error).startswith("file.json")
        else:
            assert all(isinstance(field, (str, tuple)) for field in parsed)


@pytest.mark.parametrize("settings", [None, {}, [["A"]], [["A", 1]], [["A", "b", "c"]], ["AB"]])
def test_pairs_are_pairs_of_texts(settings):
    data = json.dumps({"nonce": "", "solution": "", "board": "", "settings": settings}).encode()
    with pytest.raises(FormatError, match="aos-ota make"):
        parse_order(data, "f")
