"""The folded CRC-16 against the one that goes byte by byte."""

from __future__ import annotations

import random
from binascii import crc_hqx

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aos_ota_plugin.images.crc16 import crc16

PERIOD = 32767


def test_check_value():
    assert crc16(b"123456789") == 0x31C3  # CRC-16/XMODEM's published check value


@pytest.mark.parametrize("size", [0, 1, PERIOD - 1, PERIOD, PERIOD + 1, 2 * PERIOD - 1, 2 * PERIOD, 5 * PERIOD + 17])
def test_sizes_around_the_period(size):
    data = random.Random(size).randbytes(size)
    assert crc16(data) == crc16(memoryview(data)) == crc_hqx(data, 0)


@given(st.binary(max_size=64), st.integers(0, 3 * PERIOD), st.binary(max_size=64))
def test_any_bytes(head, gap, tail):
    data = head + b"\xa5" * gap + tail
    assert crc16(bytearray(data)) == crc_hqx(data, 0)
