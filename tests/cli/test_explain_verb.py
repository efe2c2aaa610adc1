"""``aos-ota explain``: codes as arguments, languages, JSON, and what is said of an unknown one."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from aos_ota_plugin.cli.main import group


def run(*words, locale="C.UTF-8"):
    return CliRunner(env={"LC_ALL": locale}).invoke(group, ["explain", *words], prog_name="aos-ota")


def explain(*words, **options):
    done = run(*words, **options)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_code_of_agent_and_boot_stage_is_shown_under_both_headings():
    shown = explain("-9")
    agent, boot = shown.index("OTA_ERRNO_E"), shown.index("OTA_UPDATER_E")
    assert agent < shown.index("-9 OTA_DOWNLOAD_RECV_FAIL\n  ") < boot < shown.index("-9 OTA_NB_CRC_COMP_FAIL\n  ")
    assert 'reported as: -2 OTA_REPORT_DOWNLOAD_ERR, "OTA download receive failed"' in shown
    assert "    1. Does the device run exactly the base release" in shown


def test_a_step_names_the_codes_that_it_stands_for():
    assert "stands for: -10 OTA_VERIFY_MD5_FAIL, -11 OTA_VERIFY_SHA2_FAIL, -12 OTA_VERIFY_RSA_FAIL" in explain("-3")


@pytest.mark.parametrize("words", [("-12", "--lang", "zh"), ("--lang=zh", "--", "-12"), ("--lang", "zh", "rsa_fail")])
def test_chinese_on_request(words):
    shown = explain(*words)
    assert "-12 OTA_VERIFY_RSA_FAIL\n  签名所用的私钥与当前固件内置的公钥不匹配。" in shown
    assert "上报为：-3 OTA_REPORT_VERIFY_ERR" in shown


def test_the_language_of_the_system_is_the_default():
    assert "签名所用的私钥" in explain("rsa_fail", locale="zh_CN.UTF-8")
    assert "签名" not in explain("rsa_fail", "--lang", "en", locale="zh_CN.UTF-8")


def test_all_codes_are_listed_without_one():
    lines = explain().splitlines()
    for code, name in (("-25", "OTA_INVALID_PARAMETER"), ("-4", "OTA_REPORT_BURN_ERR"), ("-18", "OTA_IMAGE_COPY_FAIL")):
        assert any(line.split()[:2] == [code, name] and line.endswith(".") for line in lines), name
    assert any(line.split()[:1] == ["DEVICE_FAULT"] for line in lines)


def test_json_has_names_beside_codes():
    document = json.loads(explain("-12", "--json"))
    assert document["language"] == "en"
    agent, boot = document["codes"]
    assert (agent["code"], agent["name"], agent["speaker"]) == (-12, "OTA_VERIFY_RSA_FAIL", "agent")
    assert agent["reported"] == {"step": -3, "name": "OTA_REPORT_VERIFY_ERR", "desc": "OTA verfiy RSA failed"}
    assert (boot["name"], boot["speaker"], boot["reported"]) == ("OTA_XZ_UNCOMP_FAIL", "boot stage", None)
    (step,) = json.loads(explain("verify_err", "--json"))["codes"]
    assert step["stands_for"][0] == {"code": -10, "name": "OTA_VERIFY_MD5_FAIL"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("12",), "Did you mean OTA_VERIFY_RSA_FAIL or OTA_XZ_UNCOMP_FAIL?"),
        (("rsa_fial",), "OTA_VERIFY_RSA_FAIL"),
        (("init_fail",), "OTA_INIT_FAIL or OTA_DOWNLOAD_INIT_FAIL or OTA_MCU_INIT_FAIL?"),
        (("-99",), "`aos-ota explain` lists all codes and names"),
        (("0xfffffff4",), "`aos-ota explain` lists all codes and names"),
        (("",), "lists all codes and names"),
        (("固件",), "'固件' is no code, name or end of a single name"),
        (("--langg", "zh"), "No such option"),
        (("-12", "-13"), "unexpected extra argument"),
    ],
)
def test_an_unknown_one_is_wrong_usage_with_the_nearest_names(words, said):
    done = run(*words)
    assert done.exit_code == 2
    assert said in done.output
