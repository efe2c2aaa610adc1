"""Layers in, settings out: precedence, every rule, and every message with its place."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aos_ota_plugin.errors import OtaError, SecretError, SettingsError
from aos_ota_plugin.keys.secret import Secret
from aos_ota_plugin.settings.fields import SYMBOLS
from aos_ota_plugin.settings.raw import Origin, RawSetting
from aos_ota_plugin.settings.report import setting_rows
from aos_ota_plugin.settings.resolve import resolve
from aos_ota_plugin.settings.secretfile import Secrets
from aos_ota_plugin.settings.sources import read_command_line, read_def_config, read_ota_config

FOLDER = os.path.abspath(os.path.join(os.sep, "w s", "方案"))
BASE = "OTA_APP_VERSION: app-1.0.0\nOTA_SIGNING_KEY: keys/a.pem\n"
NO_KEY = "OTA_APP_VERSION: app-1.0.0\nOTA_DIFF: n\n"


def package(body, file="p.yaml"):
    return read_def_config("def_config:\n" + "".join(f"  {line}\n" for line in body.splitlines()), file)


def run(*layers, secrets=Secrets(), foreign_names=frozenset()):  # noqa: B008
    return resolve(layers, solution_dir=FOLDER, secrets=secrets, foreign_names=foreign_names)


def one(body, **more):
    return run(package(body), **more)


def test_defaults():
    got = one(BASE)
    assert (got.app_version, got.identity, got.security, got.allow_new_key) == ("app-1.0.0", "kv", "local", False)
    assert (got.public_key, got.base_release, got.partition_size, got.product_key) == (None, None, 0, "")
    assert got.signing_key.file == os.path.join(FOLDER, "keys", "a.pem")
    assert str(got.origins["OTA_APP_VERSION"]) == "p.yaml:2:20"
    assert str(got.origins["OTA_CONFIG_RSA"]) == "default"
    assert set(got.origins) == set(SYMBOLS) == set(got.values())


def test_later_layers_win_and_say_so():
    saved = read_ota_config(
        'CONFIG_OTA_APP_VERSION="a-1"\nCONFIG_OTA_DEVICE_NAME="d1"\nOTA_PRODUCT_KEY="k1"\n', "ota.config"
    )
    board, solution = package("OTA_APP_VERSION: a-2\nOTA_DEVICE_NAME: d2", "board.yaml"), package(BASE)
    line = read_command_line([("OTA_APP_VERSION", "1.10")])
    got = run(saved, board, solution, line)
    assert (got.app_version, got.device_name, got.product_key) == ("1.10", "d2", "k1")
    assert str(got.origins["OTA_APP_VERSION"]) == "command line"
    assert str(got.origins["OTA_DEVICE_NAME"]) == "board.yaml:3:20"
    assert str(got.origins["OTA_PRODUCT_KEY"]) == "ota.config:3:17"
    assert run(saved, board, solution).app_version == "app-1.0.0"
    assert run(saved, board, package("OTA_SIGNING_KEY: k")).app_version == "a-2"


@pytest.mark.parametrize(
    "written, value",
    [
        ("y", True),
        ("n", False),
        ("yes", True),
        ("no", False),
        ("1", True),
        ("0", False),
        ("true", True),
        ("false", False),
        ("'1'", True),
        ("'n'", False),
        ("Y", True),
        ("TRUE", True),
        ("on", True),
        ("off", False),
        ('"yes"', True),
    ],
)
def test_bool_spellings(written, value):
    assert one(BASE + f"OTA_ALLOW_NEW_KEY: {written}").allow_new_key is value


@pytest.mark.parametrize("written, value", [("0x578000", 0x578000), ("5734400", 5734400), ("'0x10'", 16), ("0", 0)])
def test_sizes(written, value):
    assert one(BASE + f"OTA_PARTITION_SIZE: {written}").partition_size == value


@pytest.mark.parametrize(
    "body, message",
    [
        (
            "OTA_APP_VERSON: a-1",
            "p.yaml:4:19: OTA_APP_VERSON: there is no such setting\n  fix: did you mean OTA_APP_VERSION?",
        ),
        (
            "OTA_CONFIG_CLOUD_RAS: y",
            "p.yaml:4:25: OTA_CONFIG_CLOUD_RAS: there is no such setting\n  fix: did you mean OTA_CONFIG_CLOUD_RSA?",
        ),
        (
            "ota_app_version: a-1",
            "p.yaml:4:20: ota_app_version: there is no such setting\n  fix: did you mean OTA_APP_VERSION?",
        ),
        (
            "OTA_XYZZY_QUUX_123: 1",
            "p.yaml:4:23: OTA_XYZZY_QUUX_123: there is no such setting\n  fix: `aos-ota config` lists",
        ),
        (
            "OTA_CONFIG_RSA: maybe",
            "p.yaml:4:19: OTA_CONFIG_RSA: maybe is neither y nor n\n  fix: write OTA_CONFIG_RSA: y",
        ),
        ("OTA_CONFIG_RSA: 2", "p.yaml:4:19: OTA_CONFIG_RSA: 2 is neither y nor n"),
        ("OTA_CONFIG_RSA: 1.0", "p.yaml:4:19: OTA_CONFIG_RSA: 1.0 is neither y nor n"),
        ("OTA_CONFIG_RSA:", "p.yaml:4:18: OTA_CONFIG_RSA: an empty value is neither y nor n"),
        ("OTA_CONFIG_RSA: [y]", "p.yaml:4:19: OTA_CONFIG_RSA: [y] is neither y nor n"),
        (
            "OTA_CONFIG_LOCAL_RSA: y\nOTA_CONFIG_CLOUD_RSA: y",
            "p.yaml:5:25: OTA_CONFIG_CLOUD_RSA: OTA_CONFIG_LOCAL_RSA and "
            "OTA_CONFIG_CLOUD_RSA are both y, and only one can be\n  fix: keep one of them; OTA_CONFIG_LOCAL_RSA is set at p.yaml:4:25",
        ),
        ("OTA_IDENTITY_KV: 1\nOTA_IDENTITY_EMBEDDED: yes", "p.yaml:5:26: OTA_IDENTITY_EMBEDDED: OTA_IDENTITY_KV and "),
        (
            "OTA_CONFIG_LOCAL_RSA: n",
            "p.yaml:4:25: OTA_CONFIG_LOCAL_RSA: OTA_CONFIG_LOCAL_RSA is n, but no other is y in its "
            "place\n  fix: set OTA_CONFIG_CLOUD_RSA to y, or OTA_CONFIG_RSA to n",
        ),
        (
            "OTA_IDENTITY_KV: n",
            "p.yaml:4:20: OTA_IDENTITY_KV: OTA_IDENTITY_KV is n, but no other is y in its place\n  fix: set "
            "OTA_IDENTITY_EMBEDDED to y",
        ),
        (
            "OTA_CONFIG_RSA: n\nOTA_CONFIG_LOCAL_RSA: y",
            "p.yaml:5:25: OTA_CONFIG_LOCAL_RSA: OTA_CONFIG_LOCAL_RSA asks for signed "
            "images, and OTA_CONFIG_RSA at p.yaml:4:19 is n\n  fix: set OTA_CONFIG_RSA to y",
        ),
        ("OTA_CONFIG_CLOUD_RSA: y", "p.yaml:4:25: OTA_PUBLIC_KEY: no public key is set"),
        ("OTA_SIGNING_KEY: ''", "w s/方案/package.yaml: OTA_SIGNING_KEY: no signing key is set"),
        (
            "OTA_PRODUCT_KEY: 123",
            "p.yaml:4:20: OTA_PRODUCT_KEY: YAML reads 123 as the number 123, not as text\n  fix: quotes help "
            'only until `aos make -b` rewrites package.yaml without them; write OTA_PRODUCT_KEY="…" into ota.config',
        ),
        ("OTA_DEVICE_NAME: 007", "p.yaml:4:20: OTA_DEVICE_NAME: YAML reads 007 as the number 7, not as text"),
        ("OTA_DEVICE_NAME: on", "p.yaml:4:20: OTA_DEVICE_NAME: YAML reads on as true, not as text"),
        ("OTA_SIGNING_KEY: 12", "p.yaml:4:20: OTA_SIGNING_KEY: YAML reads 12 as the number 12, not as text"),
        (
            f"OTA_PRODUCT_KEY: {'k' * 21}",
            "p.yaml:4:20: OTA_PRODUCT_KEY: the product key has 21 characters; a device keeps 20",
        ),
        (
            f"OTA_DEVICE_NAME: {'d' * 33}",
            "p.yaml:4:20: OTA_DEVICE_NAME: the device name has 33 characters; a device keeps 32",
        ),
        ('OTA_PRODUCT_KEY: a"b', "p.yaml:4:20: OTA_PRODUCT_KEY: the product key cannot have '\"' in it"),
        ("OTA_DEVICE_NAME: a\\b", "p.yaml:4:20: OTA_DEVICE_NAME: the device name cannot have '\\\\' in it"),
        ('OTA_DEVICE_NAME: "a\\nb"', "p.yaml:4:20: OTA_DEVICE_NAME: the device name cannot have '\\n' in it"),
        ("OTA_DEVICE_NAME: 设备", "p.yaml:4:20: OTA_DEVICE_NAME: the device name cannot have '设' in it"),
        ("OTA_DEVICE_NAME: a/b", "p.yaml:4:20: OTA_DEVICE_NAME: the device name cannot have '/' in it"),
        ("OTA_DEVICE_NAME: a b", "p.yaml:4:20: OTA_DEVICE_NAME: the device name cannot have ' ' in it"),
        (
            "OTA_PARTITION_SIZE: -1",
            "p.yaml:4:23: OTA_PARTITION_SIZE: -1 is not a size in bytes\n  fix: write it in hexadecimal",
        ),
        ("OTA_PARTITION_SIZE: 0x100000000", "p.yaml:4:23: OTA_PARTITION_SIZE: 0x100000000 is not a size in bytes"),
        ("OTA_PARTITION_SIZE: '578000'", "p.yaml:4:23: OTA_PARTITION_SIZE: '578000' is not a size in bytes"),
        ("OTA_PARTITION_SIZE: 010", "p.yaml:4:23: OTA_PARTITION_SIZE: 010 is not a size in bytes"),
        ("OTA_PARTITION_SIZE: 1:30", "p.yaml:4:23: OTA_PARTITION_SIZE: 1:30 is not a size in bytes"),
        ("OTA_APP_SOURCE: /src/main.c", "p.yaml:4:19: OTA_APP_SOURCE: /src/main.c is not a path below the solution"),
        (
            "OTA_APP_SOURCE: a/../../main.c",
            "p.yaml:4:19: OTA_APP_SOURCE: a/../../main.c is not a path below the solution",
        ),
        ("OTA_APP_SOURCE: 'C:\\src\\main.c'", "p.yaml:4:19: OTA_APP_SOURCE: 'C:\\src\\main.c' is not a path below"),
        ("OTA_APP_SOURCE: src/main.cpp", "p.yaml:4:19: OTA_APP_SOURCE: src/main.cpp is not a C source"),
        ("OTA_APP_SOURCE: .", "p.yaml:4:19: OTA_APP_SOURCE: . is not a path below the solution"),
        ("OTA_APP_SOURCE: 1", "p.yaml:4:19: OTA_APP_SOURCE: YAML reads 1 as the number 1, not as text"),
        ("OTA_PARTITION_SIZE: yes", "p.yaml:4:23: OTA_PARTITION_SIZE: yes is not a size in bytes"),
        ("OTA_PARTITION_SIZE: 5.6M", "p.yaml:4:23: OTA_PARTITION_SIZE: 5.6M is not a size in bytes"),
        ('OTA_PUBLIC_KEY: "a\\0b"', "p.yaml:4:19: OTA_PUBLIC_KEY: this is not a path: it contains a control character"),
        ("OTA_PUBLIC_KEY: '-----BEGIN PUBLIC KEY----- x'", "p.yaml:4:19: OTA_PUBLIC_KEY: this is the key itself"),
    ],
)
def test_bad_settings(body, message):
    with pytest.raises(SettingsError) as caught:
        one((BASE if "OTA_SIGNING_KEY" not in body else NO_KEY) + body)
    shown = str(caught.value)
    assert shown.lstrip("/").startswith(message), shown
    assert "\n  fix: " in shown


@pytest.mark.parametrize(
    "written, message",
    [
        (
            "1.10",
            "p.yaml:2:20: OTA_APP_VERSION: YAML reads 1.10 as the number 1.1, so this is not a version\n  fix: begin it with "
            "letters, for example OTA_APP_VERSION: app-1.10. Quotes are not enough: `aos make -b` rewrites package.yaml without them",
        ),
        (
            "2",
            "p.yaml:2:20: OTA_APP_VERSION: YAML reads 2 as the number 2, so this is not a version\n  fix: begin it with letters, "
            "for example OTA_APP_VERSION: app-2",
        ),
        ("1e3", None),
        ("1_0", "p.yaml:2:20: OTA_APP_VERSION: YAML reads 1_0 as the number 10"),
        ("yes", "p.yaml:2:20: OTA_APP_VERSION: YAML reads yes as true"),
        ("2026-01-31", "p.yaml:2:20: OTA_APP_VERSION: YAML reads 2026-01-31 as a date"),
        (
            "1:30",
            "p.yaml:2:20: OTA_APP_VERSION: YAML reads 1:30 as the number 90, so this is not a version\n  fix: begin it with "
            "letters, for example OTA_APP_VERSION: app-1-30",
        ),
        (".inf", "p.yaml:2:20: OTA_APP_VERSION: YAML reads .inf as the number inf"),
        ("[1, 2]", "p.yaml:2:20: OTA_APP_VERSION: YAML reads [1, 2] as a list or mapping"),
        ("", "p.yaml:2:19: OTA_APP_VERSION: no version is set"),
        ("''", "p.yaml:2:20: OTA_APP_VERSION: no version is set"),
        ("'a b'", "p.yaml:2:20: OTA_APP_VERSION: the platform does not take 'a b' as a version"),
        ("v1.0+2", "p.yaml:2:20: OTA_APP_VERSION: the platform does not take 'v1.0+2' as a version"),
        ("版本1", "p.yaml:2:20: OTA_APP_VERSION: the platform does not take '版本1' as a version"),
        ('"a\\n"', "p.yaml:2:20: OTA_APP_VERSION: the platform does not take 'a\\n' as a version"),
        ("v" * 64, "p.yaml:2:20: OTA_APP_VERSION: the version has 64 characters; a device keeps 63"),
        ("v" * 63, None),
        ("1.0.1", None),
        ("'1.10'", None),
        ("app-1.0.1_rc.2", None),
    ],
)
def test_versions(written, message):
    body = f"OTA_APP_VERSION: {written}\nOTA_SIGNING_KEY: k"
    if message is None:
        assert one(body).app_version == written.strip("'")
        return
    with pytest.raises(SettingsError) as caught:
        one(body)
    assert str(caught.value).startswith(message)


def test_no_version_at_all():
    with pytest.raises(SettingsError) as caught:
        one("OTA_SIGNING_KEY: k")
    assert str(caught.value).startswith(os.path.join(FOLDER, "package.yaml") + ": OTA_APP_VERSION: no version is set")
    assert "OTA_APP_VERSION: app-1.0.0" in caught.value.remedy


def test_a_bad_command_line_value_says_where_it_was():
    with pytest.raises(SettingsError, match=r"OTA_CONFIG_RSA: perhaps is neither y nor n \(on the command line\)"):
        run(package(BASE), read_command_line([("OTA_CONFIG_RSA", "perhaps")]))


def test_a_bad_value_that_is_overridden_does_not_matter_but_an_unknown_name_does():
    assert run(package("OTA_APP_VERSION: 1.10"), package(BASE)).app_version == "app-1.0.0"
    with pytest.raises(SettingsError, match="OTA_APP_VERSON"):
        run(package("OTA_APP_VERSON: a"), package(BASE))


CLOUD = "OTA_CONFIG_CLOUD_RSA: y\nOTA_PUBLIC_KEY: pub.pem"


def test_a_higher_layers_choice_wins():
    assert one(BASE + CLOUD).security == "cloud"
    local = package("OTA_CONFIG_LOCAL_RSA: y", "board.yaml")
    got = run(local, package(BASE + CLOUD))
    assert got.security == "cloud"
    assert str(got.origins["OTA_CONFIG_LOCAL_RSA"]) == str(got.origins["OTA_CONFIG_CLOUD_RSA"]) == "p.yaml:4:25"
    assert run(package(BASE + CLOUD), read_command_line([("OTA_CONFIG_LOCAL_RSA", "1")])).security == "local"
    saved = read_ota_config("OTA_CONFIG_LOCAL_RSA=y\n# OTA_CONFIG_CLOUD_RSA is not set\n", "ota.config")
    assert run(saved, package(BASE + CLOUD)).security == "cloud"


def test_a_higher_layers_no_without_a_replacement_is_an_error():
    with pytest.raises(
        SettingsError, match=r"OTA_CONFIG_CLOUD_RSA is n, but no other is y in its place \(on the command"
    ):
        run(package(BASE + CLOUD), read_command_line([("OTA_CONFIG_CLOUD_RSA", "n")]))


def test_unsigned_only_when_asked_for():
    assert one(BASE + "OTA_CONFIG_RSA: n").security == "none"
    assert one("OTA_APP_VERSION: a\nOTA_CONFIG_RSA: n").signing_key is None
    assert one(BASE + "OTA_CONFIG_RSA: n\nOTA_CONFIG_LOCAL_RSA: n\nOTA_CONFIG_CLOUD_RSA: n").security == "none"
    assert run(package(BASE + CLOUD), read_command_line([("OTA_CONFIG_RSA", "n")])).security == "none"
    with pytest.raises(SettingsError, match="asks for signed images, and OTA_CONFIG_RSA at p.yaml:4:19 is n"):
        run(package(BASE + "OTA_CONFIG_RSA: n"), read_command_line([("OTA_CONFIG_CLOUD_RSA", "y")]))


EMBEDDED = "OTA_IDENTITY_EMBEDDED: y\n"


def test_an_embedded_identity_is_whole():
    body = BASE + EMBEDDED + "OTA_PRODUCT_KEY: a1B2\nOTA_DEVICE_NAME: dev_1"
    got = one(body, secrets=Secrets(device_secret=Secret("zq81")))
    assert (got.identity, got.product_key, got.device_name) == ("embedded", "a1B2", "dev_1")
    assert "zq81" not in repr(got)


@pytest.mark.parametrize(
    "body, secrets, needs, remedy",
    [
        ("", Secrets(), "OTA_PRODUCT_KEY, OTA_DEVICE_NAME and the device secret", "OTA_PRODUCT_KEY under def_config, "),
        ("OTA_PRODUCT_KEY: a", Secrets(), "OTA_DEVICE_NAME and the device secret", "AOS_OTA_DEVICE_SECRET"),
        ("OTA_PRODUCT_KEY: a\nOTA_DEVICE_NAME: b", Secrets(), "the device secret", "device_secret in ota.secrets.yaml"),
        (
            "OTA_PRODUCT_KEY: a",
            Secrets(device_secret=Secret("zq81")),
            "OTA_DEVICE_NAME",
            "OTA_DEVICE_NAME under def_config",
        ),
    ],
)
def test_an_embedded_identity_lists_what_is_missing(body, secrets, needs, remedy):
    with pytest.raises(SettingsError) as caught:
        one(BASE + EMBEDDED + body, secrets=secrets)
    shown = str(caught.value)
    assert shown.startswith(f"p.yaml:4:26: OTA_IDENTITY_EMBEDDED: an identity inside the firmware needs {needs}\n")
    assert remedy in caught.value.remedy
    assert "OTA_IDENTITY_KV" in caught.value.remedy
    assert "zq81" not in shown


def test_foreign_names_are_left_alone():
    body = (
        BASE
        + "OTA_CONFIG_SECURE_DL_MODE: 1\nOTA_DOWNLOAD_TIMEOUT: 9\nOTA_SW_VERSION: x\nOTA_DEMO_SW_VERSION: x\nOTHER: 1"
    )
    assert one(body).app_version == "app-1.0.0"
    assert one(BASE + "OTA_DEMO_LOOP: 1", foreign_names={"OTA_DEMO_LOOP"}).app_version == "app-1.0.0"
    with pytest.raises(SettingsError, match="OTA_DEMO_LOOP: there is no such setting"):
        one(BASE + "OTA_DEMO_LOOP: 1")


def test_paths(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    absolute = str(tmp_path / "我的 key.pem")
    for written, expected in [
        ("../公钥 key.pem", os.path.join(os.path.dirname(FOLDER), "公钥 key.pem")),
        ("~/k.pem", str(tmp_path / "k.pem")),
        (f"'{absolute}'", absolute),
        ("'pkcs11:token=t;object=k'", "pkcs11:token=t;object=k"),
        ("'command:tools/sign ~/x {digest_hex}'\nOTA_PUBLIC_KEY: p", "command:tools/sign ~/x {digest_hex}"),
    ]:
        assert one(f"OTA_APP_VERSION: a\nOTA_SIGNING_KEY: {written}").signing_key.text == expected
    assert one(BASE + "OTA_BASE_RELEASE: rel/1.json").base_release == os.path.join(FOLDER, "rel", "1.json")


def test_a_secret_in_a_layer_made_by_hand_is_refused_too():
    raw = RawSetting("OTA_DEVICE_SECRET", "zq81", "zq81", Origin("SConstruct"))
    with pytest.raises(SecretError) as caught:
        run(package(BASE), [raw])
    assert "there is a secret in SConstruct" in str(caught.value)
    assert "zq81" not in str(caught.value)


def test_a_command_needs_the_public_key():
    with pytest.raises(SettingsError, match="OTA_PUBLIC_KEY: no public key is set, and a signing command") as caught:
        one("OTA_APP_VERSION: a\nOTA_SIGNING_KEY: Command:sign")
    assert str(caught.value.place) == "p.yaml:3:20"
    assert one("OTA_APP_VERSION: a\nOTA_SIGNING_KEY: command:sign\nOTA_PUBLIC_KEY: p").solution_dir == FOLDER
    assert one("OTA_APP_VERSION: a\nOTA_SIGNING_KEY: command:sign\nOTA_CONFIG_RSA: n").public_key is None


def test_report_shows_a_uri_and_no_pin():
    secrets = Secrets(
        pkcs11_pin=Secret("zq81"), origins={"pkcs11_pin": Origin("environment")}, ask=lambda question: "zq82"
    )
    settings = one("OTA_APP_VERSION: a\nOTA_SIGNING_KEY: pkcs11:object=k?pin-source=keys/pin", secrets=secrets)
    table = {row.name: (row.value, row.origin) for row in setting_rows(settings)}
    assert table["OTA_SIGNING_KEY"][0] == "pkcs11:object=k?pin-source=keys/pin"
    assert table["pkcs11_pin"] == ("set", "environment AOS_OTA_PKCS11_PIN")
    assert "zq81" not in repr(table) + repr(settings)


def test_report_shows_origins_and_no_secret():
    secrets = Secrets(device_secret=Secret("zq81"), origins={"device_secret": Origin("environment")})
    table = {
        row.name: (row.value, row.origin)
        for row in setting_rows(one(BASE + "OTA_PARTITION_SIZE: 0x10", secrets=secrets))
    }
    assert list(table)[: len(SYMBOLS)] == list(SYMBOLS)
    assert table["OTA_APP_VERSION"] == ("app-1.0.0", "p.yaml:2:20")
    assert table["OTA_CONFIG_LOCAL_RSA"] == ("y", "default")
    assert table["OTA_PARTITION_SIZE"] == ("0x10", "p.yaml:4:23")
    assert table["device_secret"] == ("set", "environment AOS_OTA_DEVICE_SECRET")
    assert table["product_secret"] == ("not set", "-")
    assert "zq81" not in repr(table)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=30),
    st.lists(st.integers(), max_size=2),
    st.dates(),
    st.sampled_from(["y", "n", "0x10", "app-1.0", "keys/a.pem"]),
)
RAWS = st.builds(
    lambda name, value: RawSetting(name, value, str(value), Origin("package.yaml")),
    st.sampled_from([*SYMBOLS, "OTA_X", "DEVICE_SECRET", "FOO"]),
    VALUES,
)


@settings(max_examples=300)
@given(st.lists(st.lists(RAWS, max_size=4), max_size=4))
def test_any_layers_are_settings_or_our_error(layers):
    try:
        got = run(*layers)
    except OtaError as error:
        assert error.remedy
    else:
        assert 1 <= len(got.app_version) <= 63
        assert got.security in ("local", "cloud", "none")


@given(st.permutations(["OTA_CONFIG_RSA", "OTA_CONFIG_LOCAL_RSA", "OTA_CONFIG_CLOUD_RSA"]), st.data())
def test_unsigned_is_never_an_accident(names, data):
    """Whatever mix of y and n: an unsigned build only if the last word on OTA_CONFIG_RSA is n."""
    layers = [package(BASE + "OTA_PUBLIC_KEY: p")]
    last = True
    for name in names:
        value = data.draw(st.sampled_from(["y", "n"]))
        layers.append(read_command_line([(name, value)]))
        last = value == "y" if name == "OTA_CONFIG_RSA" else last
    try:
        got = run(*layers)
    except SettingsError:
        return
    assert (got.security == "none") is (not last)


def test_diff_needs_a_base_release():
    with pytest.raises(SettingsError) as caught:
        one(BASE + "OTA_DIFF: y\n")
    assert str(caught.value).startswith("p.yaml:4:13: OTA_DIFF: no base release is set")
    assert "\n  fix: set OTA_BASE_RELEASE to the ota_rtos_ota.json" in str(caught.value)
    got = one(BASE + "OTA_DIFF: y\nOTA_BASE_RELEASE: releases/1/a.json\n")
    assert got.diff is True
    assert got.values()["OTA_DIFF"] == "y"
    assert one(BASE).diff is False


def test_the_image_magic_is_one_of_five():
    assert one(BASE).image_magic == "ALL"
    for name in ("ALL", "APP", "KERNEL", "FS", "MCU"):
        got = one(f"{BASE}OTA_IMAGE_{name}: y")
        assert got.image_magic == name
        assert [key for key, value in got.values().items() if key.startswith("OTA_IMAGE_") and value == "y"] == [
            f"OTA_IMAGE_{name}"
        ]
    with pytest.raises(SettingsError, match="OTA_IMAGE_APP and OTA_IMAGE_FS are both y"):
        one(f"{BASE}OTA_IMAGE_APP: y\nOTA_IMAGE_FS: y")
    with pytest.raises(SettingsError, match="OTA_IMAGE_ALL is n, but no other is y in its place"):
        one(f"{BASE}OTA_IMAGE_ALL: n")
    assert one(f"{BASE}OTA_MODULES: ota.modules.yaml").modules == os.path.join(FOLDER, "ota.modules.yaml")


ROTATION = BASE + "OTA_EMBED_NEXT_KEY: y\n"
APPROVED = BASE + "OTA_SECOND_APPROVAL: a.json\n"


@pytest.mark.parametrize(
    "body, says",
    [
        (ROTATION, "p.yaml:4:23: OTA_EMBED_NEXT_KEY: no key ring is set"),
        (ROTATION + "OTA_KEY_RING: r.yaml\n", "p.yaml:4:23: OTA_EMBED_NEXT_KEY: no base release is set"),
        (ROTATION + "OTA_CONFIG_CLOUD_RSA: y\nOTA_PUBLIC_KEY: p\n", "p.yaml:4:23: OTA_EMBED_NEXT_KEY: in cloud mode"),
        (APPROVED, "p.yaml:4:24: OTA_SECOND_APPROVAL: no OTA_SECOND_PUBLIC_KEY is set"),
        (APPROVED + "OTA_SECOND_SIGNER: k\n", "are both set"),
        (BASE + "OTA_SECOND_SIGNER: command:sign\n", "OTA_SECOND_SIGNER: no OTA_SECOND_PUBLIC_KEY is set"),
        (BASE + "OTA_SECOND_PUBLIC_KEY: k\nOTA_CONFIG_RSA: n\n", "p.yaml:4:26: OTA_SECOND_PUBLIC_KEY: in none mode"),
    ],
)
def test_half_a_rotation_and_half_an_approval(body, says):
    with pytest.raises(SettingsError) as caught:
        one(body)
    assert says in str(caught.value)
    assert caught.value.remedy


def test_whole_rotation_and_approval():
    got = one(ROTATION + "OTA_KEY_RING: r.yaml\nOTA_BASE_RELEASE: b.json\nOTA_SECOND_SIGNER: pkcs11:object=b\n")
    assert (got.embed_next_key, got.second_signer.uri.object) == (True, "b")
    assert (got.key_ring, got.base_release) == (os.path.join(FOLDER, "r.yaml"), os.path.join(FOLDER, "b.json"))
    assert not one(BASE).allow_development_key
