"""What we write, compiled for this machine and run: against mbedtls 2.28 and a KV store of the test's own."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import List, Tuple

import pytest
from waiting import HANGS

from aos_ota_plugin.sources.inject import inject_app, inject_digest
from aos_ota_plugin.sources.render import render_digest, render_identity
from aos_ota_plugin.sources.template_files import load_templates
from aos_ota_plugin.sources.values import AppValues, Embedded, EmbeddedSecrets, Kv

pytestmark = pytest.mark.native

DATA = Path(__file__).parent / "data"
OURS = load_templates()
STRICT = ["-Wall", "-Wextra", "-Werror"]
E = b"\x01\x00\x01"


def run(command: List[str], **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=HANGS, check=False, **options)  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def gcc() -> str:
    """The host's compiler; where CI must have it and mbedtls, their absence is a failure."""
    found = shutil.which("gcc") or ""
    check = '#include "mbedtls/version.h"\n#if MBEDTLS_VERSION_MAJOR != 2\n#error mbedtls 2 is needed\n#endif\n'
    ready = (
        bool(found)
        and bool(shutil.which("openssl"))
        and (run([found, "-E", "-x", "c", "-", "-o", os.devnull], input=check).returncode == 0)
    )
    if not ready:
        missing = "gcc, openssl and mbedtls 2.28 with headers (libmbedtls-dev) are needed"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return found


class Key:
    """An RSA-2048 key and a signature over a message, both made by openssl."""

    def __init__(self, folder: Path) -> None:
        pem, message, signature = folder / "key.pem", folder / "message", folder / "signature"
        subprocess.run(["openssl", "genrsa", "-out", str(pem), "2048"], check=True, capture_output=True)
        message.write_bytes(b"the 32 bytes of an image's hash")
        subprocess.run(
            ["openssl", "dgst", "-sha256", "-sign", str(pem), "-out", str(signature), str(message)], check=True
        )
        shown = run(["openssl", "rsa", "-in", str(pem), "-modulus", "-noout"]).stdout
        self.n = bytes.fromhex(shown.strip().split("=")[1])
        self.digest = hashlib.sha256(message.read_bytes()).digest()
        self.signature = signature.read_bytes()


@pytest.fixture(scope="module")
def key(gcc: str, tmp_path_factory: pytest.TempPathFactory) -> Key:
    return Key(tmp_path_factory.mktemp("key"))


def build(gcc: str, folder: Path, source: bytes, main: str, *flags: str) -> Path:
    (folder / "digest.c").write_bytes(source)
    program = folder / "program"
    done = run(
        [
            gcc,
            *STRICT,
            *flags,
            "-I",
            str(DATA / "include"),
            str(DATA / main),
            str(folder / "digest.c"),
            "-o",
            str(program),
            "-lmbedcrypto",
        ]
    )
    assert done.returncode == 0, done.stderr
    return program


def verify(program: Path, digest: bytes, signature: bytes) -> Tuple[bytes, bytes, str]:
    """Return n, e and the verdict of a compiled digest layer."""
    (program.parent / "d").write_bytes(digest)
    (program.parent / "s").write_bytes(signature)
    done = run([str(program), str(program.parent / "d"), str(program.parent / "s")])
    assert done.returncode == 0
    n, e, verdict = done.stdout.split()
    return bytes.fromhex(n), bytes.fromhex(e), verdict


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def sources(n: bytes) -> List[Tuple[str, bytes]]:
    component = (DATA / "digest_of_component.c").read_bytes()
    return [
        ("template", render_digest(n, E, templates=OURS)),
        ("injected", inject_digest(component, "hal/ota_hal_digest.c", n, E)),
        ("injected, CRLF", inject_digest(component.replace(b"\n", b"\r\n"), "x.c", n, E)),
        ("injected, BOM", inject_digest(b"\xef\xbb\xbf" + component, "x.c", n, E)),
    ]


@pytest.mark.parametrize("which", range(4), ids=["template", "injected", "crlf", "bom"])
def test_a_signature_is_good_only_unchanged(gcc: str, key: Key, tmp_path: Path, which: int) -> None:
    program = build(gcc, tmp_path, sources(key.n)[which][1], "verify_main.c")
    assert verify(program, key.digest, key.signature) == (key.n, E, "good")
    for bit in (0, 1000, 2047):
        assert verify(program, key.digest, flipped(key.signature, bit))[2] == "bad"
    for bit in (0, 100, 255):
        assert verify(program, flipped(key.digest, bit), key.signature)[2] == "bad"
    assert verify(program, key.digest, bytes(256))[2] == "bad"


@pytest.mark.parametrize("which", range(2), ids=["template", "injected"])
def test_nothing_is_good_with_an_empty_key(gcc: str, key: Key, tmp_path: Path, which: int) -> None:
    program = build(gcc, tmp_path, sources(bytes(256))[which][1], "verify_main.c")
    assert verify(program, key.digest, key.signature) == (bytes(256), E, "bad")
    assert verify(program, key.digest, bytes(256))[2] == "bad"


@pytest.mark.parametrize("which", range(2), ids=["template", "injected"])
def test_nothing_is_good_with_another_key(gcc: str, key: Key, tmp_path: Path, which: int) -> None:
    program = build(gcc, tmp_path, sources(flipped(key.n, 77))[which][1], "verify_main.c")
    assert verify(program, key.digest, key.signature)[2] == "bad"


def test_the_template_s_hashes(gcc: str, tmp_path: Path) -> None:
    program = build(gcc, tmp_path, render_digest(bytes(256), E, templates=OURS), "hash_main.c", "-std=c11", "-O2")
    expected = [hashlib.sha256(b"abc"), hashlib.sha224(b"abc"), hashlib.md5(b"abc")]
    assert run([str(program)]).stdout.split() == [one.hexdigest() for one in expected]


def compile_app(gcc: str, folder: Path, values: AppValues, *others: str) -> List[str]:
    """Return what the small application prints, built with these values and other C texts."""
    app = folder / "app.c"
    app.write_bytes(inject_app((DATA / "app_main.c").read_bytes(), "solutions\\x\\app_main.c", values))
    objects = []
    for number, text in enumerate(others):
        objects.append(str(folder / f"{number}.o"))
        done = run([gcc, *STRICT, "-c", "-x", "c", "-", "-o", objects[-1]], input=text)
        assert done.returncode == 0, done.stderr
    done = run([gcc, *STRICT, str(app), *objects, "-o", str(folder / "app")])
    assert done.returncode == 0, done.stderr
    return run([str(folder / "app")]).stdout.split("\n")[:-1]


def line_of_print() -> str:
    lines = (DATA / "app_main.c").read_text(encoding="utf-8").split("\n")
    return str(next(number for number, line in enumerate(lines, 1) if "__LINE__" in line))


def test_an_embedded_identity_reaches_the_program(gcc: str, tmp_path: Path) -> None:
    values = AppValues("app-1.0.0??/", Embedded("a1B2c3", "dev-7", has_product_secret=True))
    identity = render_identity(EmbeddedSecrets("product-secret", "device-secret"), templates=OURS)
    shown = compile_app(gcc, tmp_path, values, identity)
    assert shown == [
        "app-1.0.0??/",
        "a1B2c3",
        "product-secret",
        "dev-7",
        "device-secret",
        line_of_print(),
        "solutions/x/app_main.c",
    ]
    assert b"device-secret" not in (tmp_path / "app.c").read_bytes()


KV_STORE = r"""
#include <string.h>
int aos_kv_get(const char *key, void *buffer, int *buffer_len);
int aos_kv_get(const char *key, void *buffer, int *buffer_len)
{
    static const struct { const char *key; const char *value; int length; } store[] = { %s };
    unsigned int i;
    for (i = 0; i < sizeof(store) / sizeof(store[0]); i++) {
        if (strcmp(store[i].key, key) == 0) {
            int room = *buffer_len;
            *buffer_len = store[i].length;
            if (store[i].length > room) {
                return -28;
            }
            memcpy(buffer, store[i].value, (size_t)store[i].length);
            return 0;
        }
    }
    return -2;
}
"""


def _octal(value: bytes) -> str:
    return "".join(f"\\{byte:03o}" for byte in value)


def store(**values: bytes) -> str:
    rows = (f'{{ "hal_devinfo_{key}", "{_octal(value)}", {len(value)} }}' for key, value in values.items())
    return KV_STORE % ", ".join(rows)


def test_the_identity_is_read_from_the_kv_partition(gcc: str, tmp_path: Path) -> None:
    kv = store(pk=b"a1B2c3", ps=b"s" * 64, dn=b"d" * 32 + b"\0", ds=b"secret\0")
    shown = compile_app(gcc, tmp_path, AppValues("app-3", Kv()), render_identity(Kv(), templates=OURS), kv)
    assert shown[:5] == ["app-3", "a1B2c3", "s" * 64, "d" * 32, "secret"]


def test_what_the_kv_partition_lacks_or_has_too_long_is_empty(gcc: str, tmp_path: Path) -> None:
    kv = store(pk=b"p" * 21, ps=b"s" * 66, dn=b"")
    shown = compile_app(gcc, tmp_path, AppValues("app-3", Kv()), render_identity(Kv(), templates=OURS), kv)
    assert shown[:5] == ["app-3", "", "", "", ""]


def test_compiler_messages_name_the_user_s_file_and_line(gcc: str, tmp_path: Path) -> None:
    source = (
        '#define MY_APP_VER \\\n  "a" \\\n  "b"\nvoid f(void);\nvoid f(void)\n{\n    char *product_key =\n'
        '        (char *)\n        "";\n    undeclared(product_key);\n}\n'
    )
    copy = tmp_path / "copy.c"
    copy.write_bytes(inject_app(source.encode(), "solutions/我的/app.c", AppValues("1", Kv())))
    done = run([gcc, *STRICT, "-c", str(copy), "-o", os.devnull], env={**os.environ, "LC_ALL": "C.UTF-8"})
    assert done.returncode != 0
    assert re.search(r"^solutions/我的/app\.c:10:5: error: .*undeclared", done.stderr, re.MULTILINE)
