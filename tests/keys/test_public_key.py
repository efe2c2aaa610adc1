"""PublicKey, and every form parse_public_key reads or refuses."""

import base64
import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aos_ota_plugin.errors import SigningKeyError
from aos_ota_plugin.keys import der
from aos_ota_plugin.keys.public import MAX_FILE_SIZE, PublicKey, parse_public_key

DATA = Path(__file__).parent / "data"
GOLDEN_FINGERPRINT = "7c440f8e8eac75a97b984f266d8a63292b668807da0983bcd0d6b8ba0fd37a62"
PUBLIC_PEM = (DATA / "public.pem").read_bytes()
OTHER_PEM = (DATA / "other-public.pem").read_bytes()
PRIVATE_PEM = (DATA / "private.pem").read_text()
MODULUS = int((DATA / "public-modulus.txt").read_text().split("=")[1], 16)  # as openssl prints it
N = MODULUS.to_bytes(256, "big")
SPKI_TEXT = "".join(PUBLIC_PEM.decode().splitlines()[1:-1])
HEX = N.hex()


def numbers(data, style="0x{:02X}", step=16):
    rows = [data[at : at + step] for at in range(0, len(data), step)]
    return ",\n    ".join(", ".join(style.format(byte) for byte in row) for row in rows)


def c_array(n=None, e=bytes((1, 0, 1)), style="0x{:02X}"):
    n = N if n is None else n
    text = f"static unsigned char ota_pubn_buf[256] = {{\n    {numbers(n, style)}\n}};\n"
    return text + f"static unsigned char ota_pube_buf[3] = {{{numbers(e, style)}}};\n"


GOOD = {
    "PEM": PUBLIC_PEM,
    "PEM with CRLF": PUBLIC_PEM.replace(b"\n", b"\r\n"),
    "PEM in one line": PUBLIC_PEM.replace(b"\n", b""),
    "PEM indented, with text around": b"my key:\n" + PUBLIC_PEM.replace(b"\n", b"\n   ") + b"thanks",
    "PEM twice": PUBLIC_PEM * 2,
    "PEM as Windows saves it": PUBLIC_PEM.decode().encode("utf-16"),
    "PEM with a byte order mark": b"\xef\xbb\xbf" + PUBLIC_PEM,
    "PKCS#1 PEM": (DATA / "public-pkcs1.pem").read_bytes(),
    "DER": (DATA / "public.der").read_bytes(),
    "PKCS#1 DER": (DATA / "public-pkcs1.der").read_bytes(),
    "openssl -modulus": (DATA / "public-modulus.txt").read_bytes(),
    "openssl -text": (DATA / "public-text.txt").read_bytes(),
    "console base64": SPKI_TEXT.encode(),
    "console base64 wrapped, spaced": re.sub("(.{30})", r"\1 \n\t", SPKI_TEXT).encode(),
    "console base64 in quotes": f'"{SPKI_TEXT}"\n'.encode(),
    "hex": HEX.encode(),
    "hex upper with 0x": ("0x" + HEX.upper()).encode(),
    "hex with colons": N.hex(":").encode(),
    "hex with colons, leading 00, wrapped": re.sub("(.{45})", r"\1\n    ", "00:" + N.hex(":")).encode(),
    "hex with spaces": N.hex(" ").encode(),
    "hex of the DER": (DATA / "public.der").read_bytes().hex().encode(),
    "numbers without braces": numbers(N).encode(),
    "0x numbers separated by spaces": numbers(N).replace(",", "").encode(),
    "C arrays": c_array().encode(),
    "C arrays, decimal": c_array(style="{}").encode(),
    "C arrays, octal and suffixes": c_array(style="0{:o}u").encode(),
    "C arrays, other order": "\n".join(reversed(c_array().split("static "))).encode(),
    "C array, no exponent": c_array().split("static unsigned char ota_pube")[0].encode(),
    "C array, const and spacing": (
        "const unsigned char   ota_pubn_buf [ 256 ]=\n{" + numbers(N) + ",\n};\nconst uint8_t ota_pube_buf[]={1,0,1,};"
    ).encode(),
    "C array with comments": c_array().replace("0x", "/* { 0x00, */ 0x").replace("\n", " // }, 7\n").encode(),
    "C array, comment in GBK": b"/* \xb9\xab\xd4\xbf */\n" + c_array().encode(),
    "C file around the arrays": (
        '#include "ota.h"\nstatic const unsigned char table[4] = {1, 2, 3, 4};\n'
        + c_array()
        + 'int f(void)\n{\n    char *s = "ota_pubn_buf[256] = {1}";\n    return ota_pubn_buf[0];\n}\n'
    ).encode(),
    "bare array": ("{" + numbers(N) + "}").encode(),
    "bare array and exponent": ("{" + numbers(N) + "},\n{0x01, 0x00, 0x01}").encode(),
    "array with a name of its own": f"uint8_t cloud_key[256] = {{{numbers(N)}}};".encode(),
    "C arrays defined twice the same": (c_array() * 2).encode(),
}


@pytest.mark.parametrize("form", GOOD)
def test_every_form_gives_the_same_key(form):
    key = parse_public_key(GOOD[form], file="key")
    assert (key.modulus, key.exponent) == (MODULUS, 65537)
    assert key.fingerprint == GOLDEN_FINGERPRINT


def test_base64_that_is_full_of_0x():
    key = PublicKey(int.from_bytes((b"\xd3\x1d\x31" * 86)[:256], "big"))
    text = "".join(key.to_pem().splitlines()[1:-1])
    assert text.count("0x") > 100
    assert parse_public_key(text.encode(), file="key") == key


def test_bytes_as_the_device_holds_them():
    key = PublicKey(MODULUS, 65537)
    assert key.n_bytes == N
    assert key.e_bytes == b"\x01\x00\x01"
    assert key.short_fingerprint == GOLDEN_FINGERPRINT[:16]
    assert key.is_usable
    assert not key.is_empty


def test_pem_is_openssls():
    assert PublicKey(MODULUS).to_pem().encode() == PUBLIC_PEM


def test_fingerprint_is_that_of_openssls_der():
    assert hashlib.sha256((DATA / "public.der").read_bytes()).hexdigest() == GOLDEN_FINGERPRINT


EMPTY_C = "static unsigned char ota_pubn_buf[256] = {%s};\nstatic unsigned char ota_pube_buf[3] = {0x01, 0x00, 0x01};\n"

# name: (bytes, line in the error, 0 for none; what the error says)
BAD = {
    "nothing": (b"", 0, "key: the file is empty"),
    "blank": (b" \n\t", 0, "key: the file is empty"),
    "prose": (b"ask the cloud team", 1, "key:1: there is no public key in this text"),
    "prose further down": (b"\n\n ask", 3, "key:3: there is no public key in this text"),
    "binary": (b"\x00\x01\x02\x03", 0, "neither a DER key nor text"),
    "too large": (b"a" * (MAX_FILE_SIZE + 1), 0, "bytes are too many for a public key file"),
    "EC": ((DATA / "ec-public.pem").read_bytes(), 1, "not an RSA key: an elliptic-curve key"),
    "Ed25519": ((DATA / "ed25519-public.pem").read_bytes(), 1, "not an RSA key: an Ed25519 key"),
    "RSA-PSS": ((DATA / "pss-public.pem").read_bytes(), 1, "not an RSA key: an RSA key restricted to PSS"),
    "1024 bits": ((DATA / "rsa1024-public.pem").read_bytes(), 1, "an RSA key of 1024 bits; devices take exactly 2048"),
    "2047 bits": ((DATA / "rsa2047-public.pem").read_bytes(), 1, "an RSA key of 2047 bits; devices take exactly 2048"),
    "3072 bits": ((DATA / "rsa3072-public.pem").read_bytes(), 1, "an RSA key of 3072 bits; devices take exactly 2048"),
    "e = 3": ((DATA / "e3-public.pem").read_bytes(), 1, "the exponent is 3; devices take only 65537"),
    "huge exponent": (
        b"-----BEGIN PUBLIC KEY-----"
        + base64.b64encode(der.encode_spki(MODULUS, 1 << 20000))
        + b"-----END PUBLIC KEY-----",
        1,
        "the exponent is a number of 20001 bits",
    ),
    "certificate": ((DATA / "certificate.pem").read_bytes(), 1, "a certificate, where a public key is expected"),
    "certificate, remedy": (
        (DATA / "certificate.pem").read_bytes(),
        1,
        "openssl x509 -in <certificate> -noout -pubkey",
    ),
    "unknown PEM": (b"\n-----BEGIN DH PARAMETERS-----\n", 2, "a PEM block of DH PARAMETERS"),
    "odd PEM label": (b"-----BEGIN \xc3\xa9\n", 1, "a PEM block of something unknown"),
    "PEM without end": (PUBLIC_PEM[:200], 1, "no end of the PEM block: -----END PUBLIC KEY----- is missing"),
    "PEM damaged": (PUBLIC_PEM.replace(b"MII", b"M*I"), 1, "the PEM block is damaged: not base64"),
    "PEM with a byte lost": (PUBLIC_PEM.replace(b"MIIB", b""), 1, "not a public key"),
    "two keys in PEM": (
        b"# two\n" + PUBLIC_PEM + OTHER_PEM,
        11,
        "several different keys in one file: 7c440f8e8eac75a9",
    ),
    "two keys in C": (
        f"#if A\n{c_array()}#else\n{c_array(b'%c' % 0xC1 + N[1:-1] + b'%c' % 1)}#endif".encode(),
        22,
        "several different keys",
    ),
    "two exponents in C": ((c_array() + c_array(e=b"\x00\x00\x03")).encode(), 38, "the exponent is 3"),
    "SSH": (b"ssh-rsa AAAAB3NzaC1yc2E me@host", 1, "ssh-keygen -e -m PKCS8"),
    "all zero, shipped": (b"\n" + (EMPTY_C % "0x00").encode(), 2, "key:2: no public key pasted"),
    "all zero, decimal": ((EMPTY_C % "0").encode(), 1, "key:1: no public key pasted"),
    "all zero, written out": ((EMPTY_C % numbers(bytes(256))).encode(), 1, "no public key pasted"),
    "all zero, nothing": ((EMPTY_C % "").encode(), 1, "no public key pasted"),
    "all zero hex": (b"0" * 512, 1, "no public key pasted"),
    "even": (c_array(N[:-1] + b"\0").encode(), 1, "the modulus is even, so this is not an RSA key"),
    "255 numbers": (c_array(N[:-1]).encode(), 1, "key:1: ota_pubn_buf has 255 numbers; a 2048-bit key has 256"),
    "257 numbers": (c_array(b"\0" + N).encode(), 1, "leave out a leading 0x00"),
    "leading zero, cut at the end": (c_array(b"\0" + N[:-1]).encode(), 1, "an RSA key of 2040 bits"),
    "256 as a byte": (c_array().replace(f"0x{N[20]:02X}", "256", 1).encode(), None, "256 does not fit a byte"),
    "not a number": (c_array().replace("0x01", "KEY", 1).encode(), None, "a number is expected here"),
    "bad octal": (c_array(style="{}").replace("\n    ", "\n    089, ", 1).encode(), 2, "a number is expected here"),
    "exponent of 4": (c_array(e=b"\x00\x01\x00\x01").encode(), 19, "key:19: ota_pube_buf has 4 numbers, not 3"),
    "exponent alone": (
        b"\nunsigned char ota_pube_buf[3] = {1, 0, 1};",
        2,
        "there is an ota_pube_buf but no ota_pubn_buf",
    ),
    "arrays of other sizes": (b"{1, 2, 3}, {4}", 1, "the arrays here have: 3, 1"),
    "name without array": (b"return ota_pubn_buf;", 0, "the arrays here have: none"),
    "open brace": (b"unsigned char ota_pubn_buf[256] = {0x12", 0, "the arrays here have: none"),
    "hex too short": (HEX[:-2].encode(), 1, "510 hex digits; a 2048-bit modulus has 512"),
    "hex too long": (("01" + HEX).encode(), 1, "514 hex digits; a 2048-bit modulus has 512"),
    "numbers too few": (numbers(N[1:]).encode(), 1, "255 numbers; a 2048-bit modulus has 256"),
    "text dump with another exponent": (
        (DATA / "public-text.txt").read_bytes().replace(b"65537 (0x10001)", b"3 (0x3)"),
        None,
        "the exponent is 3",
    ),
    "trailing bytes after DER": ((DATA / "public.der").read_bytes() + b"\n", 0, "not a public key"),
    "other DER": (b"\x30\x81\x80" + b"\x04\x7e" + bytes(126), 0, "an unknown DER structure"),
    "negative modulus": (b"\x30\x81\x86\x02\x81\x80" + b"\x80" * 128 + b"\x02\x01\x03", 0, "an integer is negative"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_key(name):
    data, line, message = BAD[name]
    with pytest.raises(SigningKeyError) as caught:
        parse_public_key(data, file="key")
    assert message in str(caught.value)
    assert caught.value.place.file == "key"
    if line is not None:
        assert caught.value.place.line == line


def test_line_of_a_bad_number():
    lines = c_array().split("\n")
    lines[2] = lines[2].replace("0x", "0x1", 1)
    with pytest.raises(SigningKeyError, match=r"key:3: 0x1.. does not fit a byte"):
        parse_public_key("\n".join(lines).encode(), file="key")


PRIVATE = {
    "PKCS#8": PRIVATE_PEM.encode(),
    "PKCS#1": (DATA / "private-pkcs1.pem").read_bytes(),
    "encrypted": (DATA / "private-encrypted.pem").read_bytes(),
    "PKCS#1 encrypted": (DATA / "private-pkcs1-encrypted.pem").read_bytes(),
    "DER": (DATA / "private.der").read_bytes(),
    "encrypted DER": (DATA / "private-encrypted.der").read_bytes(),
    "EC": (DATA / "ec-private.pem").read_bytes(),
    "beside the public half": PUBLIC_PEM + PRIVATE_PEM.encode(),
    "base64 without armour": "".join(PRIVATE_PEM.splitlines()[1:-1]).encode(),
    "hex of DER": (DATA / "private.der").read_bytes().hex().encode(),
}


@pytest.mark.parametrize("name", PRIVATE)
def test_private_key_is_refused_and_not_echoed(name):
    data = PRIVATE[name]
    with pytest.raises(SigningKeyError, match="a PRIVATE key, where a public key is expected") as caught:
        parse_public_key(data, file="key")
    secret = data.decode("latin-1")
    shown = str(caught.value) + repr(caught.value) + repr(caught.value.__context__)
    assert not any(secret[at : at + 12] in shown for at in range(40, len(secret) - 40))
    assert "openssl pkey" in caught.value.remedy


@pytest.mark.parametrize(("modulus", "exponent"), [(1 << 2048, 3), (-1, 3), (5, 1 << 24), (5, -1)])
def test_numbers_that_do_not_fit_the_arrays(modulus, exponent):
    with pytest.raises(SigningKeyError, match="does not fit a device"):
        PublicKey(modulus, exponent)


@pytest.mark.parametrize(
    ("key", "usable", "empty"),
    [
        (PublicKey(MODULUS), True, False),
        (PublicKey(0), False, True),
        (PublicKey(MODULUS, 3), False, False),
        (PublicKey(MODULUS - 1), False, False),
        (PublicKey(MODULUS >> 1 | 1), False, False),
    ],
)
def test_usable(key, usable, empty):
    assert (key.is_usable, key.is_empty) == (usable, empty)


@given(st.integers(0, 2**2048 - 1), st.integers(0, 2**24 - 1))
def test_der_round_trip(modulus, exponent):
    parts = der.split_sequence(der.encode_spki(modulus, exponent))
    key = der.split_sequence(parts[1][1][1:])
    assert [der.parse_unsigned(one[1]) for one in key] == [modulus, exponent]


@settings(max_examples=20, deadline=None)
@given(st.integers(2**2047, 2**2048 - 1).map(lambda value: value | 1))
def test_any_modulus_survives_every_text_form(modulus):
    key = PublicKey(modulus)
    pem = key.to_pem()
    for text in (
        pem,
        "".join(pem.splitlines()[1:-1]),
        c_array(key.n_bytes),
        c_array(key.n_bytes, style="{}"),
        key.n_bytes.hex(),
    ):
        assert parse_public_key(text.encode(), file="key") == key


def survives(data):
    try:
        key = parse_public_key(data, file="key")
    except SigningKeyError:
        return
    assert key.is_usable


@given(st.binary(max_size=600) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_survives_anything(data):
    survives(data)


@given(st.binary(max_size=300).map(lambda data: b"\x30\x82" + data))
def test_survives_anything_like_der(data):
    survives(data)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(GOOD)), st.integers(0, 3000), st.binary(max_size=8), st.integers(0, 3000))
def test_survives_mutation_and_truncation(form, at, patch, length):
    data = GOOD[form]
    survives((data[:at] + patch + data[at + len(patch) :])[: length + 200])


@given(
    st.lists(
        st.sampled_from(
            ["ota_pubn_buf", "ota_pube_buf", "[", "256", "]", "=", "{", "}", "0x01", ",", "/*", "*/", "//", '"', "'",
             "\n", "-----BEGIN ", "PUBLIC KEY", "-----", "Modulus", ":", "Exponent:", "\\", "²", "0x", "{0}"]
        )
    )
)  # fmt: skip
def test_survives_any_soup_of_its_own_words(words):
    survives(" ".join(words).encode())


@pytest.mark.parametrize(
    "word", ["a", " ", "{", "/*", "a[", '"', "a[1]={", "0x1,", "-----BEGIN ", "30", "\n", "a ", "[["]
)
def test_large_files_take_no_long_time(word):
    import time

    data = (word * MAX_FILE_SIZE)[:MAX_FILE_SIZE].encode()
    start = time.process_time()
    survives(data)
    survives(b"{" + data[1:])
    assert time.process_time() - start < 3


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl")
def test_openssl_reads_our_pem():
    read = subprocess.run(
        ["openssl", "pkey", "-pubin", "-outform", "DER"],
        input=PublicKey(MODULUS).to_pem().encode(),
        capture_output=True,
        check=True,
    )
    assert read.stdout == (DATA / "public.der").read_bytes()
