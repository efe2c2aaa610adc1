"""Power lost at every operation on flash, and flash that fails: the device ends on one version, whole."""

import pytest
from boot_device import ALL, CODES, GARBAGE, HALF, NOTHING, POWER_LOST
from hypothesis import given, settings
from hypothesis import strategies as st
from material import LAYOUT, NAMES, NEW, OLD, UPGRADES, prepare, restart, starts_new, starts_old

pytestmark = pytest.mark.native

IN_PLACE = ["xz", "diff", "diff without dummy"]


def operations(device, upgrade):
    prepare(device, upgrade)
    answer = device.run()
    assert starts_new(device, upgrade, answer.code)
    return answer.operations


def broken_by_cuts(device, upgrade, torn):
    """The cuts after which the device starts neither version whole, by the number of operations before."""
    broken = []
    for cut in range(operations(device, upgrade)):
        device.load()
        assert device.run(cut, torn).code == POWER_LOST
        bank = restart(device)[-1]
        if not starts_new(device, upgrade, bank):
            broken.append(cut)
    return broken


@pytest.mark.parametrize("torn", [NOTHING, HALF, ALL, GARBAGE], ids=["nothing", "half", "all", "garbage"])
@pytest.mark.parametrize("name", NAMES)
def test_every_cut_is_survived(device, name, torn):
    assert broken_by_cuts(device, UPGRADES[name], torn) == []


def test_operations_are_those_of_the_description(device):
    sectors = -(-len(NEW) // 0x1000)
    stores = 2 * (2 + 1)  # target chosen, done, start counted
    assert operations(device, UPGRADES["full"]) == 2 * 2
    assert operations(device, UPGRADES["xz"]) == operations(device, UPGRADES["xz behind"]) == 2 * sectors + stores
    prepare(device, UPGRADES["diff"])
    sections = device.run().log.count("in place")
    # Each sector in journal and bank, erased and written; two records a section, two in the end.
    assert operations(device, UPGRADES["diff"]) == 4 * (sectors + 1) + 2 * 2 * sections + 2 * 2


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.tuples(st.integers(0, 90), st.sampled_from([NOTHING, HALF, ALL, GARBAGE])), max_size=12))
def test_many_cuts_are_survived(device, name, cuts):
    upgrade = UPGRADES[name]
    prepare(device, upgrade)
    for cut, torn in cuts:
        answer = device.run(cut, torn)
        if answer.code != POWER_LOST:
            break
    bank = restart(device)[-1]
    if device.state().result == CODES["OTA_BOOT_ROLLED_BACK"]:  # enough starts that nobody confirmed
        assert starts_old(device, bank)
    else:
        assert starts_new(device, upgrade, bank)


def test_cuts_do_not_use_up_attempts(device):
    prepare(device, UPGRADES["diff"])
    for _ in range(20):
        assert device.run(3).code == POWER_LOST
    assert starts_new(device, UPGRADES["diff"], device.run().code)


@pytest.mark.parametrize("torn", [NOTHING, HALF, ALL, GARBAGE])
def test_cut_while_asking(device, torn):
    for cut in range(2):
        device.flash(LAYOUT, [OLD])
        upgrade = UPGRADES["full"]
        assert device.request(upgrade.kind, upgrade.file, cut=cut, torn=torn).code == POWER_LOST
        bank = device.run().code
        assert starts_new(device, upgrade, bank) if cut == 1 and torn == ALL else starts_old(device, bank)


@pytest.mark.parametrize("torn", [NOTHING, HALF, ALL, GARBAGE])
def test_cut_while_going_back(device, torn):
    prepare(device, UPGRADES["full"])
    for _ in range(3):
        assert device.run().code == 1
    device.save()
    for cut in range(2):
        device.load()
        assert device.run(cut, torn).code == POWER_LOST
        assert starts_old(device, device.run().code)
        assert device.state().result == CODES["OTA_BOOT_ROLLED_BACK"]


def test_damaged_parameters_leave_the_copy_before(device):
    prepare(device, UPGRADES["full"])
    assert device.run().code == 1
    newest = device.state()
    latest = max(LAYOUT.parameters, key=lambda place: int.from_bytes(device.get(place + 4, 4), "little"))
    for at in range(0, 260, 7):  # all of ota_boot_state_t
        byte = device.get(latest + at, 1)
        device.put(latest + at, bytes([byte[0] ^ 0x10]))
        assert device.state().sequence == newest.sequence - 1, at
        device.put(latest + at, byte)
    assert device.state() == newest
    for place in LAYOUT.parameters:
        device.put(place, b"\0" * 4)
    assert device.state().sequence == 0
    assert device.run().code == 0


# --- flash that fails


def broken_by_errors(device, upgrade):
    broken = []
    for error in range(operations(device, upgrade)):
        device.load()
        first = device.run(error=error).code
        assert first < 0
        codes = restart(device)
        if not starts_new(device, upgrade, codes[-1]):
            broken.append(error)
    return broken


@pytest.mark.parametrize("name", NAMES)
def test_every_error_is_survived(device, name):
    """One operation fails; the next start goes on."""
    assert broken_by_errors(device, UPGRADES[name]) == []


def test_retry_goes_on_where_it_was(device):
    upgrade = UPGRADES["diff"]
    whole = operations(device, upgrade)
    device.load()
    assert device.run(error=whole - 20).code == CODES["OTA_NB_WRITE_DATA_FAIL"]
    before = device.state()
    assert before.new_off > 0
    answer = device.run()
    assert starts_new(device, upgrade, answer.code)
    assert answer.operations < 45


@pytest.mark.parametrize(
    "name, in_preparation", [("xz behind", "OTA_XZ_UNCOMP_FAIL"), ("diff", "OTA_NB_WRITE_DATA_FAIL")]
)
def test_errors_before_anything_is_overwritten_give_up_after_three(device, name, in_preparation):
    prepare(device, UPGRADES[name])
    at = 2 if name == "xz behind" else 0
    assert device.run(error=at).code == CODES[in_preparation]
    assert device.run(error=0).code == CODES[in_preparation]
    assert device.state().attempts == 2
    assert starts_old(device, device.run(error=0).code)
    assert device.state().result == CODES[in_preparation]


@pytest.mark.parametrize("name", IN_PLACE)
def test_half_a_version_is_never_started(device, name):
    """However often flash fails."""
    upgrade = UPGRADES[name]
    prepare(device, upgrade)
    at = next(cut for cut in range(40) if overwritten(device, cut))
    device.load()
    assert device.run(error=at).code < 0
    for _ in range(6):
        assert device.run(error=0).code < 0
    assert starts_new(device, upgrade, device.run().code)


def overwritten(device, error):
    device.load()
    device.run(error=error)
    return device.bank(0)[: len(OLD)] != OLD


# --- the vendor's two faults, with the switch that reproduces them


@pytest.mark.parametrize("torn", [NOTHING, HALF, GARBAGE])
def test_vendor_forgets_the_copy_of_the_last_section(vendor_device, torn):
    upgrade = UPGRADES["diff without dummy"]
    broken = broken_by_cuts(vendor_device, upgrade, torn)
    assert broken
    # They lie together, up to the record that ends the copy; behind it are the two records of the end.
    assert broken == list(range(broken[0], broken[-1] + 1))
    vendor_device.load()
    assert vendor_device.run(broken[0], torn).code == POWER_LOST
    answer = vendor_device.run()
    assert "upgrade ends with 0" in answer.log
    assert not starts_new(vendor_device, upgrade, answer.code)


def test_a_dummy_section_keeps_that_from_doing_harm(vendor_device):
    """Why `images.diff.create` ends a patch with one: only the dummy's own bytes are lost."""
    assert broken_by_cuts(vendor_device, UPGRADES["diff"], HALF) == []


def test_vendor_starts_over_on_changed_flash(vendor_device):
    broken = broken_by_errors(vendor_device, UPGRADES["diff"])
    assert broken
    vendor_device.load()
    assert vendor_device.run(error=broken[0]).code < 0
    assert vendor_device.state().new_off == 0
    bank = restart(vendor_device)[-1]
    assert not starts_old(vendor_device, bank)
    assert not starts_new(vendor_device, UPGRADES["diff"], bank)


@pytest.mark.parametrize("name", ["full", "xz", "xz behind"])
def test_the_vendors_faults_are_in_diffs_alone(vendor_device, name):
    assert broken_by_cuts(vendor_device, UPGRADES[name], HALF) == []
    assert broken_by_errors(vendor_device, UPGRADES[name]) == []
