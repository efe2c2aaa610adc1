"""Messages that are no upgrade: the device refuses them, and goes on."""

from __future__ import annotations

import json

import pytest

from aos_ota_plugin.device.acceptance import DeviceVerdict
from aos_ota_plugin.lab.simulate.device import DEVICE_NAME, PRODUCT_KEY, prepare, switch_on, verdicts_of
from aos_ota_plugin.lab.simulate.scenarios import SCENARIOS

TOPIC = f"/ota/device/upgrade/{PRODUCT_KEY}/{DEVICE_NAME} "


def message(**changes):
    """A push like the platform's, with other values; None leaves one out."""
    data = {
        "size": 1000,
        "version": "app-1.1.0",
        "url": "https://ota.example/none.bin",
        "signMethod": "SHA256",
        "sign": "0" * 64,
        **changes,
    }
    return json.dumps(
        {"code": "1000", "message": "success", "data": {key: value for key, value in data.items() if value is not None}}
    )


BAD = [
    "not JSON", "{", "[]", "null", '"text"', "{}", '{"message":"success"}', '{"message":"success","data":[]}',
    '{"message":"failure","data":{}}', "[" * 1000, '{"data":' * 200, '{"message":"success","data":' + "[" * 20 + "]" * 20 + "}",
    message(size=0), message(size=-5), message(size="1000"), message(size=None), message(size=1e300),
    message(version=None), message(version=7), message(version="v" * 64),
    message(url=None), message(url="https://" + "u" * 300), message(module="m" * 33),
    message(signMethod="SHA1"), message(signMethod="x" * 100), message(sign=None), message(sign="00"), message(sign="0" * 65),
    message(digestsign="*"), message(digestsign="A" * 1000),
]  # fmt: skip


@pytest.mark.qemu
def test_each_is_refused_and_the_next_one_heard(built, tmp_path):
    case = SCENARIOS["upgrade"].case(built)
    prepare(tmp_path, built, case)
    good = (tmp_path / "platform.txt").read_text(encoding="ascii")
    (tmp_path / "platform.txt").write_text("".join(f"{TOPIC}{text}\n" for text in BAD) + good, encoding="ascii")
    seen = switch_on(tmp_path)
    verdicts = verdicts_of(seen.log)
    assert verdicts[:-1] == [
        DeviceVerdict.OTA_TRANSPORT_PAR_FAIL if "1e+300" not in text else DeviceVerdict.OTA_DOWNLOAD_CON_FAIL
        for text in BAD
    ], seen.log
    assert (verdicts[-1], seen.version) == (DeviceVerdict.OTA_SUCCESS, "app-1.1.0")
    assert "\nfault: " not in seen.log


@pytest.mark.qemu
@pytest.mark.parametrize(
    "url, verdict",
    [
        ("https://ota.example/none.bin", DeviceVerdict.OTA_DOWNLOAD_CON_FAIL),
        ("https://ota.example/", DeviceVerdict.OTA_DOWNLOAD_CON_FAIL),
    ],
)
def test_a_file_that_is_not_there(built, tmp_path, url, verdict):
    prepare(tmp_path, built, SCENARIOS["upgrade"].case(built))
    (tmp_path / "platform.txt").write_text(f"{TOPIC}{message(url=url)}\n", encoding="ascii")
    seen = switch_on(tmp_path)
    assert (seen.verdict, seen.version) == (verdict, "app-1.0.9")


@pytest.mark.qemu
def test_the_progress_goes_to_the_platform(built, tmp_path):
    prepare(tmp_path, built, SCENARIOS["upgrade"].case(built))
    switch_on(tmp_path)
    lines = [line.partition(" ") for line in (tmp_path / "reports.txt").read_text(encoding="ascii").splitlines()]
    topic = f"/ota/device/progress/{PRODUCT_KEY}/{DEVICE_NAME}"
    steps = [json.loads(text)["params"]["step"] for name, _, text in lines if name == topic]
    assert steps == [str(step) for step in range(10, 101, 10)]
    informs = [json.loads(text)["params"] for name, _, text in lines if "/inform/" in name]
    assert informs == [{"version": "app-1.0.9"}, {"version": "app-1.1.0"}]
