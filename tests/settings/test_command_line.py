"""Pairs from every way into a build: each name once, what was asked for in none of them lost in silence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aos_ota_plugin.errors import SecretError, SettingsError
from aos_ota_plugin.settings.command_line import Request, environment_warning, requested_pairs
from aos_ota_plugin.settings.fields import SYMBOLS
from aos_ota_plugin.settings.foreign import refuse_unknown
from aos_ota_plugin.settings.raw import OTA_CONFIG, Origin, RawSetting
from aos_ota_plugin.settings.sources import read_command_line

NAMES = tuple(SYMBOLS)
VERSION = "OTA_APP_VERSION"


def asked(**ways):
    return dict(requested_pairs(Request(**ways), NAMES))


def test_what_scons_did_not_get_is_taken_from_make():
    assert asked(scons=[("LWIP_DEBUG", "1")], makeflags=r"w -j2 -- OTA_SIGNING_KEY=my\ key LWIP_DEBUG=2 V=1") == {
        "LWIP_DEBUG": "1",
        "OTA_SIGNING_KEY": "my key",
    }


def test_makes_own_record_counts_before_what_a_shell_has_left_behind_the_hyphens():
    way = {"after_hyphens": [(VERSION, "app-1"), ("OTA_DIFF", "y")]}
    assert asked(makeflags=" -- OTA_APP_VERSION=app-1$$2", **way) == {VERSION: "app-1$2", "OTA_DIFF": "y"}


def test_what_aos_ota_make_hands_over_counts_before_a_make_around_it():
    assert asked(makeflags=" -- OTA_APP_VERSION=far", handed_over=[(VERSION, "near")]) == {VERSION: "near"}


@pytest.mark.parametrize("way", [{"makeflags": "OTA_APP_VERSION=app-2"}, {"handed_over": [(VERSION, "app-2")]}])
def test_another_value_on_scons_line_is_refused(way):
    assert asked(scons=[(VERSION, "app-1"), (VERSION, "app-2")], **way) == {VERSION: "app-2"}
    with pytest.raises(SettingsError, match=f"^{VERSION}: .*\n  fix: take {VERSION}=… off the scons line") as error:
        asked(scons=[(VERSION, "app-1")], **way)
    assert "app-" not in str(error.value)  # a value may be a path with a PIN in it


@pytest.mark.parametrize(
    "way",
    [
        {"scons": [("OTA_DEVICE_SECRET", "hush0hush")]},
        {"after_hyphens": [("DEVICE_SECRET", "hush0hush")]},
        {"makeflags": " -- AOS_OTA_PKCS11_PIN=hush0hush"},
        {"handed_over": [("product_secret", "hush0hush")]},
        {"makeflags": r" -- OTA_SIGNING_KEY=pkcs11:token=a?pin-value=hush0hush"},
        # Before the two values are compared.
        {"makeflags": " -- OTA_APP_VERSION=a OTA_DEVICE_SECRET=hush0hush", "scons": [(VERSION, "b")]},
    ],
)
def test_a_secret_is_refused_on_every_way_and_not_shown(way):
    with pytest.raises(SecretError, match="on the command line") as error:
        asked(**way)
    assert "hush0hush" not in str(error.value)


@given(
    st.lists(st.tuples(st.sampled_from([*NAMES, "OTHER"]), st.sampled_from(["a", "b"])), max_size=6),
    st.lists(st.tuples(st.sampled_from([*NAMES, "OTHER"]), st.sampled_from(["a", "b"])), max_size=6),
)
def test_a_setting_arrives_with_the_last_value_or_is_refused(scons, handed_over):
    pairs = {name: value for name, value in handed_over if name != "OTHER"}
    try:
        arrived = asked(scons=scons, handed_over=handed_over)
    except SettingsError:
        assert any(dict(scons).get(name, value) != value for name, value in pairs.items())
    else:
        assert pairs.items() <= arrived.items()
        assert dict(scons).items() <= arrived.items()


def test_the_environment_alone_sets_nothing_and_that_is_said():
    environment = {VERSION: "app-7", "OTA_DIFF": "y", "AOS_OTA_DEVICE_SECRET": "hush", "OTA_OTHER": "1"}
    both = environment_warning(environment, [], NAMES)
    assert both == (
        "OTA_APP_VERSION, OTA_DIFF are in the environment, which has no effect; to set them: "
        "`aos make OTA_APP_VERSION=… OTA_DIFF=…`"
    )
    one = environment_warning(environment, [(VERSION, "app-1")], NAMES)
    assert one == "OTA_DIFF is in the environment, which has no effect; to set it: `aos make OTA_DIFF=…`"
    assert environment_warning(environment, [(VERSION, "app-1"), ("OTA_DIFF", "n")], NAMES) is None


# --- names that are nearly ours


@pytest.mark.parametrize(
    "name",
    [
        "OAT_APP_VERSION",
        "OTAA_APP_VERSION",
        "OTAAPP_VERSION",
        "ota_app_version",
        "OTA_APP_VERSON",
        "APP_VERSION",
        "CONFIG_OTA_APP_VERSION",
        "CONFIG_OTA_APP_VERSON",
    ],
)
def test_a_misspelt_name_is_refused(name):
    with pytest.raises(SettingsError, match="did you mean OTA_APP_VERSION"):
        refuse_unknown([read_command_line([(name, "app-1")])], NAMES, ())
    refuse_unknown([read_command_line([(name, "app-1")])], NAMES, {name})


@pytest.mark.parametrize(
    "name", ["LWIP_DEBUG", "APP_NAME", "V", "BOARD", "CFLAGS", "DEMO_VENDOR_FLAWS", "SIGNING", "PARTITION"]
)
def test_other_names_stay_as_they_are(name):
    refuse_unknown([read_command_line([(name, "1")])], NAMES, ())


def test_a_file_may_hold_names_that_are_nearly_ours():
    """There a name belongs to someone: it has a line, and aos-tools makes a macro of it. Kconfig's prefix is ours alone."""
    for name in ("OAT_APP_VERSION", "APP_VERSION", "CONFIG_LWIP"):
        refuse_unknown([[RawSetting(name, "1", "1", Origin(OTA_CONFIG))]], NAMES, ())
    with pytest.raises(SettingsError, match="did you mean OTA_APP_VERSION"):
        refuse_unknown([[RawSetting("CONFIG_OTA_APP_VERSION", "1", "1", Origin(OTA_CONFIG))]], NAMES, ())
