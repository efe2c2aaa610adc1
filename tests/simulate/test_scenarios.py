"""Every scenario on the emulated device, beside the acceptance model."""

from __future__ import annotations

import base64
import random
import struct

import pytest

from aos_ota_plugin.device.acceptance import DeviceVerdict
from aos_ota_plugin.lab.simulate.cases import offer_case
from aos_ota_plugin.lab.simulate.device import Offer, batch, judge_case, play
from aos_ota_plugin.lab.simulate.firmware import (
    CLOUD,
    NEW,
    OLD,
    VENDOR,
    VENDOR_CLOUD,
    digestsign,
    make_hanging,
    sign_payload,
    unsigned,
)
from aos_ota_plugin.lab.simulate.scenarios import SCENARIOS

pytestmark = pytest.mark.qemu


def is_refusal(scenario):
    """Whether the agent refuses an offer of a firmware: then nothing is installed, and no restart follows."""
    return (
        scenario.verdict != DeviceVerdict.OTA_SUCCESS
        and not scenario.at_mcu
        and not scenario.name.startswith(("module", "mcu"))
    )


REFUSALS = [scenario for scenario in SCENARIOS.values() if not scenario.cuts and is_refusal(scenario)]
OTHERS = [scenario for scenario in SCENARIOS.values() if not scenario.cuts and not is_refusal(scenario)]


def test_device_and_model_agree_on_each_refusal(built, tmp_path):
    """All offers to the same firmware in one start."""
    devices = {}
    for scenario in REFUSALS:
        case = scenario.case(built)
        assert (case.typed, case.mcu, case.offer.module) == ((), None, None)
        assert scenario.version == case.version, scenario.name
        devices.setdefault((case.firmware, case.key is None), []).append((scenario, case))
    assert len(REFUSALS) > 15
    assert len(devices) < len(REFUSALS) / 2
    for number, cases in enumerate(devices.values()):
        offers = [case.offer for _, case in cases]
        answers = batch(tmp_path / str(number), built, cases[0][1], offers)
        for (scenario, case), (_, verdict) in zip(cases, answers):
            assert verdict == scenario.verdict, scenario.name
            assert judge_case(case).verdict == scenario.model, scenario.name


@pytest.mark.parametrize("scenario", OTHERS, ids=lambda scenario: scenario.name)
def test_device_and_model_agree(built, tmp_path, scenario):
    case = scenario.case(built)
    seen = play(tmp_path, built, case)
    assert (seen.verdict, seen.version, seen.status) == (scenario.verdict, scenario.version, 0), seen.log
    assert seen.unanswered is None, seen.log
    assert seen.mcu in (None, case.installs), seen.log
    assert judge_case(case).verdict == scenario.model


def test_the_new_version_runs_from_the_other_bank(built, tmp_path):
    seen = play(tmp_path, built, SCENARIOS["upgrade"].case(built))
    starts = [line for line in seen.log.splitlines() if line in ("boot: bank A", "boot: bank B")]
    assert starts == ["boot: bank A", "boot: bank B", "boot: bank B"]


def test_a_broken_version_is_started_three_times(built, tmp_path):
    seen = play(tmp_path, built, SCENARIOS["rollback"].case(built))
    assert seen.log.count("boot: bank B\nfault: ") == 3
    assert seen.log.count("fault: ") == 3


@pytest.mark.parametrize("deaf", [False, True])
def test_a_version_that_hangs_is_started_three_times(built, tmp_path, deaf):
    """Even where its handler of the watchdog's interrupt hangs, too: then the watchdog's second 0 resets."""
    case = SCENARIOS["hang"].case(built)
    payload = make_hanging(built.firmware[NEW])
    if deaf:
        start = next(
            place
            for place in range(0, len(payload), 2)
            if payload[place : place + 2] != built.firmware[NEW].payload[place : place + 2]
        )
        payload = payload[:8] + struct.pack("<I", 0x80000000 + start + 1) + payload[12:]
    seen = play(tmp_path, built, case._replace(offer=Offer(sign_payload(payload, built.key), NEW)))
    assert (seen.version, seen.status) == (OLD, 0), seen.log
    assert seen.log.count("boot: new version on trial") == 3
    assert seen.log.count("watchdog: ") == (0 if deaf else 3)


def test_nothing_is_written_before_an_offer_is_found_wanting(built, tmp_path):
    """A refused trailer, or a file too large, leaves the OTA partition as it was."""
    for name in ("magic-bit", "too-large", "older-version"):
        play(tmp_path / name, built, SCENARIOS[name].case(built))
        flash = (tmp_path / name / "flash.bin").read_bytes()
        assert flash[0x5BA000:0xB32000].count(0xFF) == 0x578000, name


# --- some hundreds of damaged images, in one start


def damaged(image, rng):
    """The image with one thing wrong, or nothing: a bit, a run of bytes, a length, a field of the trailer."""
    data = bytearray(image)
    trailer = len(data) - 420
    kind = rng.randrange(8)
    if kind == 0:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif kind == 1:
        place = rng.randrange(trailer, len(data))
        data[place] ^= 1 << rng.randrange(8)
    elif kind == 2:
        del data[rng.randrange(1, len(data)) :]
    elif kind == 3:
        data += rng.randbytes(rng.randrange(1, 500))
    elif kind == 4:
        start = rng.randrange(len(data))
        data[start : start + rng.randrange(1, 64)] = rng.randbytes(rng.randrange(1, 64))
    elif kind == 5:
        struct.pack_into("<I", data, len(data) - 24, rng.choice([0, 4, 416, len(data) - 420, len(data), 0xFFFFFFFF]))
    elif kind == 6:
        struct.pack_into(
            "<I",
            data,
            len(data) - 28,
            rng.choice([0xEFEFEFEF, 0xABABABAB, 0xCDCDCDCD, 0xEFCDEFCD, 0xABCDABCD, 0, rng.getrandbits(32)]),
        )
    return bytes(data)


def damaged_body(image, rng):
    """One bit changed in what image_md5 covers."""
    data = bytearray(image)
    data[rng.randrange(len(data) - 28)] ^= 1
    return bytes(data)


def test_device_and_model_agree_on_damaged_images(built, tmp_path):
    rng = random.Random(20240229)
    offers = []
    for number in range(400):
        size = rng.choice([1, 100, 415, 416, 417, 900, 2048, 3000, 8191])
        head = rng.choice([b"", b"\xfd7zXZ\x00", b"BSDIFF40"])
        image = damaged(
            sign_payload((head + rng.randbytes(size))[:size], built.stranger if number % 20 == 7 else built.key), rng
        )
        claimed = len(image) + rng.choice([-1, 1, 300]) if number % 16 == 3 else None
        offers.append(Offer(image, rng.choice([NEW, NEW, NEW, NEW, "app-1.0.8", OLD, "app-1.0.10"]), claimed))
    case = offer_case(built, built.firmware[NEW].image)
    answers = batch(tmp_path, built, case, offers)
    for number, (offer, verdict) in enumerate(answers):
        judgement = judge_case(case._replace(offer=offer))
        assert verdict == judgement.verdict, (number, offer.version, len(offer.image), judgement.findings[-1])
    verdicts = {verdict for _, verdict in answers}
    assert verdicts >= {
        DeviceVerdict.OTA_SUCCESS,
        DeviceVerdict.OTA_TRANSPORT_VER_FAIL,
        DeviceVerdict.OTA_DOWNLOAD_HEAD_FAIL,
        DeviceVerdict.OTA_DOWNLOAD_RECV_FAIL,
        DeviceVerdict.OTA_VERIFY_SHA2_FAIL,
        DeviceVerdict.OTA_VERIFY_RSA_FAIL,
        DeviceVerdict.OTA_VERIFY_IMAGE_FAIL,
    }


@pytest.mark.parametrize("firmware", [CLOUD, VENDOR_CLOUD])
def test_device_and_model_agree_on_pushes_in_cloud_mode(built, tmp_path, firmware):
    rng = random.Random(20240301)
    offers = []
    for number in range(120):
        image = unsigned(rng.randbytes(rng.choice([1, 24, 25, 500, 3000])))
        if number % 3 == 0:
            image = damaged_body(image, rng)  # signed and pushed as it is
        signature = rng.choice(
            [
                lambda image: digestsign(image, built.key),
                lambda image: digestsign(image, built.stranger),
                lambda image: None,
                lambda image: "",
                lambda image: base64.b64encode(bytes(rng.randrange(1, 256))).decode(),
                lambda image: base64.b64encode(b"\0" + rng.randbytes(255)).decode(),
                lambda image: base64.b64encode(rng.randbytes(rng.choice([1, 128, 255, 256, 258]))).decode(),
                lambda image: "not base64!!",
            ]
        )(image)
        offers.append(Offer(image, NEW, digestsign=signature))
    case = SCENARIOS["cloud" if firmware == CLOUD else "cloud-unsigned-vendor"].case(built)
    answers = batch(tmp_path, built, case, offers)
    for number, (offer, verdict) in enumerate(answers):
        judgement = judge_case(case._replace(offer=offer))
        assert verdict == judgement.verdict, (number, offer.digestsign, len(offer.image), judgement.findings[-1])
    verdicts = {verdict for _, verdict in answers}
    assert verdicts == {
        DeviceVerdict.OTA_SUCCESS,
        DeviceVerdict.OTA_TRANSPORT_PAR_FAIL,
        DeviceVerdict.OTA_DOWNLOAD_RECV_FAIL,
        DeviceVerdict.OTA_VERIFY_RSA_FAIL,
        DeviceVerdict.OTA_VERIFY_IMAGE_FAIL,
    }


@pytest.mark.parametrize("firmware", [OLD, VENDOR])
def test_device_and_model_agree_on_the_order_of_versions(built, tmp_path, firmware):
    rng = random.Random(20240302)
    case = offer_case(built, b"an image too short to be one", NEW, firmware)
    versions = [
        OLD,
        "app-1.0.10",
        "app-1.0.09",
        "app-1.0.9.0",
        "app-1.0.9-",
        "app-1.0",
        "app-01.0.10",
        "a",
        "b",
        "9" * 63,
        "0" * 63,
    ]
    for _ in range(200):
        text = list(OLD)
        for _ in range(rng.randrange(1, 4)):
            place = rng.randrange(len(text) + 1)
            text[place : place + rng.randrange(2)] = rng.choice(
                ["", "0", "1", "9", "10", "00", ".", "-", "_", "a", "z", "A"]
            )
        versions.append("".join(text) or "x")
    offers = [Offer(case.offer.image, version) for version in versions]
    newer = 0
    for offer, verdict in batch(tmp_path, built, case, offers):
        judgement = judge_case(case._replace(offer=offer))
        assert verdict == judgement.verdict, (offer.version, judgement.findings[-1])
        newer += verdict != DeviceVerdict.OTA_TRANSPORT_VER_FAIL
    assert 40 < newer < len(versions) - 40
