"""Messages that are no upgrade: the device refuses them, and goes on."""

from __future__ import annotations

import json

import pytest

from aos_ota_plugin.device.acceptance import DeviceVerdict
from aos_ota_plugin.lab.simulate.cases import offer_case
from aos_ota_plugin.lab.simulate.device import (
    DEVICE_NAME,
    PRODUCT_KEY,
    batch,
    prepare,
    published,
    push_text,
    send,
    switch_on,
    verdicts_of,
)
from aos_ota_plugin.lab.simulate.firmware import NEW, OLD, VENDOR
from aos_ota_plugin.lab.simulate.scenarios import SCENARIOS
from aos_ota_plugin.protocol.reports import inform_message, progress_message

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
    message(digestsign="*"), message(digestsign="A" * 1000), message(size=True), message(module=7),
    "[" * 990 + "]" * 990, '{"message":"success","data":' + "[" * 970 + "]" * 970 + "}",
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
    """Byte for byte as the model's, with the NUL at the end."""
    prepare(tmp_path, built, SCENARIOS["upgrade"].case(built))
    switch_on(tmp_path)
    assert published(tmp_path, "progress") == [progress_message(step) for step in range(10, 101, 10)]
    assert published(tmp_path, "inform") == [inform_message("app-1.0.9"), inform_message("app-1.1.0")]


@pytest.mark.qemu
@pytest.mark.parametrize("firmware, before", [(OLD, None), (VENDOR, "")], ids=["hardened", "vendor's flaws"])
def test_a_refusal_goes_to_the_platform(built, tmp_path, firmware, before):
    """The vendor's device names no module before it has read one, or that of the push before."""
    case = offer_case(built, b"no image", NEW, firmware)
    prepare(tmp_path, built, case)
    pushes = [b"no JSON", push_text(case.offer._replace(module="panel")), b"no JSON", push_text(case.offer)]
    send(tmp_path, [case.offer._replace(push=push) for push in pushes])
    seen = switch_on(tmp_path)
    between = None if firmware == OLD else "panel"
    last = -9 if firmware == OLD else -6  # of less than a trailer a server sends the vendor's device all
    refusals = [(-3, before), (-12, "panel"), (-3, between), (last, None)]
    assert verdicts_of(seen.log) == [code for code, _ in refusals], seen.log
    failures = [message for message in published(tmp_path, "progress") if b'"desc":""' not in message]
    assert failures == [progress_message(code, module) for code, module in refusals]
    assert "the push is refused: -3 OTA_TRANSPORT_PAR_FAIL\n" in seen.log
    assert f"the upgrade is refused: {last} {DeviceVerdict(last).name}\n" in seen.log


@pytest.mark.qemu
def test_a_device_fault_is_no_code_of_the_vendors(built, tmp_path):
    case = offer_case(built, b"no image", NEW, VENDOR)
    prepare(tmp_path, built, case)
    send(tmp_path, [case.offer._replace(push=push_text(case.offer).replace(b'"app-1.1.0"', b"7"))])
    seen = switch_on(tmp_path)
    assert (seen.verdict, seen.version) == (DeviceVerdict.DEVICE_FAULT, OLD)
    assert "device fault: a text is read where there is none\n" in seen.log
    assert "the push is refused: -100 DEVICE_FAULT\n" in seen.log
    assert published(tmp_path, "progress") == []


@pytest.mark.qemu
def test_any_bytes_are_a_push(built, tmp_path):
    """Many in one start, with line ends, tabs, zero bytes and what is no text."""
    case = offer_case(built, built.firmware[NEW].image)
    plain = push_text(case.offer)
    pushes = {
        plain.replace(b",", b"\r\n,\t"): 0,
        b"\xef\xbb\xbf" + plain: 0,
        plain + b"\0 what follows": 0,
        plain + b" what follows\n\n": 0,
        b"\n": -3,
        b"": -3,
        b" ": -3,
        b"\0" + plain: -3,
        b"\xff\xfe": -3,
        plain.replace(b"app-1.1.0", b"app-1.0.9\xff"): 0,
        plain.replace(b'"success"', b'"success\n"'): -3,
        plain.replace(b'"message"', b'"MESSAGE"'): 0,
        b"[" * 1000 + b"]" * 900: -3,
    }
    answers = batch(tmp_path, built, case, [case.offer._replace(push=push) for push in pushes])
    for (offer, verdict), code in zip(answers, pushes.values()):
        assert verdict == code, offer.push
