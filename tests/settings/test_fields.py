"""The table of settings: all that lists settings has its rows, and each row says truly what it affects."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from setting_values import changed, settings_of

from aos_ota_plugin.errors import SettingsError
from aos_ota_plugin.settings.fields import OBSOLETE, PATHS, ROWS, SYMBOLS, OtaSettings, Part
from aos_ota_plugin.settings.leaks import secret_variable
from aos_ota_plugin.settings.report import setting_rows
from aos_ota_plugin.settings.resolve import resolve
from aos_ota_plugin.settings.secretfile import VARIABLES, Secrets
from aos_ota_plugin.settings.sources import read_command_line, read_ota_config

REPOSITORY = Path(__file__).resolve().parents[2]


each_row = pytest.mark.parametrize("row", ROWS, ids=[row.attribute for row in ROWS])


@each_row
def test_a_row_affects_something_and_says_since_when(row):
    assert row.affects
    assert re.fullmatch(r"\d+\.\d+\.\d+", row.since)


@each_row
def test_another_value_is_seen_in_just_the_parts_that_the_row_names(row):
    before, after = settings_of(), changed(settings_of(), row)
    assert {part for part in Part if before.values(part) != after.values(part)} == {
        part for part in Part if part & row.affects
    }


@each_row
def test_aos_ota_config_shows_it(row):
    shown = {one.name: one.value for one in setting_rows(settings_of())}
    for symbol in row.symbols:
        default = {"OTA_APP_VERSION": "app-1.0.0", "OTA_SIGNING_KEY": "/w/k.pem"}.get(symbol.name, symbol.default)
        assert shown[symbol.name] == default


def test_every_attribute_of_the_settings_is_a_row_or_says_where_settings_are():
    attributes = set(OtaSettings.__dataclass_fields__)
    assert attributes - {row.attribute for row in ROWS} == {"secrets", "origins", "solution_dir", "notices"}


def test_no_setting_is_a_secret():
    """They have no symbol: what Kconfig names is saved in ota.config, which belongs into version control."""
    assert [name for name in SYMBOLS if secret_variable(name)] == []
    assert not set(SYMBOLS) & {*VARIABLES, *VARIABLES.values()}


def test_paths_stay_on_this_machine():
    assert {"OTA_SIGNING_KEY", "OTA_KEY_RING", "OTA_MODULES"} <= PATHS
    assert not [name for name in settings_of().values(Part.DOCUMENTS) if name in PATHS]
    assert {*settings_of().values(Part.DOCUMENTS), *PATHS} == set(SYMBOLS)


# --- settings of earlier versions


@pytest.mark.parametrize("value", ["y", "n", "", "perhaps"])
def test_an_obsolete_setting_is_ignored_with_a_warning(value):
    settings = settings_of(OTA_WARN_SHARED_KEY=value)
    assert settings.values() == settings_of().values()
    assert settings.notices == (
        "test: OTA_WARN_SHARED_KEY is obsolete and ignored: take it out; "
        "`aos-ota keys` tells from kept releases which key signed which product",
    )
    assert settings_of().notices == ()


def test_an_obsolete_setting_is_named_with_its_place():
    saved = read_ota_config("CONFIG_OTA_DIFF=n\nCONFIG_OTA_WARN_SHARED_KEY=y\n", "ota.config")
    layers = [saved, read_command_line([("OTA_APP_VERSION", "a"), ("OTA_SIGNING_KEY", "k")])]
    (notice,) = resolve(layers, solution_dir="/w", secrets=Secrets()).notices
    assert notice.startswith("ota.config:2:28: OTA_WARN_SHARED_KEY is obsolete")


def test_an_obsolete_setting_is_none_of_the_table():
    assert not set(OBSOLETE) & set(SYMBOLS)


def test_a_name_that_is_nearly_an_obsolete_one_is_an_error():
    with pytest.raises(SettingsError, match="OTA_WARN_SHARED_KAY: there is no such setting"):
        settings_of(OTA_WARN_SHARED_KAY="n")


# --- the READMEs


def readme_table(file):
    """{setting: the text in the column of defaults} of the table that begins with OTA_APP_VERSION."""
    found = {}
    text = (REPOSITORY / file).read_text(encoding="utf-8")
    lines = text[text.index("\n| `OTA_APP_VERSION`") + 1 :].splitlines()
    for line in lines:
        if not line.startswith("| `"):
            break
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        names = re.findall(r"`(\w+)`", cells[0])
        for name in names:
            # "`OTA_IMAGE_ALL` / `_APP`" is short for OTA_IMAGE_APP.
            whole = name if name.startswith("OTA_") else names[0].rpartition("_")[0] + name
            found[whole] = cells[-1]
    return found


@pytest.mark.parametrize("file", ["README.md", "README.zh-CN.md"])
def test_the_readme_lists_every_setting_with_its_default(file):
    table = readme_table(file)
    assert set(table) == set(SYMBOLS)
    for row in ROWS:
        symbol = row.symbols[0]
        if symbol.kind == "bool" and not row.choice:
            assert f"`{symbol.default}`" in table[symbol.name], symbol.name
    for variable in VARIABLES.values():
        assert variable in (REPOSITORY / file).read_text(encoding="utf-8")
