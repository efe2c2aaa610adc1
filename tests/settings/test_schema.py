"""Our Kconfig file, read by kconfiglib whatever the environment says."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aos_ota_plugin.errors import SettingsError
from aos_ota_plugin.settings.schema import KCONFIG_FILE, load_kconfig, load_schema
from aos_ota_plugin.settings.sources import read_ota_config

DEFAULTS = {
    "OTA_APP_VERSION": ("string", ""),
    "OTA_IDENTITY_KV": ("bool", "y"),
    "OTA_IDENTITY_EMBEDDED": ("bool", "n"),
    "OTA_PRODUCT_KEY": ("string", ""),
    "OTA_DEVICE_NAME": ("string", ""),
    "OTA_CONFIG_RSA": ("bool", "y"),
    "OTA_CONFIG_LOCAL_RSA": ("bool", "y"),
    "OTA_CONFIG_CLOUD_RSA": ("bool", "n"),
    "OTA_SIGNING_KEY": ("string", ""),
    "OTA_KEY_RING": ("string", ""),
    "OTA_EMBED_NEXT_KEY": ("bool", "n"),
    "OTA_ALLOW_DEVELOPMENT_KEY": ("bool", "n"),
    "OTA_WARN_SHARED_KEY": ("bool", "y"),
    "OTA_PUBLIC_KEY": ("string", ""),
    "OTA_SECOND_PUBLIC_KEY": ("string", ""),
    "OTA_SECOND_SIGNER": ("string", ""),
    "OTA_SECOND_APPROVAL": ("string", ""),
    "OTA_BASE_RELEASE": ("string", ""),
    "OTA_ALLOW_NEW_KEY": ("bool", "n"),
    "OTA_ALLOW_CHANGED_PAYLOAD": ("bool", "n"),
    "OTA_IMAGE_ALL": ("bool", "y"),
    "OTA_IMAGE_APP": ("bool", "n"),
    "OTA_IMAGE_KERNEL": ("bool", "n"),
    "OTA_IMAGE_FS": ("bool", "n"),
    "OTA_IMAGE_MCU": ("bool", "n"),
    "OTA_MODULES": ("string", ""),
    "OTA_COMPRESS_XZ": ("bool", "n"),
    "OTA_DIFF": ("bool", "n"),
    "OTA_PROVENANCE": ("bool", "n"),
    "OTA_REPRODUCIBLE": ("bool", "n"),
    "OTA_PARTITION_SIZE": ("hex", "0x0"),
}


def test_names_kinds_and_defaults():
    symbols = load_schema().symbols
    assert {name: (symbol.kind, symbol.default) for name, symbol in symbols.items()} == DEFAULTS


def test_every_symbol_of_the_file_is_there_by_another_reader():
    written = re.findall(r"^config (\w+)$", Path(KCONFIG_FILE).read_text(encoding="utf-8"), re.MULTILINE)
    assert written == list(load_schema().symbols)


def test_every_setting_has_a_prompt_and_a_help_text():
    for symbol in load_schema().symbols.values():
        assert symbol.prompt, symbol.name
        assert len(symbol.help) > 40, symbol.name


def test_no_secret_has_a_symbol():
    assert not [name for name in load_schema().symbols if "SECRET" in name or "PASS" in name]


def test_choices():
    choices = load_schema().choices
    assert {name: (choice.members, choice.default) for name, choice in choices.items()} == {
        "OTA_IDENTITY": (("OTA_IDENTITY_KV", "OTA_IDENTITY_EMBEDDED"), "OTA_IDENTITY_KV"),
        "OTA_IMAGE": (
            ("OTA_IMAGE_ALL", "OTA_IMAGE_APP", "OTA_IMAGE_KERNEL", "OTA_IMAGE_FS", "OTA_IMAGE_MCU"),
            "OTA_IMAGE_ALL",
        ),
        "OTA_SIGNER": (("OTA_CONFIG_LOCAL_RSA", "OTA_CONFIG_CLOUD_RSA"), "OTA_CONFIG_LOCAL_RSA"),
    }


def test_another_projects_environment_changes_nothing(monkeypatch, tmp_path, capfd):
    (tmp_path / "evil_functions.py").write_text("raise SystemExit('imported')\n")
    (tmp_path / "kconfigfunctions.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    strange = {
        "KCONFIG_FUNCTIONS": "evil_functions",
        "CONFIG_": "BR2_",
        "srctree": str(tmp_path),
        "KCONFIG_STRICT": "y",
        "KCONFIG_WARN_UNDEF": "y",
    }
    for name, value in strange.items():
        monkeypatch.setenv(name, value)
    kconfig = load_kconfig()
    assert kconfig.config_prefix == "CONFIG_"
    assert kconfig.warnings == []
    import os

    assert {name: os.environ.get(name) for name in strange} == strange
    assert capfd.readouterr() == ("", "")


def test_what_kconfiglib_saves_is_what_we_read(tmp_path):
    kconfig = load_kconfig()
    kconfig.syms["OTA_APP_VERSION"].set_value('1.10 "x\\y" 版')
    kconfig.syms["OTA_CONFIG_CLOUD_RSA"].set_value(2)
    kconfig.syms["OTA_PARTITION_SIZE"].set_value("0x578000")
    saved = tmp_path / "ota.config"
    kconfig.write_config(str(saved))
    read = {raw.name: raw.value for raw in read_ota_config(saved.read_text(encoding="utf-8"), str(saved))}
    assert read["OTA_APP_VERSION"] == '1.10 "x\\y" 版'
    assert read["OTA_CONFIG_CLOUD_RSA"] == "y"
    assert read["OTA_CONFIG_LOCAL_RSA"] == "n"
    assert read["OTA_PARTITION_SIZE"] == "0x578000"
    assert read["OTA_ALLOW_NEW_KEY"] == "n"


@pytest.mark.parametrize(
    "text, part",
    [
        ("config A\n\tstring\n\tbogus\n", "couldn't parse"),
        ('config A\n\tstring "x"\n\tdefault 5\n\nconfig A\n\tbool "y"\n', "doubtful"),
        ('source "nowhere"\n', "not found"),
    ],
)
def test_a_broken_kconfig_file_is_an_error_of_ours(tmp_path, capfd, text, part):
    file = tmp_path / "Kconfig"
    file.write_text(text)
    with pytest.raises(SettingsError, match=part) as caught:
        load_schema(str(file))
    assert str(file) in str(caught.value)
    assert capfd.readouterr().err == ""


def test_a_missing_kconfig_file_is_an_error_of_ours(tmp_path):
    with pytest.raises(SettingsError, match="Kconfig file"):
        load_schema(str(tmp_path / "Kconfig"))


@pytest.mark.parametrize(
    "module, part",
    [
        ("from nowhere_at_all import *\n", "cannot be imported: No module named 'nowhere_at_all'"),
        ("class Kconfig: pass\n", "another package stands in the place of kconfiglib: "),
        ("VERSION = (99, 0, 0)\nclass Kconfig: pass\n", "another package stands in the place of kconfiglib: "),
    ],
)
def test_an_impostor_is_named(tmp_path, module, part):
    (tmp_path / "kconfiglib").mkdir()
    (tmp_path / "kconfiglib" / "__init__.py").write_text(module)
    root = Path(__file__).resolve().parents[2]
    program = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(root)!r}]\n"
        "from aos_ota_plugin.errors import SettingsError\n"
        "from aos_ota_plugin.settings.schema import load_schema\n"
        "try: load_schema()\n"
        "except SettingsError as error: print(error)\n"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert part in out
    assert "uninstall esp-idf-kconfig" in out


def test_is_cheap_enough_to_run_on_every_build():
    load_schema()
    began = time.process_time()
    load_schema()
    assert time.process_time() - began < 0.1
