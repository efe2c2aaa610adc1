"""Texts of errors."""

from __future__ import annotations

from aos_ota_plugin.errors import OtaError, Place, placed, quoted


def test_names_in_quotes():
    assert quoted("a\udcff\x1b中") == r"'a\xff\x1b\u4e2d'"
    assert quoted("a\\udcff") == r"'a\\udcff'"
    assert quoted("n" * 300) == f"'{'n' * 80}'"


def test_a_very_long_text_is_cut_in_the_middle():
    """It may repeat what stands in a file."""
    error = OtaError("x" * 200_000 + ": No such file", place=Place("a.json", 1), remedy="choose among " + "y" * 200_000)
    assert len(str(error)) < 10_000
    assert error.problem.endswith("xxx: No such file")
    assert " … " in error.problem
    try:
        with placed("b.json"):
            raise OtaError(error.problem)
    except OtaError as again:
        assert again.problem == error.problem
    assert OtaError("x" * 5000).problem == "x" * 5000
