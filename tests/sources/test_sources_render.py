"""Whole files from templates."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Dict

import pytest

from aos_ota_plugin.errors import OtaError, SecretError, SigningKeyError, SourceError
from aos_ota_plugin.sources.render import render_app, render_digest, render_identity
from aos_ota_plugin.sources.template_files import load_templates, own_folder
from aos_ota_plugin.sources.template_set import Template
from aos_ota_plugin.sources.values import AppValues, Embedded, EmbeddedSecrets, Kv

OURS = load_templates()
N = bytes(range(256))
E = b"\x01\x00\x01"
SECRET = "8f4a0c2e6b1d9375"
EMBEDDED = AppValues("app-1.2.3", Embedded("a1B2c3", "dev-7"))
KV = AppValues("app-1.2.3", Kv())


def with_app(text: str, **others: str) -> Dict[str, Template]:
    names = {"otaappdemo.c.j2": text, **{f"{name}.j2": other for name, other in others.items()}}
    return {name: Template(body, f"solutions/s/templates/{name}") for name, body in names.items()}


def test_the_app_has_version_and_embedded_identity_but_no_secret() -> None:
    text = render_app(EMBEDDED, templates=OURS).decode()
    assert text.startswith("/* Made by aos_ota_plugin from otaappdemo.c.j2; edits here are lost. */\n")
    assert '#define MY_APP_VER "app-1.2.3"\n' in text
    assert 'return "a1B2c3";' in text
    assert 'return "dev-7";' in text
    assert "extern const char aos_ota_device_secret[];\n" in text
    assert "aos_ota_identity" not in text


def test_the_app_reads_its_identity_from_the_kv_partition() -> None:
    text = render_app(KV, templates=OURS).decode()
    for field in ("product_key", "device_name", "device_secret"):
        assert f'return aos_ota_identity("{field}");' in text
    assert "aos_ota_device_secret" not in text


def test_the_digest_layer_holds_the_key() -> None:
    text = render_digest(N, E, templates=OURS).decode()
    array = re.search(r"static const unsigned char ota_pubn_buf\[256\] = \{(.*?)\};", text, re.DOTALL)
    assert array
    assert bytes(int(number, 16) for number in re.findall("0x(..)", array.group(1))) == N
    assert "static const unsigned char ota_pube_buf[3] = { 0x01, 0x00, 0x01 };\n" in text


@pytest.mark.parametrize(("n", "e"), [(N[1:], E), (N, b"\x03")])
def test_a_key_of_another_size_is_refused(n: bytes, e: bytes) -> None:
    with pytest.raises(SigningKeyError):
        render_digest(n, e, templates=OURS)


def test_the_identity_object_holds_the_secrets_it_is_given_and_no_others() -> None:
    both = render_identity(EmbeddedSecrets("ps" + SECRET, "ds" + SECRET), templates=OURS)
    assert f'const char aos_ota_product_secret[] = "ps{SECRET}";\n' in both
    assert f'const char aos_ota_device_secret[] = "ds{SECRET}";\n' in both
    one = render_identity(EmbeddedSecrets(device_secret=SECRET), templates=OURS)
    assert f'const char aos_ota_device_secret[] = "{SECRET}";\n' in one
    assert "product_secret" not in one


@pytest.mark.parametrize("secrets", [EmbeddedSecrets(), EmbeddedSecrets("", "")])
def test_there_must_be_a_secret_to_embed(secrets: EmbeddedSecrets) -> None:
    with pytest.raises(SecretError) as caught:
        render_identity(secrets, templates=OURS)
    assert str(caught.value) == "there is no secret to embed in the firmware\n  fix: set the device secret"


def test_a_solution_s_template_takes_the_place_of_ours() -> None:
    templates = {**OURS, **with_app("// 版本 {{ version | c_string }}\n")}
    assert render_app(KV, templates=templates) == (
        '/* Made by aos_ota_plugin from otaappdemo.c.j2; edits here are lost. */\n// 版本 "app-1.2.3"\n'.encode()
    )


def test_a_solution_s_template_can_change_one_block_of_ours() -> None:
    text = '{% extends "aos_ota_plugin/otaappdemo.c.j2" %}{% block start %}int application_start(void);\n{% endblock %}'
    output = render_app(KV, templates={**OURS, **with_app(text)}).decode()
    assert "int application_start(void);\n" in output
    assert "netmgr_service_init" not in output
    assert "static int on_new_version(" in output


# template; start of the message
BAD_TEMPLATES = {
    "undefined name": ("a\n\n{{ verison }}", ":3: the template failed: UndefinedError: 'verison' is undefined"),
    "syntax": ("a\n{% if %}", ":2: the template is not valid: Expected an expression"),
    "block left open": ("{% if version %}\n\n", ":2: the template is not valid: Unexpected end of template"),
    "unknown filter": ("\n{{ version | cstring }}", ":2: the template is not valid: No filter named 'cstring'"),
    "missing include": ('a\n{% include "../../etc/passwd.j2" %}', ":2: there is no template ../../etc/passwd.j2"),
    "import of a real file": ('{% include "/etc/passwd" %}', ":1: there is no template /etc/passwd"),
    "sandbox: class of a value": (
        "{{ version.__class__ }}",
        ":1: the template failed: SecurityError: access to attribute",
    ),
    "sandbox: format string": ("{{ '{0.__class__}'.format(version) }}", ":1: the template failed: SecurityError"),
    "wrong type": ("\n{{ version + 1 }}", ":2: the template failed: TypeError"),
    "endless inclusion": ('{% include "otaappdemo.c.j2" %}', ":1: the template calls or includes itself"),
    "huge range": ("{% for i in range(10000000) %}{% endfor %}", ":1: the template failed: OverflowError"),
    "fail": ('\n\n{{ fail("not without " ~ version) }}', ":3: not without app-1.2.3"),
    "value that is no C string": ("\n{{ '\"' | c_string }}", ":2: this value cannot be written as a C string"),
}


@pytest.mark.parametrize(("text", "message"), BAD_TEMPLATES.values(), ids=list(BAD_TEMPLATES))
def test_bad_templates_are_errors_with_file_and_line(text: str, message: str) -> None:
    with pytest.raises(SourceError) as caught:
        render_app(KV, templates=with_app(text))
    assert str(caught.value).startswith("solutions/s/templates/otaappdemo.c.j2" + message)
    assert "\n  fix: " in str(caught.value)


def test_an_error_inside_an_included_template_names_that_one() -> None:
    with pytest.raises(SourceError) as caught:
        render_app(KV, templates=with_app('{% include "part.j2" %}', part="\n\n\n{{ nothing }}"))
    assert str(caught.value).startswith("solutions/s/templates/part.j2:4: the template failed: UndefinedError")


def test_no_template_is_an_error() -> None:
    with pytest.raises(SourceError) as caught:
        render_app(KV, templates={})
    assert str(caught.value) == (
        "otaappdemo.c.j2: there is no template otaappdemo.c.j2\n  fix: add it to the solution's templates folder"
    )


@pytest.mark.parametrize(
    "text",
    [
        "{{ {}[secrets.device_secret] }}",
        "{{ secrets[secrets.device_secret] }}",
        "{{ fail(secrets.device_secret) }}",
        "{{ secrets.device_secret.__class__ }}",
        "{% include secrets.device_secret %}",
        "{{ secrets.device_secret + 1 }}",
        "{{ (secrets.device_secret ~ '\\n') | c_string }}",
    ],
)
def test_no_error_of_a_template_shows_a_secret(text: str) -> None:
    templates = {"ota_identity.c.j2": Template(text, "t/ota_identity.c.j2")}
    with pytest.raises(OtaError) as caught:
        render_identity(EmbeddedSecrets(device_secret=SECRET), templates=templates)
    assert caught.value.place is not None
    assert caught.value.place.line == 1
    assert SECRET not in str(caught.value) + repr(caught.value)
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None


VALUES = {
    "version": AppValues('1"', Kv()),
    "product key": AppValues("1", Embedded("p\n", "d")),
    "device name": AppValues("1", Embedded("p", "d\\")),
}


@pytest.mark.parametrize(("what", "values"), VALUES.items(), ids=list(VALUES))
def test_values_that_would_be_code_are_refused_whatever_the_template_does(what: str, values: AppValues) -> None:
    with pytest.raises(SourceError) as caught:
        render_app(values, templates=with_app('"{{ version }}"'))
    assert str(caught.value).startswith(f"the {what} cannot be written as a C string")


@pytest.mark.parametrize("secret", ['a"b', "a\\b", "a\nb", "密钥"])
def test_secrets_that_would_be_code_are_refused_without_showing_them(secret: str) -> None:
    with pytest.raises(SourceError) as caught:
        render_identity(EmbeddedSecrets(device_secret=secret), templates=OURS)
    assert str(caught.value).startswith("the device secret cannot be written as a C string")
    assert secret not in str(caught.value) + repr(caught.value)


def test_the_app_template_refuses_to_connect_without_a_device_secret() -> None:
    values = AppValues("1", Embedded("p", "d", has_product_secret=True, has_device_secret=False))
    with pytest.raises(SourceError) as caught:
        render_app(values, templates=OURS)
    assert "this application connects with a device secret, and the settings have none" in str(caught.value)


def test_templates_of_a_solution_are_found_and_come_first(tmp_path: Path) -> None:
    folder = tmp_path / "my solution" / "templates"
    (folder / "parts").mkdir(parents=True)
    (folder / "otaappdemo.c.j2").write_bytes("\ufeff// 版本\r\n".encode())
    (folder / "parts" / "head.c.j2").write_text("head")
    (folder / "notes.txt").write_text("no template")
    templates = load_templates(str(folder))
    assert templates["otaappdemo.c.j2"] == Template("// 版本\r\n", str(folder / "otaappdemo.c.j2"))
    assert templates["aos_ota_plugin/otaappdemo.c.j2"] == OURS["otaappdemo.c.j2"]
    assert templates["parts/head.c.j2"].text == "head"
    assert "notes.txt" not in templates
    assert templates["ota_hal_digest.c.j2"] == OURS["ota_hal_digest.c.j2"]


def test_a_solution_without_templates_gets_ours(tmp_path: Path) -> None:
    assert load_templates(str(tmp_path / "none")) == OURS
    assert {"otaappdemo.c.j2", "ota_hal_digest.c.j2", "ota_identity.c.j2"} <= set(OURS)
    assert Path(OURS["otaappdemo.c.j2"].file).parent == own_folder()


def test_unreadable_templates_are_errors(tmp_path: Path) -> None:
    (tmp_path / "a.j2").write_bytes("版本".encode("gbk"))
    with pytest.raises(SourceError) as caught:
        load_templates(str(tmp_path))
    assert str(caught.value) == f"{tmp_path / 'a.j2'}: this template is not UTF-8\n  fix: save it as UTF-8"
    (tmp_path / "a.j2").unlink()
    (tmp_path / "b.j2").mkdir()
    with pytest.raises(SourceError) as caught:
        load_templates(str(tmp_path))
    assert str(caught.value).startswith(f"{tmp_path / 'b.j2'}: this template cannot be read: ")


def test_rendering_again_gives_the_same_bytes() -> None:
    assert render_app(EMBEDDED, templates=OURS) == render_app(EMBEDDED, templates=load_templates())
    assert render_digest(N, E, templates=OURS) == render_digest(N, E, templates=load_templates())
