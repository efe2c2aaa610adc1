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
