"""Every code of a device has a name and an explanation in both languages, and is found by what users type."""

from __future__ import annotations

import re

import pytest
from test_pages import command_lines, unknown_words

from aos_ota_plugin.device import codes
from aos_ota_plugin.device.explain import LANGUAGES, explanations, find, labels, nearest, speakers
from aos_ota_plugin.device.updater import UpdaterVerdict
from aos_ota_plugin.device.verdicts import DeviceVerdict

ENGLISH, CHINESE = (explanations(language) for language in LANGUAGES)
EACH = [pytest.param(one, id=f"{language}-{one.name}") for language in LANGUAGES for one in explanations(language)]
HAN = re.compile("[\u4e00-\u9fff]")


def names(what):
    """What is found: (speaker, name) of each."""
    return [(one.speaker, one.name) for one in find(what, ENGLISH)]


def test_all_codes_of_the_vendor_are_there():
    assert list(codes.AGENT) == list(range(0, -26, -1))
    assert list(codes.BOOT_STAGE) == list(range(0, -19, -1))
    assert list(codes.STEPS) == [-1, -2, -3, -4]
    expected = [*codes.AGENT.values(), *codes.STEPS.values(), *codes.BOOT_STAGE.values(), "DEVICE_FAULT"]
    assert [one.name for one in ENGLISH] == [one.name for one in CHINESE] == expected


@pytest.mark.parametrize(("verdicts", "table"), [(DeviceVerdict, codes.AGENT), (UpdaterVerdict, codes.BOOT_STAGE)])
def test_the_verdicts_of_verify_have_the_same_names(verdicts, table):
    stated = {int(one): one.name for one in verdicts if one.name != codes.DEVICE_FAULT}
    assert stated == {code: table.get(code) for code in stated}


def test_every_failure_of_the_agent_is_reported_as_one_step():
    listed = sorted(code for stood_for in codes.STANDS_FOR.values() for code in stood_for)
    assert listed == sorted(set(codes.AGENT) - {0})
    assert {code for code in listed if codes.step_of(code) == -1} == {-1, -2, -3, -4, -15, -17}
    assert [codes.step_of(code) for code in (-5, -9, -10, -13, -14, -16, -18, -25, -99)] == [
        *(-2, -2, -3, -3, -4, -4, -4, -4, -1)
    ]


@pytest.mark.parametrize("one", EACH)
def test_each_explanation_is_one_sentence_and_a_few_steps(one):
    texts = (one.meaning, *one.look_at)
    assert 1 <= len(one.look_at) <= 3
    assert all(text == text.strip() and text[-1] in ".?。？" and len(text) < 240 for text in texts)
    assert len(one.meaning) < 130
    assert len(re.findall(r"\. [A-Z]|。.", one.meaning)) == 0


@pytest.mark.parametrize(("english", "chinese"), list(zip(ENGLISH, CHINESE)), ids=lambda one: one.name)
def test_each_language_is_that_language(english, chinese):
    assert not HAN.search(" ".join((english.meaning, *english.look_at)))
    assert all(
        HAN.search(text) and not re.search("[\u4e00-\u9fff][,;:.?!]", text)
        for text in (chinese.meaning, *chinese.look_at)
    )
    assert len(english.look_at) == len(chinese.look_at)
    commands = [sorted(" ".join(words) for words in command_lines(" ".join(one.look_at))) for one in (english, chinese)]
    assert commands[0] == commands[1]


@pytest.mark.parametrize("one", EACH)
def test_the_commands_that_are_named_exist(one):
    assert [words for words in command_lines(" ".join(one.look_at)) if unknown_words(words)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_speakers_and_labels_are_there(language):
    assert set(speakers(language)) == {one.speaker for one in ENGLISH}
    assert all(who.title and who.seen for who in speakers(language).values())
    assert labels(language).keys() == labels("en").keys()


@pytest.mark.parametrize(
    ("what", "found"),
    [
        ("-12", [("agent", "OTA_VERIFY_RSA_FAIL"), ("boot stage", "OTA_XZ_UNCOMP_FAIL")]),
        ("-9", [("agent", "OTA_DOWNLOAD_RECV_FAIL"), ("boot stage", "OTA_NB_CRC_COMP_FAIL")]),
        (
            "-3",
            [
                ("agent", "OTA_TRANSPORT_PAR_FAIL"),
                ("report", "OTA_REPORT_VERIFY_ERR"),
                ("boot stage", "OTA_NB_MEMORY_FAIL"),
            ],
        ),
        ("-25", [("agent", "OTA_INVALID_PARAMETER")]),
        ("OTA_VERIFY_RSA_FAIL", [("agent", "OTA_VERIFY_RSA_FAIL")]),
        ("ota_verify_Rsa_fail", [("agent", "OTA_VERIFY_RSA_FAIL")]),
        (" rsa_fail ", [("agent", "OTA_VERIFY_RSA_FAIL")]),
        ("verify_err", [("report", "OTA_REPORT_VERIFY_ERR")]),
        ("device_fault", [("tool", "DEVICE_FAULT")]),
        ("status -9", [("agent", "OTA_DOWNLOAD_RECV_FAIL")]),
        ("OTA verfiy RSA failed", [("agent", "OTA_VERIFY_RSA_FAIL")]),
        ("OTA MCU init failed", [("agent", "OTA_MCU_INIT_FAIL"), ("agent", "OTA_MCU_VERSION_FAIL")]),
        *(
            (what, [])
            for what in ("12", "0x12", "-99", "", " ", "sa_fail", "init_fail", "none", "status", "-012", "−12")
        ),
    ],
)
def test_what_is_found(what, found):
    assert names(what) == found


@pytest.mark.parametrize(
    ("what", "meant"),
    [
        ("12", ["OTA_VERIFY_RSA_FAIL", "OTA_XZ_UNCOMP_FAIL"]),
        ("init_fail", ["OTA_INIT_FAIL", "OTA_DOWNLOAD_INIT_FAIL", "OTA_MCU_INIT_FAIL"]),
        ("OTA_VERIFY_RSA_FIAL", ["OTA_VERIFY_RSA_FAIL"]),
        ("fail", []),  # the end of far too many
        ("0x12", []),
        ("", []),
    ],
)
def test_what_is_nearest(what, meant):
    assert nearest(what, ENGLISH)[: max(len(meant), 1)] == meant


@pytest.mark.parametrize(
    ("step", "desc", "shown"),
    [
        (-3, "status -12", "-3 OTA_REPORT_VERIFY_ERR, status -12 OTA_VERIFY_RSA_FAIL"),
        (-1, "", "-1 OTA_REPORT_UPGRADE_ERR"),
        (-3, "OTA verfiy RSA failed", "-3 OTA_REPORT_VERIFY_ERR, OTA verfiy RSA failed (-12 OTA_VERIFY_RSA_FAIL)"),
        (40, "", ""),
        (0, "timed out after 60 s", "timed out after 60 s"),
        (-4, "flash", "-4 OTA_REPORT_BURN_ERR, flash"),
    ],
)
def test_a_report_has_names_beside_its_codes(step, desc, shown):
    assert codes.report_text(step, desc) == shown


@pytest.mark.parametrize(
    "desc",
    ["status -99", "status -012", "status 12", "status -12 OTA_VERIFY_RSA_FAIL", "Status -12", "status -12\n", "x"],
)
def test_other_texts_stay_as_they_are(desc):
    assert codes.name_codes(desc) == desc
