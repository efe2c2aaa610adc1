"""Version and identity in copies of an application's source."""

from __future__ import annotations

import re
from typing import Optional, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aos_ota_plugin.errors import OtaError, SecretError, SourceError
from aos_ota_plugin.sources.inject import inject_app, plan_app
from aos_ota_plugin.sources.values import AppValues, Embedded, EmbeddedSecrets, Kv

VERSION = '#define MY_APP_VER "app-1.0.0"\n'
EMBEDDED = AppValues("app-2.0.0", Embedded("a1B2c3", "dev-7"))
BOTH_SECRETS = AppValues("app-2.0.0", Embedded("a1B2c3", "dev-7", has_product_secret=True))
KV = AppValues("app-2.0.0", Kv())
SECRET = "8f4a0c2e6b1d9375"
BOM = b"\xef\xbb\xbf"

PK, DN = '"a1B2c3"', '"dev-7"'
DS, PS = "(char *)aos_ota_device_secret", "(char *)aos_ota_product_secret"


def body(output: bytes) -> str:
    return re.sub(rb"\A.*?#line 1 [^\r\n]*\r?\n", b"", output, count=1, flags=re.DOTALL).decode()


def prologue(output: bytes) -> str:
    return output.decode().split("#line")[0]


def in_function(*lines: str) -> str:
    return VERSION + "int mqtt_main(void *param)\n{\n" + "".join(f"    {line}\n" for line in lines) + "}\n"


VERSIONS = {
    "vendor's": ('#define MY_APP_VER     "app-1.0.0"\n', '#define MY_APP_VER     "app-2.0.0"\n'),
    "spaces and comments": (
        ' # define\tMY_APP_VER /* a */ "1" // "2"\n',
        ' # define\tMY_APP_VER /* a */ "app-2.0.0" // "2"\n',
    ),
    "parentheses": ('#define MY_APP_VER ("1")\n', '#define MY_APP_VER "app-2.0.0"\n'),
    "joined strings": ('#define MY_APP_VER "app-" "1"\n', '#define MY_APP_VER "app-2.0.0"\n'),
    "another macro": ("#define MY_APP_VER APP_VERSION_STRING\n", '#define MY_APP_VER "app-2.0.0"\n'),
    "no body": ("#define MY_APP_VER\nint x;\n", '#define MY_APP_VER "app-2.0.0"\nint x;\n'),
    "no body but a comment": ("#define MY_APP_VER // set me\n", '#define MY_APP_VER "app-2.0.0" // set me\n'),
    "continued lines": (
        '#define MY_APP_VER \\\n    "app-" \\\n    "1"\nint x;\n',
        '#define MY_APP_VER \\\n    "app-2.0.0" \\\n\nint x;\n',
    ),
    "#ifndef around": (
        '#ifndef MY_APP_VER\n#define MY_APP_VER "1"\n#endif\n',
        '#ifndef MY_APP_VER\n#define MY_APP_VER "app-2.0.0"\n#endif\n',
    ),
    "decoys": (
        '// #define MY_APP_VER "1"\n/*\n#define MY_APP_VER "1"\n*/\n#if 0\n#define MY_APP_VER "1"\n#endif\n'
        '#define MY_APP_VERSION "1"\n#undef MY_APP_VER\n#define MY_APP_VER "1"\nchar *s = "#define MY_APP_VER";\n',
        '// #define MY_APP_VER "1"\n/*\n#define MY_APP_VER "1"\n*/\n#if 0\n#define MY_APP_VER "1"\n#endif\n'
        '#define MY_APP_VERSION "1"\n#undef MY_APP_VER\n#define MY_APP_VER "app-2.0.0"\n'
        'char *s = "#define MY_APP_VER";\n',
    ),
}


@pytest.mark.parametrize(("source", "expected"), VERSIONS.values(), ids=list(VERSIONS))
def test_version_places(source: str, expected: str) -> None:
    output = inject_app(source.encode(), "solutions/ota_demo/otaappdemo.c", KV)
    assert body(output) == expected
    assert expected.count("\n") == source.count("\n")
    assert output.startswith(
        b"/* Made by aos_ota_plugin from the file named below; edits here are lost. */\n"
        b'#line 1 "solutions/ota_demo/otaappdemo.c"\n'
    )


# source lines inside a function; the same with <PK> <DN> <DS> where the values go
IDENTITIES = {
    "vendor's": (
        ('char *product_key       = "";', 'char *device_name       = "";', 'char *device_secret     = "";'),
        ("char *product_key       = <PK>;", "char *device_name       = <DN>;", "char *device_secret     = <DS>;"),
    ),
    "const, static and no spaces": (
        ('const char *product_key="x";', 'static char *device_name="y" ;', "char * const device_secret=NULL;"),
        ("const char *product_key=<PK>;", "static char *device_name=<DN> ;", "char * const device_secret=<DS>;"),
    ),
    "one declaration": (
        ('char *product_key = "", *other = x, *device_name = 0, *device_secret = (char *)"";',),
        ("char *product_key = <PK>, *other = x, *device_name = <DN>, *device_secret = <DS>;",),
    ),
    "arrays for what is no secret": (
        (
            "char product_key[20 + 1] = {0};",
            'char device_name[] = "x";',
            'char *device_secret = "${YourDeviceSecret}";',
        ),
        ("char product_key[20 + 1] = <PK>;", "char device_name[] = <DN>;", "char *device_secret = <DS>;"),
    ),
    "value on a line of its own": (
        (
            'char *product_key =\n        "a"\n        "b";',
            'char *device_name = /* x */ ""; // y',
            "char *device_secret = {NULL};",
        ),
        (
            "char *product_key =\n        <PK>\n;",
            "char *device_name = /* x */ <DN>; // y",
            "char *device_secret = <DS>;",
        ),
    ),
    "copies, members and parameters are no places": (
        (
            'char *product_key = "", *device_name = "", *device_secret = "";',
            "f(device_secret);",
            "p->device_secret = device_secret;",
            "{ char *device_name = get_name(); char *product_key = other; }",
            "struct s { char *device_secret; } s = { .device_secret = x };",
            "product_key = device_name;",
            'if (x) product_key = "y";',
            'g(char *device_name = "");',
        ),
        (
            "char *product_key = <PK>, *device_name = <DN>, *device_secret = <DS>;",
            "f(device_secret);",
            "p->device_secret = device_secret;",
            "{ char *device_name = get_name(); char *product_key = other; }",
            "struct s { char *device_secret; } s = { .device_secret = x };",
            "product_key = device_name;",
            'if (x) product_key = "y";',
            'g(char *device_name = "");',
        ),
    ),
}


@pytest.mark.parametrize(("lines", "expected"), IDENTITIES.values(), ids=list(IDENTITIES))
def test_identity_variables_with_an_embedded_identity(lines: Tuple[str, ...], expected: Tuple[str, ...]) -> None:
    output = inject_app(in_function(*lines).encode(), "x.c", EMBEDDED)
    wanted = in_function(*expected).replace("app-1.0.0", "app-2.0.0")
    assert body(output) == wanted.replace("<PK>", PK).replace("<DN>", DN).replace("<DS>", DS)
    assert prologue(output).endswith("lost. */\nextern const char aos_ota_device_secret[];\n")


MACROS = (
    '#define PRODUCT_KEY      "xx"\n#define PRODUCT_SECRET   "xx"\n'
    '#define DEVICE_NAME      "xx"\n#define DEVICE_SECRET    ""\n'
)


def test_identity_macros_with_an_embedded_identity() -> None:
    output = inject_app((VERSION + MACROS).encode(), "x.c", BOTH_SECRETS)
    assert body(output) == (
        '#define MY_APP_VER "app-2.0.0"\n'
        f"#define PRODUCT_KEY      {PK}\n#define PRODUCT_SECRET   ({PS})\n"
        f"#define DEVICE_NAME      {DN}\n#define DEVICE_SECRET    ({DS})\n"
    )
    assert "extern const char aos_ota_product_secret[];\nextern const char aos_ota_device_secret[];\n" in prologue(
        output
    )


def test_identity_macros_with_the_kv_partition() -> None:
    output = inject_app((VERSION + MACROS).encode(), "x.c", KV)
    for field in ("product_key", "product_secret", "device_name", "device_secret"):
        assert re.search(rf'#define {field.upper()} +\(\(char \*\)aos_ota_identity\("{field}"\)\)\n', body(output))
    assert prologue(output).count("extern const char *aos_ota_identity(const char *field);\n") == 1


def test_identity_variables_with_the_kv_partition() -> None:
    output = inject_app(in_function('char *device_secret = "";', "char *product_key = NULL;").encode(), "x.c", KV)
    assert 'char *device_secret = (char *)aos_ota_identity("device_secret");' in body(output)
    assert 'char *product_key = (char *)aos_ota_identity("product_key");' in body(output)


def test_a_variable_behind_a_macro_is_no_second_place() -> None:
    source = (
        in_function(
            "char *product_key = PRODUCT_KEY;",
            "char *device_name = DEVICE_NAME;",
            "char *device_secret = DEVICE_SECRET;",
        )
        + MACROS
    )
    output = body(inject_app(source.encode(), "x.c", EMBEDDED))
    assert "char *device_secret = DEVICE_SECRET;" in output
    assert f"#define DEVICE_SECRET    ({DS})\n" in output


def test_a_macro_of_a_header_gives_way_to_the_value() -> None:
    source = in_function(
        "char *product_key = PRODUCT_KEY;", "char *device_name = DEVICE_NAME;", "char *device_secret = DEVICE_SECRET;"
    )
    output = body(inject_app(source.encode(), "x.c", EMBEDDED))
    assert f"char *product_key = {PK};" in output
    assert f"char *device_secret = {DS};" in output


def test_file_scope_pointers_can_hold_an_embedded_identity() -> None:
    source = VERSION + 'extern "C" {\nstatic char *product_key = "";\n}\nchar *device_name = "", *device_secret = "";\n'
    assert f"*device_name = {DN}, *device_secret = {DS};" in body(inject_app(source.encode(), "x.c", EMBEDDED))


def test_kv_needs_no_places_for_the_identity() -> None:
    assert body(inject_app(VERSION.encode(), "x.c", KV)) == '#define MY_APP_VER "app-2.0.0"\n'


def test_an_identity_without_a_device_secret_leaves_its_place_alone() -> None:
    values = AppValues("app-2.0.0", Embedded("a1B2c3", "dev-7", has_product_secret=True, has_device_secret=False))
    source = in_function('char *product_key = "", *device_name = "", *product_secret = "", *device_secret = "";')
    assert f'*product_secret = {PS}, *device_secret = "";' in body(inject_app(source.encode(), "x.c", values))


QUADRUPLE = 'char *product_key = "", *device_name = "", *device_secret = "";'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_encodings_and_line_ends_stay(encoding: str, newline: str) -> None:
    text = ("/* 版本定义 */\n" + in_function("// 替换为自己设备的四元组", QUADRUPLE)).replace("\n", newline)
    output = inject_app(text.encode(encoding), "x.c", EMBEDDED)
    new = text.replace("app-1.0.0", "app-2.0.0").replace(
        '*product_key = "", *device_name = "", *device_secret = ""',
        f"*product_key = {PK}, *device_name = {DN}, *device_secret = {DS}",
    )
    start = BOM if encoding == "utf-8-sig" else b""
    added = [
        b"/* Made by aos_ota_plugin from the file named below; edits here are lost. */",
        b"extern const char aos_ota_device_secret[];",
        b'#line 1 "x.c"',
        b"",
    ]
    assert output == start + newline.encode().join(added) + new.encode(encoding)[len(start) :]


def test_mixed_line_ends_stay_as_they_are() -> None:
    source = '#define MY_APP_VER \\\n "1" \\\r\n "2"\r\nint x;\nint y;\r\n'
    output = inject_app(source.encode(), "x.c", KV)
    assert output.endswith(b'#define MY_APP_VER \\\n "app-2.0.0" \\\r\n\r\nint x;\nint y;\r\n')


@given(st.binary(max_size=60), st.binary(max_size=60), st.sampled_from([b"\n", b"\r\n"]))
def test_outside_the_places_every_byte_stays(first: bytes, second: bytes, newline: bytes) -> None:
    def hidden(data: bytes) -> bytes:
        return newline + b"/*" + data.replace(b"*/", b"").replace(b"/", b"") + b" */" + newline

    def source(version: bytes, secret: bytes) -> bytes:
        return (
            hidden(first)
            + b'#define MY_APP_VER "'
            + version
            + b'"'
            + hidden(second)
            + b"void f(void) { char *product_key=0, *device_name=0, *device_secret="
            + secret
            + b"; }"
            + hidden(first)
        )

    output = inject_app(source(b"1", b'""'), "x.c", EMBEDDED)
    wanted = source(b"app-2.0.0", DS.encode()).replace(b"product_key=0", b"product_key=" + PK.encode())
    assert output.split(b'#line 1 "x.c"' + newline, 1)[1] == wanted.replace(
        b"device_name=0", b"device_name=" + DN.encode()
    )


@given(st.binary(), st.sampled_from([EMBEDDED, KV]))
def test_arbitrary_bytes_are_an_error_of_ours(data: bytes, values: AppValues) -> None:
    with pytest.raises(OtaError):
        plan_app(data, "x.c", values)


PIECES = st.sampled_from(
    [
        "#define MY_APP_VER",
        '"1"',
        "\n",
        "char *",
        "device_secret",
        "product_key",
        "device_name",
        "=",
        ";",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        "3",
        "DEVICE_SECRET",
        "#define ",
        "NULL",
        ",",
        "static ",
        "#if 0\n",
        "#else\n",
        "#endif\n",
        "\\\n",
        "sizeof",
        "'",
    ]
)


@given(st.lists(PIECES, max_size=30).map("".join), st.sampled_from([EMBEDDED, BOTH_SECRETS, KV]))
def test_any_pieces_of_c_give_edits_or_an_error_of_ours(source: str, values: AppValues) -> None:
    data = (VERSION + source).encode()
    try:
        edits = plan_app(data, "x.c", values)
    except OtaError:
        return
    ends = [0] + [edit.end for edit in edits]
    assert all(end <= edit.start <= edit.end <= len(data) for end, edit in zip(ends, edits))
    assert all(data.count(b"\n", 0, edit.start) + 1 == edit.line for edit in edits)


def no_places(field: str) -> str:
    kept = {
        "product_key": '*device_name="", *device_secret=""',
        "device_name": '*product_key="", *device_secret=""',
        "device_secret": '*product_key="", *device_name=""',
    }
    return in_function(f"char {kept[field]};")


BAD = {
    "no version": (
        "int x;\n",
        KV,
        "x.c has no place for the version\n"
        '  fix: add the line  #define MY_APP_VER "app-1.0.0"  and report that macro as the version',
    ),
    "version only in #if 0": ("#if 0\n" + VERSION + "#endif\n", KV, "x.c has no place for the version"),
    "two versions": (
        VERSION + "int x;\n" + VERSION,
        KV,
        "x.c:3:9: MY_APP_VER gets its value in more than one place, in lines 1 and 3\n"
        "  fix: keep one of them, or put the others inside #if 0",
    ),
    "one version in each branch": (
        "#ifdef A\n" + VERSION + "#else\n" + VERSION + "#endif\n",
        KV,
        "x.c:4:9: MY_APP_VER gets its value in more than one place, in lines 2 and 4",
    ),
    "version with arguments": (
        '#define MY_APP_VER(x) "1"\n',
        KV,
        "x.c:1:9: MY_APP_VER is defined with arguments, so it is no place for a value",
    ),
    "no product key": (
        no_places("product_key"),
        EMBEDDED,
        'x.c has no place for the product key\n  fix: declare it where you connect:  char *product_key = "";',
    ),
    "no device name": (no_places("device_name"), EMBEDDED, "x.c has no place for the device name"),
    "no device secret": (no_places("device_secret"), EMBEDDED, "x.c has no place for the device secret"),
    "no product secret": (in_function(QUADRUPLE), BOTH_SECRETS, "x.c has no place for the product secret"),
    "two device names": (
        in_function(QUADRUPLE, 'char *device_name = "";'),
        EMBEDDED,
        "x.c:5:11: device_name gets its value in more than one place, in lines 4 and 5",
    ),
    "variable and macro": (
        MACROS + in_function(QUADRUPLE),
        KV,
        "x.c:8:11: product_key gets its value in more than one place, in lines 1 and 8",
    ),
    "secret in an array": (
        in_function('char *product_key = "", *device_name = "";', 'char device_secret[65] = "";'),
        EMBEDDED,
        "x.c:5:10: device_secret is an array, and its value is outside this source\n"
        '  fix: make it a pointer:  char *device_secret = "";',
    ),
    "KV in an array": (
        in_function("char device_name[33] = {0};"),
        KV,
        "x.c:4:10: device_name is an array, and its value is outside",
    ),
    "array too small": (
        in_function('char product_key[6] = "", *device_name = "", *device_secret = "";'),
        EMBEDDED,
        "x.c:4:10: product_key has room for 5 characters, not for 6\n"
        "  fix: make the array larger, or make it a pointer",
    ),
    "KV at file scope": (
        VERSION + 'static const char *device_secret = "";\n',
        KV,
        "x.c:2:20: device_secret is a file-scope or static variable, and its value is read when the device runs\n"
        "  fix: declare it inside the function that uses it, without static",
    ),
    "KV in a static variable": (
        in_function('static char *device_name = "";'),
        KV,
        "x.c:4:18: device_name is a file-scope or static",
    ),
    "KV after unbalanced branches": (
        VERSION + '#ifdef A\nvoid f(int a) {\n#else\nvoid f(void) {\n#endif\n}\nchar *device_name = "";\n',
        KV,
        "x.c:8:7: device_name is a file-scope or static",
    ),
    "KV in an extern C block": (
        VERSION + 'extern "C" {\nchar *device_name = "";\n}\n',
        KV,
        "x.c:3:7: device_name is a file-scope",
    ),
    "macro measured": (
        MACROS + in_function("memcpy(x, DEVICE_SECRET, sizeof(DEVICE_SECRET));"),
        EMBEDDED,
        "x.c:8:37: DEVICE_SECRET becomes a pointer to the value, so it cannot be measured with sizeof\n"
        "  fix: use strlen(DEVICE_SECRET) + 1",
    ),
    "macro measured without parentheses": (
        MACROS + in_function("n = sizeof DEVICE_SECRET;"),
        EMBEDDED,
        "x.c:8:16: DEVICE_SECRET becomes a pointer",
    ),
    "macro joined with a string": (
        MACROS + in_function('puts("/sys/" PRODUCT_KEY "/x");'),
        KV,
        "x.c:8:18: PRODUCT_KEY becomes a pointer to the value, so it cannot be joined with a string",
    ),
    "macro in an array": (
        MACROS + in_function("char secret[65] = DEVICE_SECRET;"),
        EMBEDDED,
        "x.c:8:23: DEVICE_SECRET becomes a pointer to the value, so it cannot be the value of an array\n"
        "  fix: make secret a pointer",
    ),
    "KV macro at file scope": (
        MACROS + VERSION + "static const char *name = DEVICE_NAME;\n",
        KV,
        "x.c:6:27: DEVICE_NAME becomes a function call, so it cannot be the value of a file-scope or static variable\n"
        "  fix: give name its value inside a function, or make it a local variable",
    ),
    "KV macro in a file-scope struct": (
        MACROS + VERSION + "static struct identity id = { 1, DEVICE_NAME };\n",
        KV,
        "x.c:6:34: DEVICE_NAME becomes a function call",
    ),
    "preprocessor in a value": (
        in_function(
            'char *product_key = \n#ifdef A\n"a"\n#else\n"b"\n#endif\n;', 'char *device_name="", *device_secret="";'
        ),
        EMBEDDED,
        "x.c:7:1: the value of product_key has preprocessor lines inside",
    ),
    "UTF-16": ("\ufeff" + VERSION, KV, "x.c: this source is UTF-16"),
}


@pytest.mark.parametrize(("source", "values", "message"), BAD.values(), ids=list(BAD))
def test_sources_that_cannot_take_the_values_are_refused(source: str, values: AppValues, message: str) -> None:
    data = source.encode("utf-16-le" if source.startswith("\ufeff") else "utf-8")
    with pytest.raises(SourceError) as caught:
        inject_app(data, "x.c", values)
    assert str(caught.value).startswith(message)
    assert "\n  fix: " in str(caught.value)


INJECTIONS = {
    "version with a quote": (AppValues('1"; int evil = "', Kv()), "the version cannot be written as a C string"),
    "version with a backslash": (AppValues("1\\", Kv()), "the version cannot"),
    "version with a newline": (AppValues("1\n#define X", Kv()), "the version cannot"),
    "version in Chinese": (AppValues("版本", Kv()), "the version cannot"),
    "product key with a quote": (AppValues("1", Embedded('"', "d")), "the product key cannot"),
    "device name with a newline": (AppValues("1", Embedded("p", "d\r\n")), "the device name cannot"),
}


@pytest.mark.parametrize(("values", "message"), INJECTIONS.values(), ids=list(INJECTIONS))
def test_values_that_would_be_code_are_refused(values: AppValues, message: str) -> None:
    with pytest.raises(SourceError) as caught:
        inject_app(in_function(QUADRUPLE).encode(), "x.c", values)
    assert str(caught.value).startswith(message)


# source; where the secret starts
SECRETS = {
    "variable": (in_function(f'char *device_secret     = "{SECRET}";'), "4:31"),
    "product secret": (in_function(f'const char *product_secret = "{SECRET}";'), "4:34"),
    "array": (in_function(f'char device_secret[64 + 1] = "{SECRET}";'), "4:34"),
    "array in braces": (in_function(f'char device_secret[65] = {{ "{SECRET}" }};'), "4:32"),
    "macro": (VERSION + f'#define DEVICE_SECRET "{SECRET}"\n', "2:23"),
    "product secret macro": (VERSION + f'#define PRODUCT_SECRET ("{SECRET}")\n', "2:25"),
    "assignment": (in_function(f'device_secret = "{SECRET}";'), "4:21"),
    "member": (VERSION + f'struct d d = {{ .device_secret = "{SECRET}" }};\n', "2:33"),
    "joined strings": (in_function('char *device_secret = "8f4a" "0c2e";'), "4:27"),
    "with a cast": (in_function(f'char *device_secret = (char *)"{SECRET}";'), "4:35"),
    "undecided #ifdef": (VERSION + f'#ifdef TEST\n#define DEVICE_SECRET "{SECRET}"\n#endif\n', "3:23"),
    "without a version": (f'char *device_secret = "{SECRET}";', "1:23"),
}


@pytest.mark.parametrize("values", [EMBEDDED, KV], ids=["embedded", "kv"])
@pytest.mark.parametrize(("source", "where"), SECRETS.values(), ids=list(SECRETS))
def test_a_secret_in_the_source_is_refused_and_not_shown(source: str, where: str, values: AppValues) -> None:
    with pytest.raises(SecretError) as caught:
        inject_app(source.encode(), "x.c", values)
    text = str(caught.value)
    assert text.startswith(f"x.c:{where}: this source holds a ")
    assert "have the platform issue a new one" in text
    assert not any(part in text + repr(caught.value) for part in (SECRET, "8f4a", "0c2e"))
    assert SECRET not in repr(caught.value.__context__)


@pytest.mark.parametrize(
    "placeholder",
    [
        "",
        " ",
        "${YourDeviceSecret}",
        "<your secret>",
        "your-device-secret",
        "YourDeviceSecret",
        "xxx",
        "XXXXXXXX",
        "****",
        "...",
        "DeviceSecret",
        "device_secret",
        "replace me",
        "{{ds}}",
        "000000",
        "TODO",
        "替换为自己的device_secret",
    ],
)
def test_placeholders_are_no_secrets(placeholder: str) -> None:
    source = in_function(f'char *product_key = "", *device_name = "", *device_secret = "{placeholder}";')
    assert f"*device_secret = {DS};" in body(inject_app(source.encode(), "x.c", EMBEDDED))


def test_a_secret_in_dead_code_or_a_comparison_is_not_looked_at() -> None:
    source = VERSION + f'#if 0\nchar *device_secret = "{SECRET}";\n#endif\nint x = device_secret == "{SECRET}";\n'
    assert body(inject_app(source.encode(), "x.c", KV)) == source.replace("app-1.0.0", "app-2.0.0")


def test_edits_say_what_they_do() -> None:
    edits = plan_app(in_function(QUADRUPLE).encode(), "x.c", EMBEDDED)
    assert [(edit.what, edit.line) for edit in edits] == [
        ("MY_APP_VER", 1),
        ("product_key", 4),
        ("device_name", 4),
        ("device_secret", 4),
    ]


@pytest.mark.parametrize("secret", [None, SECRET])
def test_secrets_do_not_show_themselves(secret: Optional[str]) -> None:
    assert SECRET not in repr(EmbeddedSecrets(secret, secret))
