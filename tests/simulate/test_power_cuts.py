"""Power that fails on the emulated device; `aos-ota simulate` cuts everywhere, here are some of the places."""

from __future__ import annotations

import pytest

from aos_ota_plugin.errors import BuildError
from aos_ota_plugin.lab.simulate.device import prepare, switch_on
from aos_ota_plugin.lab.simulate.power import cut, cuts, intact_version, operations, spread
from aos_ota_plugin.lab.simulate.scenarios import SCENARIOS


@pytest.mark.qemu
@pytest.mark.parametrize("name", ["power-cut", "power-cut-xz", "power-cut-diff"])
def test_the_device_ends_on_a_whole_version(built, tmp_path, name):
    case = SCENARIOS[name].case(built)
    total = operations(tmp_path, built, case)
    assert total > 60
    seen = set()
    for result in cuts(built, case, spread(total, 6)):
        assert result.after in (case.before, case.offer.version), (result.operation, result.log)
        assert result.end == case.offer.version, (result.operation, result.log)
        seen.add(result.after)
    assert seen == {case.version, case.offer.version}


@pytest.mark.qemu
@pytest.mark.parametrize(
    "ours, vendors", [("power-cut-bare", "power-cut-vendor"), ("flash-error", "flash-error-vendor")]
)
def test_what_breaks_the_vendors_boot_stage_does_not_break_ours(built, tmp_path, ours, vendors):
    case, fault = SCENARIOS[ours].case(built), SCENARIOS[ours].fault
    total = operations(tmp_path, built, case)

    def is_whole(case, operation):
        result = cut(tmp_path, built, case, operation, fault)
        return result.after is not None and result.end == case.offer.version

    flawed = SCENARIOS[vendors].case(built)
    breaking = next(operation for operation in range(total // 2, total + 1) if not is_whole(flawed, operation))
    assert is_whole(case, breaking)
    assert is_whole(flawed, 1)


@pytest.mark.qemu
def test_a_modules_files_are_the_old_ones_or_the_new_ones(built, tmp_path):
    case = SCENARIOS["power-cut-module"].case(built)
    total = operations(tmp_path, built, case)
    assert total > 15
    for result in cuts(built, case, spread(total, 12)):
        assert (result.after, result.end) == (case.before, case.offer.version), (result.operation, result.log)


@pytest.mark.qemu
def test_files_that_are_not_the_versions_are_found_out(built, tmp_path):
    case = SCENARIOS["power-cut-module"].case(built)
    prepare(tmp_path, built, case)
    seen = switch_on(tmp_path, module=case.offer.module)
    assert intact_version(tmp_path, built, case, seen) == case.offer.version
    assert intact_version(tmp_path, built, case._replace(files={**case.files, "/data/x": b""}), seen) is None


@pytest.mark.qemu
def test_a_bank_that_is_not_the_versions_payload_is_found_out(built, tmp_path):
    """The check of the banks can fail: here the versions were meant to be other bytes than those flashed."""
    case = SCENARIOS["upgrade"].case(built)
    other = case.installs[:-1] + bytes([case.installs[-1] ^ 1])
    result = cut(tmp_path, built, case._replace(installs=other), 1)
    assert (result.after, result.end) == (case.version, None)


@pytest.mark.qemu
def test_an_operation_that_never_comes(built, tmp_path):
    with pytest.raises(BuildError, match="flash operation 100000 was never reached"):
        cut(tmp_path, built, SCENARIOS["upgrade"].case(built), 100000)


@pytest.mark.qemu
def test_an_empty_bank_is_not_started(built, tmp_path):
    prepare(tmp_path, built, SCENARIOS["upgrade"].case(built)._replace(firmware=b""))
    seen = switch_on(tmp_path)
    assert (seen.status, seen.version, seen.verdict) == (3, None, None)
    assert "boot: there is nothing to start: 0" in seen.log


@pytest.mark.parametrize(
    "total, cuts, expected",
    [(5, 9, [1, 2, 3, 4, 5]), (5, 5, [1, 2, 3, 4, 5]), (101, 3, [1, 51, 101]), (100, 1, [1]), (9, 2, [1, 9])],
)
def test_cuts_are_spread_over_all_of_it(total, cuts, expected):
    assert spread(total, cuts) == expected
