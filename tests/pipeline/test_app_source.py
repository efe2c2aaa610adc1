"""The sources that a solution compiles are read, and what its settings say of them is held against them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from setting_values import settings_of

from aos_ota_plugin.errors import Place, SettingsError, SourceError
from aos_ota_plugin.files.read import SOURCE_MAX
from aos_ota_plugin.keys.secret import Secret
from aos_ota_plugin.pipeline.app_source import find_app_source
from aos_ota_plugin.settings.raw import Origin
from aos_ota_plugin.settings.secretfile import Secrets
from aos_ota_plugin.sources.app_source import AppChoice

MAIN = b"int application_start(int argc, char *argv[])\n{\n    return 0;\n}\n"
VERSION = b'#define MY_APP_VER "app-0"\n'
EMBEDDED = {"OTA_IDENTITY_EMBEDDED": "y", "OTA_PRODUCT_KEY": "k", "OTA_DEVICE_NAME": "d"}


@pytest.fixture
def solution(tmp_path: Path) -> Path:
    folder = tmp_path / "方案 一"
    for name, data in {
        "src/main.c": VERSION + MAIN,
        "src/other.c": VERSION,
        "task.c": b"int x;\n",
        "boot.S": b"MY_APP_VER",
        "font.c": b"// MY_APP_VER" + bytes(SOURCE_MAX),
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def find(folder: Path, *names: str, own_template: bool = False, **values: str) -> AppChoice:
    secrets = Secrets(device_secret=Secret(b"s")) if "OTA_IDENTITY_EMBEDDED" in values else Secrets()
    settings = settings_of(str(folder), secrets, **values)
    where = {name: Origin("package.yaml", Place("package.yaml", number)) for number, name in enumerate(values, 10)}
    settings = replace(settings, origins={**settings.origins, **where})
    return find_app_source(str(folder), names, settings, own_template=own_template)


def test_one_source_is_found(solution: Path) -> None:
    assert find(solution, "task.c", "src/main.c", "boot.S", "font.c") == AppChoice("src/main.c", version_in_source=True)


@pytest.mark.parametrize("written", ["src/main.c", "src\\main.c", "./src//main.c"])
def test_named_source(solution: Path, written: str) -> None:
    found = find(solution, "task.c", "src/other.c", "src/main.c", OTA_APP_SOURCE=written)
    assert found == AppChoice("src/main.c", version_in_source=True, others=("src/other.c",))


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("src/other.c", "the solution does not compile src/other.c\n"),
        ("main.c", "the solution does not compile main.c, and there is no such file\n"),
    ],
)
def test_named_source_that_is_not_compiled(solution: Path, named: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        find(solution, "task.c", "src/main.c", OTA_APP_SOURCE=named)
    assert str(caught.value).startswith("package.yaml:10: OTA_APP_SOURCE: " + message)
    assert caught.value.remedy.endswith("name one that is: src/main.c, task.c")


def test_embedded_identity_without_a_place(solution: Path) -> None:
    (solution / "src" / "main.c").write_bytes(MAIN)
    assert find(solution, "src/main.c") == AppChoice(header=True)
    with pytest.raises(SettingsError) as caught:
        find(solution, "src/main.c", **EMBEDDED)
    assert str(caught.value).startswith(
        "package.yaml:10: OTA_IDENTITY_EMBEDDED: no source of the solution has a place for the identity\n  fix: declare"
    )
    # The template's application has places, and so has what a source with identity gets.
    assert find(solution, "task.c", **EMBEDDED).template


def test_own_template_is_the_application(solution: Path) -> None:
    (solution / "otaappdemo.c").write_bytes(b"")
    own = AppChoice(version_in_source=True, template=True)
    assert find(solution, "src/main.c", own_template=True) == own
    assert find(solution, "src/main.c", "otaappdemo.c", own_template=True) == own._replace(source="otaappdemo.c")
    with pytest.raises(SettingsError, match="OTA_APP_SOURCE names src/main.c, and templates/otaappdemo.c.j2"):
        find(solution, "src/main.c", own_template=True, OTA_APP_SOURCE="src/main.c")


def test_sources_that_cannot_be_read(solution: Path) -> None:
    with pytest.raises(SourceError, match=r"cannot read the source .*gone\.c: "):
        find(solution, "gone.c")
    with pytest.raises(SourceError, match=r"cannot read the source .*font\.c: it has more than"):
        find(solution, "font.c", OTA_APP_SOURCE="font.c")
