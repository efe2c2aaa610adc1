"""The fleet's device model against the case table of tests/device/cases."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Iterator, Optional

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "device"))
from case_table import FOLDER, Case, Expected, load

from aos_ota_plugin.device.verdicts import DeviceVerdict
from aos_ota_plugin.lab.models import device_model
from aos_ota_plugin.lab.models.device_model import DeviceModel, Settings
from aos_ota_plugin.lab.models.download import NothingThereError
from aos_ota_plugin.lab.models.outcome import Result
from aos_ota_plugin.protocol.login import Identity
from aos_ota_plugin.protocol.topics import upgrade_topic

IDENTITY = Identity("product", "device", "secret")
FILES = sorted(path.name for path in FOLDER.glob("*.yaml"))


def served(file: bytes, start: int) -> Iterator[bytes]:
    """The file's bytes from a server that knows Range."""
    if start and start >= len(file):
        raise NothingThereError
    yield file[start:]


def result_of(case: Case, monkeypatch: pytest.MonkeyPatch, *, hardened: bool) -> Result:
    """Push the case's message to a model, and return how it ends."""
    device = case.device(hardened=hardened)
    module = "panel" if b'"module"' in case.text else "default"
    model = DeviceModel(IDENTITY, device, {"default": case.version, module: case.version}, Settings(1, None))
    monkeypatch.setattr(device_model, "fetch_from", lambda url, start, context: served(case.file, start))
    monkeypatch.setattr(model, "_client", SimpleNamespace(publish=lambda topic, body, qos: None))
    monkeypatch.setattr(model, "_loop", lambda seconds: None)
    with contextlib.suppress(device_model._Restart):
        model._pushed(upgrade_topic(IDENTITY.product_key, IDENTITY.device_name), case.text)
    (result,) = model.state.results
    return result


def is_right(found: Result, expected: Expected) -> bool:
    if expected.fault:
        return found.verdict == DeviceVerdict.DEVICE_FAULT
    if expected.code:
        return found.verdict == expected.code
    return found.verdict == 0 and found.signature_checked is not expected.unchecked


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kind", ["vendor", "hardened"])
def test_the_model_of_the_fleet_answers_as_the_table_says(monkeypatch, kind, name):
    wrong = {}
    for case in load():
        expected: Optional[Expected] = case.hardened if kind == "hardened" else case.stricter or case.vendor
        if case.place.startswith(f"{name}:") and expected is not None:
            found = result_of(case, monkeypatch, hardened=kind == "hardened")
            if not is_right(found, expected):
                wrong[case.name] = (found, expected)
    assert wrong == {}
