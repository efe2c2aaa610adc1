"""An emulated device goes from one key to the next by a transition release; one that skipped it does not."""

from __future__ import annotations

import pytest

from aos_ota_plugin.device.acceptance import DeviceVerdict
from aos_ota_plugin.keys.signer import load_signer
from aos_ota_plugin.lab.simulate.device import Case, Offer, judge_case, play
from aos_ota_plugin.lab.simulate.firmware import NEW, OLD, sign_payload

pytestmark = pytest.mark.qemu
LAST = "app-1.2.0"


def changed(payload, old, new):
    """The linked firmware with a constant in the place of another, as a build with another setting has it."""
    assert payload.count(old) == 1
    assert len(old) == len(new)
    return payload.replace(old, new)


def test_a_device_takes_the_transition_and_then_the_next_key(built, tmp_path):
    old, new = (load_signer(pem, file="", passphrase=None).public_key for pem in (built.key, built.stranger))
    fielded = built.firmware[OLD].payload
    bridge = changed(built.firmware[NEW].payload, old.n_bytes, new.n_bytes)
    last = changed(bridge, NEW.encode() + b"\0", LAST.encode() + b"\0")
    steps = {
        "transition": Case(fielded, OLD, old, Offer(sign_payload(bridge, built.key), NEW), bridge),
        "next": Case(bridge, NEW, new, Offer(sign_payload(last, built.stranger), LAST), last),
        "skipped": Case(fielded, OLD, old, Offer(sign_payload(last, built.stranger), LAST), last),
        "old key again": Case(bridge, NEW, new, Offer(sign_payload(last, built.key), LAST), last),
    }
    seen = {name: play(tmp_path / name, built, case) for name, case in steps.items()}
    assert {name: (one.verdict, one.version) for name, one in seen.items()} == {
        "transition": (DeviceVerdict.OTA_SUCCESS, NEW),
        "next": (DeviceVerdict.OTA_SUCCESS, LAST),
        "skipped": (DeviceVerdict.OTA_VERIFY_RSA_FAIL, OLD),
        "old key again": (DeviceVerdict.OTA_VERIFY_RSA_FAIL, NEW),
    }, {name: one.log for name, one in seen.items()}
    assert {name: judge_case(case).verdict for name, case in steps.items()} == {
        name: one.verdict for name, one in seen.items()
    }
