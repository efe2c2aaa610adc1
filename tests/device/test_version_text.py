"""Where a version stands in a firmware, and what counts as another one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aos_ota_plugin.device.version_text import Standing, find_version, find_versions


@pytest.mark.parametrize(
    ("data", "standing"),
    [
        (b"\0app-1.0.1\0", Standing.ALONE),
        (b"app-1.0.1\0", Standing.ALONE),
        (b"version app-1.0.1\0", Standing.ALONE),  # the macro's text as the end of another, as linkers join them
        (b"\0my-app-1.0.1\0", Standing.AS_END),
        (b"\0my-app-1.0.1\0\xffapp-1.0.1\0", Standing.ALONE),
        (b"\0app-1.0.10\0", Standing.NOWHERE),
        (b"\0app-1.0.1", Standing.NOWHERE),
    ],
)
def test_find_version(data, standing):
    assert find_version(data, "app-1.0.1") is standing
    assert find_versions(data, "app-1.0.1")[0] is standing
    assert find_version(b"app-1.0.1\0" + data, "app-1.0.1", [(10, 10 + len(data))]) is standing


@pytest.mark.parametrize(
    ("data", "version", "other"),
    [
        (b"\0app-1.0.1\0", "app-9.9.9", "app-1.0.1"),
        (b"\0app-1.0.10\0", "app-1.0.1", "app-1.0.10"),
        (b"\0my-app-1.0.1\0", "app-9.9.9", ""),
        (b"\0app-9.9.9\0app-1.0.1\0", "app-9.9.9", "app-1.0.1"),
        (b"\0mbed TLS 2.16.0\0", "app-9.9.9", ""),
        (b"\x007\0", "1", ""),
        (b"\0app-x\0", "app", ""),
        (b"\0app-1.0.1\0", "app-1.0", "app-1.0.1"),
        (b"\0app-1.0-rc.1\0", "app-2.0", "app-1.0-rc.1"),
        (b"\0zlib 1.2.11\0\x001.2.11\0", "1.0", ""),
    ],
)
def test_other_version(data, version, other):
    standing = find_version(data, version)
    assert find_versions(data, version) == (standing, "" if standing is Standing.ALONE else other)


@given(
    st.lists(
        st.sampled_from([b"app-1.0.1", b"app-1.0.2", b"1.0", b"11.0", b"my-", b"\0", b"\xff", b"x", b"123456789012"])
    ),
    st.sampled_from(["app-1.0.1", "app-1.0", "1.0", "x", "app-123456789012", "7"]),
)
def test_both_searches_find_the_version_in_the_same_places(parts, version):
    data = b"".join(parts)
    assert find_versions(data, version)[0] == find_version(data, version)
