"""Our Kconfig file, read by kconfiglib whatever the environment says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from aos_ota_plugin.errors import SettingsError
from aos_ota_plugin.settings.fields import ROWS, SYMBOLS
from aos_ota_plugin.settings.kconfig import KCONFIG_FILE, load_kconfig
from aos_ota_plugin.settings.sources import read_ota_config


def test_names_kinds_and_defaults_are_those_of_the_table():
    """In the same order, too: it is that of the menu and of ``aos-ota config``."""
    library = sys.modules[type(load_kconfig()).__module__]
    written = []
    for symbol in load_kconfig().unique_defined_syms:
        default = symbol.defaults[0][0].str_value if symbol.defaults else ""
        if symbol.choice:
            default = "y" if symbol.choice.defaults[0][0] is symbol else "n"
        choice = symbol.choice.name if symbol.choice else ""
        written.append((symbol.name, library.TYPE_TO_STR[symbol.orig_type], default, choice))
    assert written == [(one.name, one.kind, one.default, one.choice) for one in SYMBOLS.values()]


def test_choices_are_those_of_the_table():
    written = {
        choice.name: (tuple(symbol.name for symbol in choice.syms), choice.defaults[0][0].name)
        for choice in load_kconfig().unique_choices
    }
    assert written == {row.choice.name: (row.choice.members, row.choice.default) for row in ROWS if row.choice}


def test_every_symbol_of_the_file_is_there_by_another_reader():
    written = re.findall(r"^config (\w+)$", Path(KCONFIG_FILE).read_text(encoding="utf-8"), re.MULTILINE)
    assert written == list(SYMBOLS)


def test_every_setting_has_a_prompt_and_a_help_text():
    for symbol in load_kconfig().unique_defined_syms:
        assert symbol.nodes[0].prompt, symbol.name
        assert len(symbol.nodes[0].help) > 40, symbol.name


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
        load_kconfig(str(file))
    assert str(file) in str(caught.value)
    assert capfd.readouterr().err == ""


def test_a_missing_kconfig_file_is_an_error_of_ours(tmp_path):
    with pytest.raises(SettingsError, match="Kconfig file"):
        load_kconfig(str(tmp_path / "Kconfig"))


@pytest.mark.parametrize(
    "module, part",
    [
        ("from nowhere_at_all import *\n", "cannot be imported: No module named 'nowhere_at_all'"),
        ("class Kconfig: pass\n", "another package is imported as kconfiglib: "),
        ("VERSION = (99, 0, 0)\nclass Kconfig: pass\n", "another package is imported as kconfiglib: "),
    ],
)
def test_an_impostor_is_named(tmp_path, module, part):
    (tmp_path / "kconfiglib").mkdir()
    (tmp_path / "kconfiglib" / "__init__.py").write_text(module)
    root = Path(__file__).resolve().parents[2]
    program = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(root)!r}]\n"
        "from aos_ota_plugin.errors import SettingsError\n"
        "from aos_ota_plugin.settings.kconfig import load_kconfig\n"
        "try: load_kconfig()\n"
        "except SettingsError as error: print(error)\n"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert part in out
    assert "uninstall esp-idf-kconfig" in out
