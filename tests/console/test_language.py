"""The language of texts that are there in English and Chinese."""

from __future__ import annotations

import ctypes
import sys
from types import SimpleNamespace

import pytest

from aos_ota_plugin.console.language import language, language_of

SIMPLIFIED, TRADITIONAL, JAPANESE = 0x0804, 0x0404, 0x0411


@pytest.mark.parametrize(
    ("environ", "windows", "expected"),
    [
        ({"LANG": "zh_CN.UTF-8"}, None, "zh"),
        ({"LANG": "ZH_tw"}, None, "zh"),
        ({"LC_MESSAGES": "zh_CN", "LANG": "en_US.UTF-8"}, None, "zh"),
        ({"LC_ALL": "C", "LC_MESSAGES": "zh_CN", "LANG": "zh_CN"}, None, "en"),
        ({"LC_ALL": "", "LANG": "zh_CN"}, None, "zh"),
        ({}, None, "en"),
        ({}, SIMPLIFIED, "zh"),
        ({}, TRADITIONAL, "zh"),
        ({}, JAPANESE, "en"),
        ({"LANG": "en_US.UTF-8"}, SIMPLIFIED, "en"),
    ],
)
def test_the_first_variable_decides_and_then_windows(environ, windows, expected):
    assert language_of(environ, "utf-8", windows) == expected


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [("gbk", "zh"), ("utf-8", "zh"), (None, "zh"), ("cp437", "en"), ("ascii", "en"), ("?", "en")],
)
def test_a_console_that_cannot_show_chinese_gets_english(encoding, expected):
    assert language_of({"LANG": "zh_CN.GBK"}, encoding) == expected


@pytest.mark.parametrize(("identifier", "expected"), [(SIMPLIFIED, "zh"), (JAPANESE, "en")])
def test_windows_is_asked_for_its_language(monkeypatch, identifier, expected):
    kernel = SimpleNamespace(GetUserDefaultUILanguage=lambda: identifier)
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(encoding="gbk"))
    monkeypatch.setattr(ctypes, "windll", SimpleNamespace(kernel32=kernel), raising=False)
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(variable, raising=False)
    assert language() == expected
