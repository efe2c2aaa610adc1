"""A new version on trial: counted, confirmed, or sent back."""

import pytest
from boot_device import CODES
from material import NEW, UPGRADES, prepare, starts_new, starts_old

pytestmark = pytest.mark.native


@pytest.mark.parametrize("name", ["full", "xz behind"])
def test_three_starts_without_confirmation_go_back(device, name):
    prepare(device, UPGRADES[name])
    for count in range(1, 4):
        assert starts_new(device, UPGRADES[name], device.run().code)
        assert device.state().boot_count == count
    answer = device.run()
    assert starts_old(device, answer.code)
    assert "back to bank 0" in answer.log
    state = device.state()
    assert (state.result, state.trial, state.ver, state.old_ver) == (CODES["OTA_BOOT_ROLLED_BACK"], 0, "", "vvv")
    again = device.run()
    assert (again.code, again.operations) == (0, 0)


@pytest.mark.parametrize("starts", [1, 2, 3])
def test_confirmed_in_time(device, starts):
    prepare(device, UPGRADES["full"])
    for _ in range(starts):
        assert device.run().code == 1
    assert device.confirm().code == 0
    for _ in range(5):
        answer = device.run()
        assert (answer.code, answer.operations) == (1, 0)
    assert device.confirm().operations == 0


@pytest.mark.parametrize("name", ["xz", "diff"])
def test_in_place_there_is_no_way_back(device, name):
    """The old version is overwritten: the new one is started on, and the log says that it should not have been."""
    prepare(device, UPGRADES[name])
    for _ in range(3):
        assert device.run().code == 0
    for _ in range(3):
        answer = device.run()
        assert starts_new(device, UPGRADES[name], answer.code)
        assert answer.operations == 0
        assert "there is none to go back to" in answer.log
    assert device.confirm().code == 0
    assert "none to go back to" not in device.run().log


def test_no_upgrade_while_on_trial(device):
    prepare(device, UPGRADES["full"])
    assert device.run().code == 1
    answer = device.request(UPGRADES["full"].kind, NEW, bank=0, put=False)
    assert (answer.code, answer.operations) == (CODES["OTA_BOOT_UNCONFIRMED"], 0)
    assert device.confirm().code == 0
    assert device.request(UPGRADES["full"].kind, NEW, bank=0).code == 0
    assert device.run().code == 0
    assert device.bank(0)[: len(NEW)] == NEW


def test_another_try_after_going_back(device):
    prepare(device, UPGRADES["full"])
    for _ in range(4):
        device.run()
    assert device.request(UPGRADES["full"].kind, UPGRADES["full"].file, ver=5).code == 0
    assert device.state().result == 0
    assert starts_new(device, UPGRADES["full"], device.run().code)
    assert device.state().ver == "vvvvv"
