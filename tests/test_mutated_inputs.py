"""Changed and cut inputs to everything that reads: refused with an error of ours, or read as what they are.

`python -m tests.bench mutate` does the same a hundred thousand times each, with limits on time and memory.
"""

from __future__ import annotations

import random
import shutil

import pytest
from mutation_targets import TARGETS, mutated

from aos_ota_plugin.errors import OtaError

pytestmark = pytest.mark.skipif(not shutil.which("xz"), reason="no xz")


@pytest.mark.parametrize("name", TARGETS)
def test_sound_input_is_read_as_what_it_is(name):
    assert TARGETS[name].check(TARGETS[name].good)


@pytest.mark.parametrize("name", TARGETS)
def test_mutated_input(name):
    chance = random.Random(name)
    refused = 0
    for _ in range(120):
        data = mutated(TARGETS[name], chance)
        try:
            TARGETS[name].check(data)
        except OtaError as error:
            refused += 1
            assert "Traceback" not in str(error)
    assert refused


@pytest.mark.parametrize("name", TARGETS)
def test_a_message_repeats_little_of_a_long_input(name):
    """A field or name in a file may have any length."""
    target, chance = TARGETS[name], random.Random(name)
    for _ in range(20):
        data = bytearray(target.good)
        low, high = target.hot if chance.random() < 0.5 else (0, len(data))
        at = chance.randrange(low, max(high, low + 1))
        data[at:at] = chance.choice((b"A", b"7", b"-", b"\n", "中".encode(), b"\x1b")) * 5000
        target.repair(data)
        try:
            target.check(bytes(data))
        except OtaError as error:
            assert len(str(error)) < 1500, str(error)
