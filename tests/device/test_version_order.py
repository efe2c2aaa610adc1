"""Version order as devices see it, and versions that work."""

import ctypes
import ctypes.util
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aos_ota_plugin.device.version import (
    check_version,
    explain_order,
    is_valid,
    newer,
    newer_by_numbers,
    suggest_version,
)
from aos_ota_plugin.errors import Place, SettingsError

ALPHABET = string.ascii_letters + string.digits + "._-"
versions = st.text(ALPHABET, min_size=1, max_size=63)
near = st.lists(st.sampled_from(["app-", "1", "9", "10", "0", ".", "-", "rc"]), min_size=1, max_size=8).map("".join)
libc = ctypes.CDLL(ctypes.util.find_library("c"))

ORDER = [
    # new, current, taken
    ("app-1.0.1", "app-1.0.0", True),
    ("app-1.0.0", "app-1.0.1", False),
    ("app-1.0.0", "app-1.0.0", False),
    ("app-1.0.10", "app-1.0.9", False),
    ("app-1.0.10", "app-1.0.1", True),
    ("app-1.0", "app-1.0.9", False),  # a prefix
    ("app-1.1", "app-1.0.9", True),
    ("app-10.0", "app-9.0", False),
    ("App-2", "app-1", False),
    ("app-1_0", "app-1.0", True),
    ("b", "app-9", True),
    ("a", "", True),
    ("", "a", False),
    ("", "", False),
    ("\u4e2d", "z", True),  # unsigned bytes
]


@pytest.mark.parametrize(("new", "current", "taken"), ORDER)
def test_order(new, current, taken):
    assert newer(new, current) is taken
    assert (explain_order(new, current) is None) is taken


@given(st.text(max_size=20) | near, st.text(max_size=20) | near)
def test_order_is_that_of_strncmp(new, current):
    new_bytes, current_bytes = new.encode("utf-8"), current.encode("utf-8")
    length = len(new_bytes.split(b"\0")[0])
    assert newer(new, current) == (libc.strncmp(new_bytes, current_bytes, ctypes.c_size_t(length)) > 0)


WHY = [
    ("app-1.0.9", "app-1.0.9", ["devices on app-1.0.9 refuse app-1.0.9", "it is the version they run"]),
    ("app-1.0", "app-1.0.9", ["it is only the beginning of app-1.0.9"]),
    (
        "app-1.0.10",
        "app-1.0.9",
        ["devices on app-1.0.9 refuse app-1.0.10", "byte by byte", "character 9", "'1' (of 10)", "before '9' (of 9)"],
    ),
    ("App-2", "app-1", ["character 1", "'A' (of App-2) comes before 'a' (of app-1)"]),
    ("", "app-1", ["refuse an empty version"]),
]


@pytest.mark.parametrize(("new", "base", "parts"), WHY)
def test_why_devices_refuse(new, base, parts):
    sentence = explain_order(new, base)
    for part in parts:
        assert part in sentence


@given(st.text(max_size=12) | near, st.text(max_size=12) | near)
def test_explanation_agrees_with_order(new, base):
    assert (explain_order(new, base) is None) == newer(new, base)


SUGGESTIONS = [
    # base, wanted, suggested
    ("app-1.0.9", "app-1.0.10", "app-1.1.0"),
    ("app-1.9.9", "app-1.9.10", "app-2.0.0"),
    ("app-1.9.9", "app-1.10.0", "app-2.0.0"),
    ("app-1.0.8", "app-1.0.9", "app-1.0.9"),
    ("app-1.0.5", "app-1.0.5", "app-1.0.6"),
    ("app-1.0.5", "app-1.0.2", "app-1.0.6"),
    ("app-1.0.9", "app-1.0", "app-1.1"),
    ("9.9", "10.0", "9.9.1"),
    ("9.9.1", "10.0", "9.9.2"),
    ("app-1.0.9-rc", "app-1.0.10", "app-1.1.0"),
    ("v1-009", "v1-009", "v1-010"),
    ("1.0.099", "1.0.100", "1.0.100"),
    ("1.099", "1.0", "1.1"),
    ("fw-1.0", "app-1.0", "fw-1.1"),
    ("20240131", "20240131", "20240132"),
    ("release", "release", "release.1"),
    ("app-1.0.0", "bad version", "app-1.0.1"),
    ("a" * 62, "a", "a" * 62 + "1"),
    ("a" * 63, "a", "a" * 62 + "b"),
    ("a" + "z" * 62, "a", "b"),
    ("", "app-1.0.0", "app-1.0.0"),
]


@pytest.mark.parametrize(("base", "wanted", "suggested"), SUGGESTIONS)
def test_suggestion(base, wanted, suggested):
    assert suggest_version(base, wanted) == suggested


@given(versions.filter(lambda base: base != "z" * 63) | near, st.text(max_size=80) | versions | near)
def test_a_suggestion_always_works(base, wanted):
    suggested = suggest_version(base, wanted)
    assert newer(suggested, base)
    assert len(suggested) <= 63
    check_version(suggested)
    if newer(wanted, base) and is_valid(wanted):
        assert suggested == wanted


@given(st.text(max_size=100), st.text(max_size=100))
def test_suggestion_for_arbitrary_text(base, wanted):
    try:
        suggested = suggest_version(base, wanted)
    except SettingsError as error:
        assert "no version can follow" in error.problem
        return
    assert newer(suggested, base)
    assert is_valid(suggested)


@pytest.mark.parametrize("base", ["z" * 63, "z" * 70, "~", "\u4e2d"])
def test_nothing_can_follow(base):
    with pytest.raises(SettingsError, match="no version can follow"):
        suggest_version(base, "z")


@pytest.mark.parametrize("version", ["a", "app-1.0.1", "A_b-c.9", "x" * 63, "-", "."])
def test_good_version(version):
    check_version(version)
    assert is_valid(version)


BAD_VERSIONS = {
    "empty": ("", "OTA_APP_VERSION is empty"),
    "64 characters": ("x" * 64, "OTA_APP_VERSION has 64 characters; devices keep 63"),
    "space": ("app 1", "OTA_APP_VERSION contains ' '"),
    "quote": ('app"', "contains '\"'"),
    "slash": ("a/b", "contains '/'"),
    "line feed at the end": ("app-1\n", r"contains '\n'"),
    "NUL": ("app\0", r"contains '\x00'"),
    "full-width digit": ("app-\uff11", r"contains '\uff11'"),
    "accent": ("\xe9", r"contains '\xe9'"),
}


@pytest.mark.parametrize("name", BAD_VERSIONS)
def test_bad_version(name):
    version, message = BAD_VERSIONS[name]
    assert not is_valid(version)
    with pytest.raises(SettingsError) as caught:
        check_version(version, place=Place("package.yaml", 7))
    assert message in str(caught.value)
    assert str(caught.value).startswith("package.yaml:7: ")
    assert "like app-1.0.1" in caught.value.remedy


def test_field_is_named():
    with pytest.raises(SettingsError, match="module version contains"):
        check_version("?", field="module version")


# --- a hardened device's order


@pytest.mark.parametrize(
    "new, current, taken",
    [
        ("app-1.0.10", "app-1.0.9", True),
        ("app-1.0.9", "app-1.0.10", False),
        ("app-1.0.9", "app-1.0.9", False),
        ("app-1.0.09", "app-1.0.9", False),  # the same number
        ("app-1.0.9", "app-1.0", True),
        ("app-1.0", "app-1.0.9", False),
        ("app-2", "app-1.9.9", True),
        ("app-b", "app-a", True),
        ("app-1", "app--", True),  # a digit against another byte: by their codes
        ("9" * 5000, "8" * 5000, True),
        ("1", "", True),
        ("", "", False),
    ],
)
def test_numbers_are_compared_as_numbers(new, current, taken):
    assert newer_by_numbers(new, current) is taken


@given(near, near)
def test_at_most_one_of_two_is_newer(one, other):
    assert not (newer_by_numbers(one, other) and newer_by_numbers(other, one))
    assert not newer_by_numbers(one, one)


@given(st.lists(st.integers(0, 2000), min_size=3, max_size=3), st.lists(st.integers(0, 2000), min_size=3, max_size=3))
def test_dotted_numbers_have_the_order_of_their_numbers(one, other):
    assert newer_by_numbers("app-" + ".".join(map(str, one)), "app-" + ".".join(map(str, other))) is (one > other)
