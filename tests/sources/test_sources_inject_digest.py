"""The public key in copies of ota_hal_digest.c."""

from __future__ import annotations

import re
from typing import Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aos_ota_plugin.errors import SigningKeyError, SourceError
from aos_ota_plugin.sources.inject import inject_digest, plan_digest

N = bytes(range(255, -1, -1))
E = b"\x01\x00\x01"
N_TEXT = "{ " + ", ".join(f"0x{byte:02x}" for byte in N) + " }"
E_TEXT = "{ 0x01, 0x00, 0x01 }"
FILLED = "{" + ", ".join(["0xC9"] * 256) + "}"
MANY_LINES = "{\n" + "\n".join("    " + "0xd7, " * 8 for _ in range(32)) + "}"
MADE_BY = b"/* Made by aos_ota_plugin from the file named below; edits here are lost. */"

# name: (source, the same with <N> and <E> where the key goes)
SPELLINGS = {
    "static, zero": (
        "static unsigned char ota_pubn_buf[256] = {0x00};\n\n"
        "static unsigned char ota_pube_buf[3] = {0x01, 0x00, 0x01};\n",
        "static unsigned char ota_pubn_buf[256] = <N>;\n\nstatic unsigned char ota_pube_buf[3] = <E>;\n",
    ),
    "static const, without value": (
        "static const unsigned char ota_pubn_buf[256];\nstatic const unsigned char ota_pube_buf[3];\n",
        "static const unsigned char ota_pubn_buf[256] = <N>;\nstatic const unsigned char ota_pube_buf[3] = <E>;\n",
    ),
    "const static": (
        "const static unsigned char ota_pubn_buf[256];\nconst static unsigned char ota_pube_buf[3];\n",
        "const static unsigned char ota_pubn_buf[256] = <N>;\nconst static unsigned char ota_pube_buf[3] = <E>;\n",
    ),
    "one long line": (
        f"static const unsigned char ota_pubn_buf[256] = {FILLED};\nunsigned char ota_pube_buf[3]={{1,0,1}};\n",
        "static const unsigned char ota_pubn_buf[256] = <N>;\nunsigned char ota_pube_buf[3]=<E>;\n",
    ),
    "e first, n on many lines": (
        f"static const unsigned char ota_pube_buf[3] = {{1, 0, 1}};\n"
        f"static const unsigned char ota_pubn_buf[256] = {MANY_LINES};\nint x;\n",
        "static const unsigned char ota_pube_buf[3] = <E>;\nstatic const unsigned char ota_pubn_buf[256] = <N>"
        + "\n" * 32
        + ";\nint x;\n",
    ),
    "section attribute in front": (
        'const __attribute__((section(".rodata_custom_desc"))) unsigned char ota_pubn_buf[256] = {1};\n'
        'const __attribute__((section(".rodata_custom_desc"))) unsigned char ota_pube_buf[3] = {1};\n',
        'const __attribute__((section(".rodata_custom_desc"))) unsigned char ota_pubn_buf[256] = <N>;\n'
        'const __attribute__((section(".rodata_custom_desc"))) unsigned char ota_pube_buf[3] = <E>;\n',
    ),
    "attribute behind, without value": (
        "static const uint8_t ota_pubn_buf[256] __attribute__((aligned(4)));\n"
        "KEY_DATA uint8_t ota_pube_buf[3] IN_ROM;\n",
        "static const uint8_t ota_pubn_buf[256] __attribute__((aligned(4))) = <N>;\n"
        "KEY_DATA uint8_t ota_pube_buf[3] IN_ROM = <E>;\n",
    ),
    "spaces and comments everywhere": (
        "static\tunsigned  char ota_pubn_buf [ 256 ]=  { 0 } ; // n\n"
        "unsigned char/*e*/ota_pube_buf[3]/*!*/=/*?*/{0}/*.*/;",
        "static\tunsigned  char ota_pubn_buf [ 256 ]=  <N> ; // n\n"
        "unsigned char/*e*/ota_pube_buf[3]/*!*/=/*?*/<E>/*.*/;",
    ),
    "one declaration for both": (
        "unsigned char ota_pubn_buf[256] = {0}, ota_pube_buf[3];\n",
        "unsigned char ota_pubn_buf[256] = <N>, ota_pube_buf[3] = <E>;\n",
    ),
    "size by a macro": (
        "static const unsigned char ota_pubn_buf[OTA_SIGN_BITNUMB / 8];\n"
        "static unsigned char ota_pube_buf[] = {1, 0, 1};\n",
        "static const unsigned char ota_pubn_buf[OTA_SIGN_BITNUMB / 8] = <N>;\n"
        "static unsigned char ota_pube_buf[] = <E>;\n",
    ),
    "size in hexadecimal": (
        "unsigned char ota_pubn_buf[0x100u];\nunsigned char ota_pube_buf[03];\n",
        "unsigned char ota_pubn_buf[0x100u] = <N>;\nunsigned char ota_pube_buf[03] = <E>;\n",
    ),
    "macro calls without a semicolon in front": (
        "MODULE(init)\nstatic unsigned char ota_pubn_buf[256];\nEXPORT(x, 1)\nunsigned char ota_pube_buf[3] = {0};\n",
        "MODULE(init)\nstatic unsigned char ota_pubn_buf[256] = <N>;\nEXPORT(x, 1)\n"
        "unsigned char ota_pube_buf[3] = <E>;\n",
    ),
    "string as a value": (
        'unsigned char ota_pubn_buf[256] = "";\nunsigned char ota_pube_buf[3] = "\\1\\0\\1";\n',
        "unsigned char ota_pubn_buf[256] = <N>;\nunsigned char ota_pube_buf[3] = <E>;\n",
    ),
    "qualifier under an #ifdef": (
        "static\n#ifdef IN_ROM\nconst\n#endif\nunsigned char ota_pubn_buf[256] = {0};\n"
        "unsigned char ota_pube_buf[3];\n",
        "static\n#ifdef IN_ROM\nconst\n#endif\nunsigned char ota_pubn_buf[256] = <N>;\n"
        "unsigned char ota_pube_buf[3] = <E>;\n",
    ),
    "extern declarations, uses and decoys": (
        "extern const unsigned char ota_pubn_buf[256];\nextern const unsigned char ota_pube_buf[3];\n"
        "/* unsigned char ota_pubn_buf[256] = {0}; */ // unsigned char ota_pube_buf[3] = {0};\n"
        'const char *text = "unsigned char ota_pubn_buf[256] = {0};";\n'
        "#if 0\nunsigned char ota_pubn_buf[256] = {0};\n#endif\n#define KEY ota_pubn_buf[256] = {0}\n"
        "struct key { unsigned char ota_pubn_buf[256]; };\nint my_ota_pubn_buf[256] = {0}, ota_pubn_buf2[256];\n"
        "const unsigned char ota_pubn_buf[256];\nconst unsigned char ota_pube_buf[3];\n"
        "int f(const unsigned char ota_pubn_buf[256])\n{\n    ota_pubn_buf[0] = 1;\n    if (1) ota_pubn_buf[1] = 2;\n"
        "    else ota_pubn_buf[2] = 3;\nl:  memcpy(x, ota_pubn_buf, sizeof(ota_pubn_buf));\n"
        "    return ota_pubn_buf[3];\n}\n",
        "extern const unsigned char ota_pubn_buf[256];\nextern const unsigned char ota_pube_buf[3];\n"
        "/* unsigned char ota_pubn_buf[256] = {0}; */ // unsigned char ota_pube_buf[3] = {0};\n"
        'const char *text = "unsigned char ota_pubn_buf[256] = {0};";\n'
        "#if 0\nunsigned char ota_pubn_buf[256] = {0};\n#endif\n#define KEY ota_pubn_buf[256] = {0}\n"
        "struct key { unsigned char ota_pubn_buf[256]; };\nint my_ota_pubn_buf[256] = {0}, ota_pubn_buf2[256];\n"
        "const unsigned char ota_pubn_buf[256] = <N>;\nconst unsigned char ota_pube_buf[3] = <E>;\n"
        "int f(const unsigned char ota_pubn_buf[256])\n{\n    ota_pubn_buf[0] = 1;\n    if (1) ota_pubn_buf[1] = 2;\n"
        "    else ota_pubn_buf[2] = 3;\nl:  memcpy(x, ota_pubn_buf, sizeof(ota_pubn_buf));\n"
        "    return ota_pubn_buf[3];\n}\n",
    ),
}


def split(output: bytes) -> Tuple[bytes, bytes]:
    """Return the lines in front of the source, and the source."""
    match = re.match(rb"(\xef\xbb\xbf)?(.*?#line 1 [^\r\n]*\r?\n)(.*)\Z", output, re.DOTALL)
    assert match
    return match.group(2), (match.group(1) or b"") + match.group(3)


def filled(text: str) -> bytes:
    return text.replace("<N>", N_TEXT).replace("<E>", E_TEXT).encode()


@pytest.mark.parametrize(("source", "expected"), SPELLINGS.values(), ids=list(SPELLINGS))
def test_every_spelling_is_a_place(source: str, expected: str) -> None:
    before, body = split(inject_digest(source.encode(), "hal/ota_hal_digest.c", N, E))
    assert body == filled(expected)
    assert before == MADE_BY + b'\n#line 1 "hal/ota_hal_digest.c"\n'
    assert body.count(b"\n") == source.count("\n")


@pytest.mark.parametrize(("source", "expected"), SPELLINGS.values(), ids=list(SPELLINGS))
def test_windows_line_ends_stay_and_added_lines_have_them(source: str, expected: str) -> None:
    before, body = split(inject_digest(source.replace("\n", "\r\n").encode(), "x.c", N, E))
    first_line_ends = b"\r\n" if "\n" in source else b"\n"
    assert body == filled(expected).replace(b"\n", b"\r\n")
    assert before == MADE_BY + first_line_ends + b'#line 1 "x.c"' + first_line_ends


COMMENT = "/* RSA Public Key: 用户需要在云端获取公钥 */\n"
DECLARED = "static const unsigned char ota_pubn_buf[256] = {{0x00}};\nstatic unsigned char ota_pube_buf[3];\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "big5"])
def test_any_encoding_goes_through_unchanged(encoding: str) -> None:
    text = COMMENT.replace("户", "戶").replace("云", "雲").replace("获", "獲").replace("钥", "鑰") + DECLARED
    text = text if encoding != "big5" else text.replace("戶", "戶")
    source = text.encode(encoding, "replace")
    output = inject_digest(source, "x.c", N, E)
    expected = source.replace(b"{{0x00}}", N_TEXT.encode()).replace(b"buf[3];", b"buf[3] = " + E_TEXT.encode() + b";")
    bom = b"\xef\xbb\xbf" if encoding == "utf-8-sig" else b""
    assert output.startswith(bom + MADE_BY)
    assert output.count(b"\xef\xbb\xbf") == len(bom) // 3
    assert split(output)[1] == expected


LINE = st.one_of(
    st.sampled_from(
        [
            "// it's ota_pubn_buf[256]\n",
            'char *s = "a\\"b; {" /* " */ ;\n',
            "#ifdef X\n#else\n#endif\n",
            "int f(void) { return 1; }\n",
            "#if 0\nunsigned char ota_pubn_buf[256] = {1};\n#endif\n",
            "\r\n",
            "x = y ? 1 : 2;\n",
            "/* 版本 */\n",
            "#define A(x) { x }\n",
            "struct s { int a[3]; } s = { { 1 } };\n",
            "extern unsigned char ota_pube_buf[3];\n",
        ]
    ).map(str.encode),
    st.text("汉字編碼表", max_size=8).map(lambda text: b"/* " + text.encode("gbk") + b" */\r\n"),
    st.binary(max_size=8).map(lambda data: b"/* " + data.replace(b"*", b"").replace(b"/", b"") + b" */\n"),
)
LINES = st.lists(LINE, max_size=8).map(b"".join)


@given(LINES, LINES, LINES)
def test_outside_the_places_every_byte_stays(first: bytes, second: bytes, third: bytes) -> None:
    first = b"\n" + first  # whatever it starts with, it is no byte order mark
    n_old, e_old = b"static unsigned char ota_pubn_buf[256] = {0,\n};\n", b"static unsigned char ota_pube_buf[3];\n"
    n_new = b"static unsigned char ota_pubn_buf[256] = " + N_TEXT.encode() + b"\n;\n"
    e_new = b"static unsigned char ota_pube_buf[3] = " + E_TEXT.encode() + b";\n"
    output = inject_digest(first + n_old + second + e_old + third, "x.c", N, E)
    assert split(output)[1] == first + n_new + second + e_new + third


@given(st.binary())
def test_arbitrary_bytes_are_an_error_with_a_remedy(data: bytes) -> None:
    with pytest.raises(SourceError) as caught:
        plan_digest(data, "x.c", N, E)
    assert caught.value.remedy


GOOD_E = "static const unsigned char ota_pube_buf[3];\n"
BAD = {
    "no n": (
        GOOD_E,
        "x.c has no array ota_pubn_buf, so there is no place for the public key\n"
        "  fix: declare it as the component does: static const unsigned char ota_pubn_buf[256];",
    ),
    "no e": ("unsigned char ota_pubn_buf[256];\n", "x.c has no array ota_pube_buf"),
    "only extern": ("extern unsigned char ota_pubn_buf[256];\n" + GOOD_E, "x.c has no array ota_pubn_buf"),
    "only in #if 0": ("#if 0\nunsigned char ota_pubn_buf[256];\n#endif\n" + GOOD_E, "x.c has no array ota_pubn_buf"),
    "a pointer": ("unsigned char *ota_pubn_buf = key;\n" + GOOD_E, "x.c has no array ota_pubn_buf"),
    "pointers": ("unsigned char *ota_pubn_buf[256];\n" + GOOD_E, "x.c has no array ota_pubn_buf"),
    "a type": ("typedef unsigned char ota_pubn_buf[256];\n" + GOOD_E, "x.c has no array ota_pubn_buf"),
    "twice": (
        "\nunsigned char ota_pubn_buf[256];\n" + GOOD_E + "unsigned char ota_pubn_buf[256] = {0};\n",
        "x.c:4:15: ota_pubn_buf is declared more than once, in lines 2 and 4\n"
        "  fix: keep one of them, or put the other inside #if 0",
    ),
    "once in each branch": (
        "#ifdef A\nunsigned char ota_pubn_buf[256];\n#else\nchar ota_pubn_buf[256];\n#endif\n" + GOOD_E,
        "x.c:4:6: ota_pubn_buf is declared more than once, in lines 2 and 4",
    ),
    "RSA-1024": (
        "unsigned char ota_pubn_buf[128];\n" + GOOD_E,
        "x.c:1:15: ota_pubn_buf has 128 bytes; devices check signatures with exactly 256\n"
        "  fix: declare it as ota_pubn_buf[256]",
    ),
    "e of four bytes": (
        "unsigned char ota_pubn_buf[256];\nunsigned char ota_pube_buf[4];\n",
        "x.c:2:15: ota_pube_buf has 4 bytes; devices check signatures with exactly 3",
    ),
    "preprocessor in the value": (
        "unsigned char ota_pubn_buf[256] = {\n#ifdef TEST_KEY\n1\n#else\n2\n#endif\n};\n" + GOOD_E,
        "x.c:2:1: the value of ota_pubn_buf has preprocessor lines inside",
    ),
}


@pytest.mark.parametrize(("source", "message"), BAD.values(), ids=list(BAD))
def test_sources_without_one_place_are_refused(source: str, message: str) -> None:
    with pytest.raises(SourceError) as caught:
        inject_digest(source.encode(), "x.c", N, E)
    assert str(caught.value).startswith(message)
    assert "\n  fix: " in str(caught.value)


@pytest.mark.parametrize(("n", "e"), [(bytes(128), E), (bytes(257), E), (N, b"\x03"), (b"", b"")])
def test_keys_of_another_size_are_refused(n: bytes, e: bytes) -> None:
    source = b"unsigned char ota_pubn_buf[256], ota_pube_buf[3];"
    with pytest.raises(SigningKeyError) as caught:
        inject_digest(source, "x.c", n, e)
    assert f"a modulus of {len(n)} and an exponent of {len(e)} bytes" in str(caught.value)
