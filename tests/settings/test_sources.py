"""The readers: what they read, where they say it stands, and that nothing else than our errors comes out."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from aos_ota_plugin.errors import OtaError, Place, SecretError, SettingsError, WorkspaceError
from aos_ota_plugin.settings.sources import read_command_line, read_def_config, read_ota_config

PACKAGE = """\
name: ota_demo
# 配置
def_config:
  FLOAT: 1.10
  OTA_CONFIG_RSA: y
  "OTA_PRODUCT_KEY":   "a1B2"
  OTA_PARTITION_SIZE: 0x578000
  EMPTY:
  9: number
  OTA_APP_VERSION: app-1.10
"""


def test_def_config_values_texts_and_places():
    raws = {raw.name: raw for raw in read_def_config(PACKAGE, "p.yaml")}
    assert {name: (raw.value, raw.text) for name, raw in raws.items()} == {
        "FLOAT": (1.1, "1.10"),
        "OTA_APP_VERSION": ("app-1.10", "app-1.10"),
        "OTA_CONFIG_RSA": ("y", "y"),
        "OTA_PRODUCT_KEY": ("a1B2", '"a1B2"'),
        "OTA_PARTITION_SIZE": (0x578000, "0x578000"),
        "EMPTY": (None, ""),
    }
    assert raws["OTA_PRODUCT_KEY"].origin.place == Place("p.yaml", 6, 24)
    assert str(raws["OTA_APP_VERSION"].origin) == "p.yaml:10:20"
    assert raws["OTA_CONFIG_RSA"].origin.kind == "package.yaml"


def test_a_byte_order_mark_and_windows_line_ends_move_no_place():
    text = "\ufeff" + PACKAGE.replace("\n", "\r\n")
    assert [(raw.origin, raw.text) for raw in read_def_config(text, "p.yaml")] == [
        (raw.origin, raw.text) for raw in read_def_config(PACKAGE, "p.yaml")
    ]


def test_merge_keys_and_anchors_count_as_aos_counts_them():
    text = "x: &x {A: 1, B: 2}\ndef_config:\n  <<: *x\n  B: 3\n"
    raws = read_def_config(text, "p")
    assert {raw.name: raw.value for raw in raws} == yaml.safe_load(text)["def_config"] == {"A": 1, "B": 3}
    assert {raw.name: raw.origin.place.line for raw in raws} == {"A": 1, "B": 4}


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "name: x\n", "def_config:\n", "def_config: []\n", "def_config: ''\n"]
)
def test_no_section_no_settings(text):
    assert read_def_config(text, "p.yaml") == []


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("unclosed", "a: [1\nb: 2\n", "p.yaml:2:2: this is not YAML"),
        ("tab", "a:\n\tb: 1\n", "p.yaml:2:1: this is not YAML: found character"),
        ("two colons", "a: b: c\n", "p.yaml:1:5: this is not YAML: mapping values are not allowed"),
        ("no such date", "a: 1\nv: 2020-99-99\n", "p.yaml:2:4: this is not YAML: YAML takes 2020-99-99 for a value"),
        ("control character", "a: 1\nb: \x01\n", "p.yaml:2:4: this is not YAML: a character stands here"),
        ("two documents", "a: 1\n---\nb: 2\n", "p.yaml:2:1: this is not YAML"),
        ("alias to nothing", "a: *b\n", "p.yaml:1:4: this is not YAML: found undefined alias"),
        ("python object", "a: !!python/object:os.system {}\n", "p.yaml:1:4: this is not YAML: could not determine"),
        ("too deep", "a: " + "[" * 100_000, "p.yaml:1:1"),
        ("too deep by lines", "- " * 50_000, "p.yaml:1:201: this is not YAML: more than 100 collections"),
        ("a list", "- a\n", "p.yaml:1: a package.yaml is a mapping"),
        ("section a list", "name: x\ndef_config:\n  - A: 1\n", "p.yaml:3:3: def_config is a mapping"),
        ("section a text", "def_config: A=1\n", "p.yaml:1:13: def_config is a mapping"),
    ],
)
def test_bad_package_yaml(name, text, message):
    with pytest.raises(WorkspaceError) as caught:
        read_def_config(text, "p.yaml")
    assert str(caught.value).startswith(message), name
    assert ("more than 100 collections stand inside" in str(caught.value)) is ("too deep" in name)
    assert "\n  fix: " in str(caught.value)


OTA_CONFIG = """\
#
# Automatically generated
#
CONFIG_OTA_APP_VERSION="app-1.0 \\"a\\\\b\\" 版"
  OTA_CONFIG_RSA=y
# CONFIG_OTA_CONFIG_CLOUD_RSA is not set
CONFIG_OTA_PARTITION_SIZE=0x578000

CONFIG_OTA_DEVICE_NAME=""
"""


def test_ota_config():
    raws = read_ota_config(OTA_CONFIG, "ota.config")
    assert [(raw.name, raw.value, str(raw.origin)) for raw in raws] == [
        ("OTA_APP_VERSION", 'app-1.0 "a\\b" 版', "ota.config:4:24"),
        ("OTA_CONFIG_RSA", "y", "ota.config:5:18"),
        ("OTA_CONFIG_CLOUD_RSA", "n", "ota.config:6:1"),
        ("OTA_PARTITION_SIZE", "0x578000", "ota.config:7:27"),
        ("OTA_DEVICE_NAME", "", "ota.config:9:24"),
    ]


@pytest.mark.parametrize(
    "line, message",
    [
        ("OTA_APP_VERSION", "o:2:1: this line is not a setting"),
        ("  some words", "o:2:3: this line is not a setting"),
        ("OTA_APP_VERSION=1.10", "o:2:17: OTA_APP_VERSION: this text needs double quotes"),
        ('OTA_APP_VERSION="a', "o:2:17: OTA_APP_VERSION: this text needs double quotes"),
        ('OTA_APP_VERSION="a"b"', "o:2:17: OTA_APP_VERSION: this text needs double quotes"),
        ("OTA_APP_VERSION=", "o:2:17: OTA_APP_VERSION: this text needs double quotes"),
    ],
)
def test_bad_ota_config(line, message):
    with pytest.raises(SettingsError) as caught:
        read_ota_config(f"# first\n{line}\n", "o")
    assert str(caught.value).startswith(message)


def test_command_line_values_are_text():
    raws = read_command_line([("OTA_APP_VERSION", "1.10"), ("N", "007")])
    assert [(raw.name, raw.value, str(raw.origin)) for raw in raws] == [
        ("OTA_APP_VERSION", "1.10", "command line"),
        ("N", "007", "command line"),
    ]


SPELLINGS = [
    "DEVICE_SECRET",
    "OTA_DEVICE_SECRET",
    "AOS_OTA_DEVICE_SECRET",
    "device_secret",
    "ota_product_secret",
    "PRODUCT_SECRET",
    "KEY_PASSPHRASE",
    "OTA_KEY_PASSPHRASE",
    "OTA_SIGNING_KEY_PASSPHRASE",
    "DEVICESECRET",
    "OTA_DEMO_DEVICE_SECRET",
    "PKCS11_PIN",
    "OTA_PKCS11_PIN",
    "AOS_OTA_PKCS11_PIN",
]


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_secret_is_refused_everywhere_and_never_shown(name):
    value = "zq81hunter2"
    readers = {
        "p.yaml:2:": lambda: read_def_config(f"def_config:\n  {name}: '{value}'\n", "p.yaml"),
        "ota.config:1:": lambda: read_ota_config(f'CONFIG_{name}="{value}"\n', "ota.config"),
        f"{name}: there is a secret on the command line": lambda: read_command_line([(name, value)]),
    }
    for start, read in readers.items():
        with pytest.raises(SecretError) as caught:
            read()
        text = str(caught.value)
        assert text.startswith(start)
        assert value not in text + repr(caught.value)
        assert "AOS_OTA_" in text
        assert "ota.secrets.yaml" in text
        assert "treat it as leaked and issue a new one" in text


def test_the_place_of_a_secret_is_the_values():
    with pytest.raises(SecretError) as caught:
        read_def_config("name: x\ndef_config:\n  A: 1\n  DEVICE_SECRET:   abc\n", "p.yaml")
    assert caught.value.place == Place("p.yaml", 4, 20)


def test_a_secret_that_is_not_text_is_refused_too():
    with pytest.raises(SecretError):
        read_def_config("def_config:\n  DEVICE_SECRET: 12345678\n", "p")
    with pytest.raises(SecretError):
        read_ota_config("DEVICE_SECRET=unquoted words\n", "o")


@pytest.mark.parametrize("name", ["WITH_DEVICE_SECRET", "LINKKIT_HAS_PRODUCT_SECRET"])
def test_a_flag_about_secrets_is_no_secret(name):
    assert [raw.name for raw in read_def_config(f"def_config:\n  {name}: y\n", "p")] == [name]


@pytest.mark.parametrize(
    "value",
    [
        "|\n    -----BEGIN PRIVATE KEY-----\n    MIIEzq81\n    -----END PRIVATE KEY-----",
        "'-----BEGIN RSA PRIVATE KEY----- MIIEzq81'",
        "pkcs11:token=t;object=k?pin-value=MIIEzq81",
        "pkcs11:token=t;object=k?PIN_value=MIIEzq81",
        "pkcs11:token=t;object=k?pin-source=|MIIEzq81",
    ],
)
@pytest.mark.parametrize("name, column", [("OTA_SIGNING_KEY", 20), ("OTA_SECOND_SIGNER", 22)])
def test_a_key_or_a_pin_in_the_place_of_a_path(value, name, column):
    with pytest.raises(SecretError) as caught:
        read_def_config(f"def_config:\n  {name}: {value}\n", "p.yaml")
    text = str(caught.value)
    assert text.startswith(f"p.yaml:2:{column}: {name}: ")
    assert "leaked" in text
    assert "MIIEzq81" not in text


def test_repr_of_a_raw_setting_does_not_show_its_value():
    assert "hunter2" not in repr(read_command_line([("A", "hunter2")]))


YAMLISH = st.one_of(
    st.text(max_size=80),
    st.text(alphabet="abc:-[]{}#&*!|>'\"%@`,? \n\t0x1.", max_size=80),
    st.lists(
        st.sampled_from(
            [
                "def_config:",
                "\n",
                "  ",
                "- ",
                "A: 1",
                "<<: *x",
                "&x",
                "? ",
                "!!int ",
                "{",
                "}",
                "2020-13-01",
                "OTA_APP_VERSION: ",
                '"',
                "'",
                ": ",
                "|\n",
            ]
        ),
        max_size=25,
    ).map("".join),
    st.binary(max_size=60).map(lambda data: data.decode("utf-8", "surrogateescape")),
)


@settings(max_examples=400)
@given(YAMLISH)
def test_any_text_is_settings_or_our_error(text):
    for read in (read_def_config, read_ota_config):
        try:
            raws = read(text, "f")
        except OtaError as error:
            assert error.remedy
            assert error.place.file == "f"
        else:
            lines = (
                text.count("\n") + text.count("\r") + text.count("\x85") + text.count("\u2028") + text.count("\u2029")
            )
            assert all(1 <= raw.origin.place.line <= lines + 1 for raw in raws)


@given(
    st.dictionaries(
        st.from_regex(r"[A-Z][A-Z0-9_]{0,9}", fullmatch=True).filter(
            lambda name: name not in ("ON", "OFF", "YES", "NO", "Y", "N")
        ),
        st.one_of(st.text(st.characters(exclude_categories=["Cs"])), st.integers(), st.booleans(), st.none()),
        min_size=1,
    )
)
def test_what_yaml_writes_we_read(values):
    text = yaml.safe_dump({"name": "x", "def_config": values}, allow_unicode=True)
    raws = read_def_config(text, "p")
    assert {raw.name: raw.value for raw in raws} == yaml.safe_load(text)["def_config"]
    lines = text.splitlines() if text.isascii() else None
    for raw in raws if lines else ():
        assert f"{raw.name}:" in lines[raw.origin.place.line - 1] + lines[max(raw.origin.place.line - 2, 0)]


def test_name_that_stands_twice_in_ota_config():
    with pytest.raises(SettingsError, match="OTA_DIFF: it is set twice, in lines 1 and 3") as caught:
        read_ota_config("OTA_DIFF=y\n# a comment\n# CONFIG_OTA_DIFF is not set\n", "ota.config")
    assert str(caught.value).startswith("ota.config:3:1: ")
