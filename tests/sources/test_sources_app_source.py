"""Which source of a solution gets version and identity, told by what the sources hold."""

from __future__ import annotations

from typing import Dict

import pytest

from aos_ota_plugin.errors import SourceError
from aos_ota_plugin.sources import c_source, c_tokens
from aos_ota_plugin.sources.app_header import app_header
from aos_ota_plugin.sources.app_source import AppChoice, choose_app_source, has_main
from aos_ota_plugin.sources.inject import inject_app
from aos_ota_plugin.sources.values import AppValues, Kv

MAIN = "int application_start(int argc, char *argv[])\n{\n    return 0;\n}\n"
TASK = "extern int application_start(int argc, char *argv[]);\nvoid task(void)\n{\n    application_start(0, 0);\n}\n"
VERSION = '#define MY_APP_VER "app-0"\n'
IDENTITY = 'void go(void)\n{\n    char *product_key = "", *device_name = "", *device_secret = "";\n}\n'
INCLUDES = '#include "ota_app.h"\n'


def choose(named: str = "", **sources: str) -> AppChoice:
    """The choice among sources by name, ``a__b`` for ``a/b.c``."""
    return choose_app_source({name.replace("__", "/") + ".c": text.encode() for name, text in sources.items()}, named)


CHOICES: Dict[str, tuple[Dict[str, str], AppChoice]] = {
    "the vendor's name and shape": (
        {"maintask": TASK, "otaappdemo": VERSION + IDENTITY + MAIN},
        AppChoice("otaappdemo.c", version_in_source=True),
    ),
    "the vendor's name without a place, as ever": (
        {"maintask": TASK, "otaappdemo": MAIN},
        AppChoice("otaappdemo.c", version_in_source=True),
    ),
    "the vendor's name, version in the header": (
        {"sub__otaappdemo": INCLUDES + MAIN},
        AppChoice("sub/otaappdemo.c", header=True, including=("sub/otaappdemo.c",)),
    ),
    "another name": ({"maintask": TASK, "src__app": VERSION + MAIN}, AppChoice("src/app.c", version_in_source=True)),
    "another name beside an empty otaappdemo.c": (
        {"otaappdemo": MAIN, "version": VERSION},
        AppChoice("version.c", version_in_source=True),
    ),
    "identity alone, and a main elsewhere": (
        {"maintask": TASK, "app__main": MAIN, "app__model": IDENTITY},
        AppChoice("app/model.c", header=True),
    ),
    "identity as macros": (
        {"a": '#define PRODUCT_KEY "x"\n#define DEVICE_NAME "y"\n#define DEVICE_SECRET ""\n' + MAIN},
        AppChoice("a.c", header=True),
    ),
    "identity from macros of a header": (
        {"a": "void f(void) { char *product_key = PRODUCT_KEY; }\n" + MAIN},
        AppChoice("a.c", header=True),
    ),
    "identity alone, and no main: the place for the version is missing": (
        {"model": IDENTITY},
        AppChoice("model.c", version_in_source=True),
    ),
    "a main alone": ({"maintask": TASK, "appdemo": MAIN}, AppChoice(header=True)),
    "a main that includes the header": ({"appdemo": INCLUDES + MAIN}, AppChoice(header=True, including=("appdemo.c",))),
    "the header included, and a main in another component": (
        {"a": "#  include <app/ota_app.h>\n"},
        AppChoice(header=True, including=("a.c",)),
    ),
    "version in one source, and the header included in another": (
        {"a": VERSION + MAIN, "b": INCLUDES},
        AppChoice("a.c", version_in_source=True, header=True, including=("b.c",)),
    ),
    "no main": ({"maintask": TASK, "tools": "int x;\n"}, AppChoice(version_in_source=True, template=True)),
    "a main in dead code": (
        {"a": "#if 0\n" + MAIN + "#endif\n/* " + VERSION + IDENTITY + " */\n"},
        AppChoice(version_in_source=True, template=True),
    ),
    "no sources": ({}, AppChoice(version_in_source=True, template=True)),
    "names that only look alike": (
        {"a": 'char *device_name = "uart0";\nchar product_key[21] = {0};\nchar *device_secret = NULL;\n' + MAIN},
        AppChoice(header=True),
    ),
    "values that the device reads": (
        {"a": "void f(void) { char *product_key = read_key(); const char *device_secret = other; }\n" + MAIN},
        AppChoice(header=True),
    ),
    "MY_APP_VER used, not defined": ({"a": "const char *v = MY_APP_VER;\n" + MAIN}, AppChoice(header=True)),
    "a version macro over two lines": (
        {"a": '#define \\\n MY_APP_VER \\\n "a"\n' + MAIN},
        AppChoice("a.c", version_in_source=True),
    ),
}


@pytest.mark.parametrize(("sources", "choice"), CHOICES.values(), ids=list(CHOICES))
def test_choice(sources: Dict[str, str], choice: AppChoice) -> None:
    assert choose(**sources) == choice


def test_several_sources_that_could_be_the_one_are_listed() -> None:
    sources = {"src__a": "\n" + VERSION + MAIN, "src__b": IDENTITY, "c": "int x;\n"}
    with pytest.raises(SourceError) as caught:
        choose(**sources)
    assert str(caught.value) == (
        "src/a.c:2:9: version and identity have one source, and 2 could be it: src/a.c has MY_APP_VER in line 2; "
        "src/b.c has product_key in line 3, device_name in line 3, device_secret in line 3\n"
        "  fix: name the one under def_config, for example `OTA_APP_SOURCE: src/a.c`: the values of the others stay as "
        'they are; or write  #include "ota_app.h"  in src/a.c in the place of its MY_APP_VER'
    )
    assert choose("src/a.c", **sources) == AppChoice("src/a.c", version_in_source=True, others=("src/b.c",))
    assert choose("src/b.c", **sources) == AppChoice("src/b.c", header=True, others=("src/a.c",))
    assert choose("c.c", **sources) == AppChoice("c.c", header=True, others=("src/a.c", "src/b.c"))


def test_a_version_in_the_vendors_file_and_in_another_is_not_decided() -> None:
    with pytest.raises(SourceError, match="otaappdemo.c has MY_APP_VER in line 1; other.c has MY_APP_VER in line 1"):
        choose(otaappdemo=VERSION + MAIN, other=VERSION)


@pytest.mark.parametrize(
    ("text", "defined"),
    [
        (MAIN, True),
        ("int main(void) { return 0; }", True),
        ("int\nmain\n(int argc,\n char **argv)\n{\n}", True),
        ('extern "C" {\nint application_start(int, char **) {}\n}', True),
        ("#ifdef DEMO\n" + MAIN + "#endif\n", True),
        ("int application_start(int (*f)(void), char *argv[]) { return f(); }", True),
        (TASK, False),
        ("void domain(void) { if (main_task(1)) { } }", False),
        ("int main(void);", False),
        ("// int main(void) {}\n", False),
        ('const char *s = "int main(void) {";', False),
        ("#define main(x) {", False),
        ("int main(", False),
        ("int f(int main) { return main; }", False),
    ],
)
def test_a_main_is_a_definition(text: str, defined: bool) -> None:
    assert has_main({"a.c": text.encode()}) is defined


@pytest.mark.parametrize(
    ("text", "defined"),
    [
        (".global application_start\napplication_start:\n  bx lr\n", True),
        ("  main : bx lr\n", True),
        (".extern application_start\n  bl application_start\n", False),
        ("  ldr r0, =main\nmain_loop:\n", False),
    ],
)
def test_a_main_may_be_a_label_in_assembler(text: str, defined: bool) -> None:
    assert has_main({"sub/m.S": text.encode()}) is defined


def test_a_main_may_stand_in_cpp_but_values_are_put_into_c_only() -> None:
    sources = {"main.cpp": (VERSION + IDENTITY + MAIN).encode()}
    assert choose_app_source(sources) == AppChoice(header=True)


def test_a_usual_source_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A build with nothing to do pays for every parse."""

    def parsed(*_: object, **__: object) -> None:
        raise AssertionError("parsed")

    monkeypatch.setattr(c_source, "CSource", parsed)
    monkeypatch.setattr(c_tokens, "live_tokens", parsed)
    others = {f"other{number}": "int x = 1; /* domain */\n" for number in range(5)}
    assert choose(maintask=TASK, otaappdemo=VERSION + IDENTITY + MAIN, **others).source == "otaappdemo.c"


def test_header() -> None:
    lines = app_header("app-1.0.1").decode("ascii").splitlines()
    assert [line for line in lines if line.startswith("#")] == [
        "#ifndef OTA_APP_H",
        "#define OTA_APP_H",
        '#define MY_APP_VER "app-1.0.1"',
        "#endif",
    ]
    with pytest.raises(SourceError, match="the version cannot be written as a C string"):
        app_header('"; int x')


def test_a_source_without_the_version_gets_the_identity_alone() -> None:
    made = inject_app(IDENTITY.encode(), "model.c", AppValues(None, Kv())).decode()
    assert 'char *product_key = (char *)aos_ota_identity("product_key")' in made
    assert "MY_APP_VER" not in made


def test_sources_that_stay_as_they_are_beside_the_named_one_are_listed():
    choice = choose("app.c", app=VERSION + MAIN, model=IDENTITY, other=TASK)
    assert (choice.source, choice.others) == ("app.c", ("model.c",))
    assert choose("app.c", app=VERSION + IDENTITY + MAIN, other=TASK).others == ()
