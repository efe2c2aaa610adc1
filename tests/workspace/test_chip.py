"""Descriptions of chips: read, and refused with their place."""

from __future__ import annotations

import pytest

from aos_ota_plugin.errors import WorkspaceError
from aos_ota_plugin.workspace.chip import Chip, find_description, load_chip, load_named_chip, parse_chip

HEAD = "schema: aos-ota-chip/1\n"


def test_the_chip_of_the_haas100():
    chip = load_chip("haas1000")
    assert (chip.name, chip.may_change) == ("haas1000", 0x1000)


@pytest.mark.parametrize("name", [None, "", "stm32u5", "../haas1000", "haas1000.yaml"])
def test_other_chips_change_nothing(name):
    assert find_description(name) is None
    assert load_chip(name).may_change == 0


def test_a_chip_that_somebody_names_has_to_be_described():
    assert load_named_chip("haas1000").may_change == 0x1000
    with pytest.raises(WorkspaceError, match="no chip 'stm32u5' is described here") as caught:
        load_named_chip("stm32u5")
    assert "haas1000" in caught.value.remedy


def test_fields_may_be_missing():
    assert parse_chip(HEAD, "/x/newchip.yaml") == Chip("newchip", 0, "/x/newchip.yaml")
    assert parse_chip(HEAD + "payload: {}\n", "newchip.yaml").may_change == 0


@pytest.mark.parametrize(
    "text, problem",
    [
        ("", "c.yaml:1: a chip's description has to be a mapping"),
        ("- a\n", "c.yaml:1: a chip's description has to be a mapping"),
        ("payload: {}\n", "c.yaml:1: this is no description of a chip"),
        ("schema: aos-ota-chip/2\n", "c.yaml:1:9: this is no description of a chip"),
        (HEAD + "payload: 4\n", "c.yaml:2:10: payload: a mapping belongs here"),
        (HEAD + "payload:\n  may_chnage: 4\n", "c.yaml:3:15: may_chnage: a chip's description has no such field"),
        (HEAD + "other: 4\n", "c.yaml:2:8: other: a chip's description has no such field"),
        (HEAD + "payload:\n  may_change: -1\n", "c.yaml:3:15: may_change: '-1' is not a number of bytes from 0"),
        (HEAD + "payload:\n  may_change: yes\n", "c.yaml:3:15: may_change: 'yes' is not a number of bytes"),
        (HEAD + "payload:\n  may_change: 0x200000\n", "c.yaml:3:15: may_change: '0x200000' is not a number of bytes"),
        (HEAD + "payload: [\n", "c.yaml:3:1: this is not YAML"),
    ],
)
def test_refused(text, problem):
    with pytest.raises(WorkspaceError) as caught:
        parse_chip(text, "c.yaml")
    assert str(caught.value).startswith(problem)
    assert caught.value.remedy
