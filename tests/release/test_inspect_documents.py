"""What is told of documents, keys and firmware."""

from __future__ import annotations

import hashlib
import json
import random
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "device"))
from elf_builder import Section, Symbol, build_elf

from aos_ota_plugin.errors import FormatError, OtaError
from aos_ota_plugin.files.read import DOCUMENT_MAX, IMAGE_MAX
from aos_ota_plugin.images import full, xz
from aos_ota_plugin.images.info import ImageMagic
from aos_ota_plugin.images.multi import Part, Partition, place
from aos_ota_plugin.keys.approval import Approval
from aos_ota_plugin.keys.public import parse_public_key
from aos_ota_plugin.protocol.push import PushMessage
from aos_ota_plugin.release.artifact import Artifact
from aos_ota_plugin.release.layout import layout_document, parse_layout
from aos_ota_plugin.release.manifest import Manifest
from aos_ota_plugin.verify.describe import explain_payload, inspect

KEYS = Path(__file__).parents[1] / "keys" / "data"
PUBLIC = parse_public_key((KEYS / "public.pem").read_bytes(), file="k")
PAYLOAD = random.Random(7).randbytes(2000) + bytes(3000)
IMAGE = full.build(PAYLOAD, sign=None)
COMPRESSED = full.build(xz.compress(PAYLOAD), sign=None)


def artifact(name, kind, data):
    return Artifact(name, kind, len(data), hashlib.md5(data).hexdigest(), hashlib.sha256(data).hexdigest())


MANIFEST = Manifest(
    "app-1.0.1",
    "cloud",
    "kv",
    PUBLIC.fingerprint,
    artifact("ota_rtos.bin", "payload", PAYLOAD),
    (artifact("ota_rtos_ota.bin", "full", IMAGE), artifact("ota_rtos_ota.bin.xz", "xz", COMPRESSED)),
    (),
)
LAYOUT = layout_document(
    place([Part(ImageMagic.ALL, b"x" * 9)], [Partition("RTOS", 0x2A000, 0x1000)]),
    {"ota_all.bin": IMAGE},
    flash={"flash.bin": 0x2A000},
)
PUSH = PushMessage(5028, "app-1.0.1", "https://ota.example/a", "SHA256", "c" * 64)


def test_manifest_layout_and_push():
    part = inspect(MANIFEST.to_json(), file="m")
    assert part.kind == "manifest of a release"
    assert dict(part.facts)["images[1].size"] == str(len(COMPRESSED))
    assert dict(part.facts)["version"] == "app-1.0.1"
    part = inspect(json.dumps(LAYOUT).encode(), file="l")
    assert part.kind == "layout of a flash"
    assert dict(part.facts)["parts[0].address"] == str(0x2A000)
    assert dict(part.facts)["files.ota_all.bin.sha256"] == hashlib.sha256(IMAGE).hexdigest()
    part = inspect(PUSH.to_json(), file="p")
    assert (part.kind, dict(part.facts)["data.sign"]) == ("push message", "c" * 64)
    part = inspect(Approval(bytes(32), "d" * 64, bytes(256)).to_json(), file="a")
    assert (part.kind, dict(part.facts)["key_fingerprint"]) == ("approval of a second signer", "d" * 64)


SAVED = {
    "manifest of a release": MANIFEST.to_json(),
    "layout of a flash": json.dumps(LAYOUT).encode(),
    "push message": PUSH.to_json(),
    "approval of a second signer": Approval(bytes(32), "d" * 64, bytes(256)).to_json(),
    "public key": (KEYS / "public.pem").read_bytes(),
    "private key": (KEYS / "private.pem").read_bytes(),
}


@pytest.mark.parametrize("kind", SAVED)
@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        ("\ufeff", "utf-8"),
        *((mark, f"utf-{bits}-{end}") for mark in ("", "\ufeff") for bits in (16, 32) for end in ("le", "be")),
    ],
)
def test_texts_as_windows_saves_them(kind, mark, encoding):
    """PowerShell's > and Out-File, and Notepad."""
    text = mark + SAVED[kind].decode("utf-8").replace("\n", "\r\n")
    assert inspect(text.encode(encoding), file="saved.txt").kind == kind


def test_text_of_a_document_does_nothing_to_a_terminal():
    evil = Manifest("app-1.0.1", "none", "kv", None, MANIFEST.payload, (), (), solution="demo\x1b[2J")
    assert dict(inspect(evil.to_json(), file="m").facts)["solution"] == "demo\\x1b[2J"


def test_long_documents_are_not_shown_whole():
    many = Manifest("v", "none", "kv", None, MANIFEST.payload, MANIFEST.images * 200, ())
    part = inspect(many.to_json(), file="m")
    assert (len(part.facts), part.notes) == (1000, ("only 1000 values are shown",))


def test_keys():
    for name in ("public.pem", "public.der", "public-pkcs1.pem"):
        part = inspect((KEYS / name).read_bytes(), file=name)
        assert (part.kind, dict(part.facts)["fingerprint"]) == ("public key", PUBLIC.fingerprint)
    array = f"unsigned char ota_pubn_buf[256] = {{{', '.join(map(str, PUBLIC.n_bytes))}}};".encode()
    assert dict(inspect(array, file="c").facts)["fingerprint"] == PUBLIC.fingerprint
    part = inspect((KEYS / "private.pem").read_bytes(), file="k")
    assert (part.kind, part.facts, part.fields) == ("private key", (), ())


def test_firmware_with_key_texts_in_it_is_no_key():
    for text in (b"-----BEGIN RSA PRIVATE KEY-----", b"-----BEGIN PUBLIC KEY-----", b"ota_pubn_buf"):
        with pytest.raises(FormatError, match="does not end in an ota_image_info_t"):
            inspect(bytes(100) + text + bytes(100), file="ota_rtos.bin")


def test_linked_firmware():
    symbols = [Symbol("ota_pubn_buf", 0x1000, 256), Symbol("ota_pube_buf", 0x1100, 3)]
    elf = build_elf([Section(".data", PUBLIC.n_bytes + PUBLIC.e_bytes)], symbols)
    assert inspect(elf, file="e").facts == (("public key in it", PUBLIC.fingerprint),)
    assert (
        "every signature is refused"
        in inspect(build_elf([Section(".data", bytes(259))], symbols), file="e").facts[0][1]
    )
    assert inspect(build_elf([Section(".data", bytes(259))], []), file="e").faults


@pytest.mark.parametrize(
    "data, message",
    [
        (b"{}", "this JSON is no manifest"),
        (b"{" * 5000, "this looks like JSON, and is none"),
        (b'{"a":' * 40_000, "looks like JSON"),
        (b'{"schema": "aos-ota-manifest/1"}', "no manifest that we can read"),
        (b'{"schema": "aos-ota-layout/1"}', "no layout"),
        (b'{"code": "1000"}', "no push message"),
        (b'{"a": "' + b"x" * DOCUMENT_MAX + b'"}', "a JSON file of"),
        (b"text", "a file of 4 bytes is too short"),
        (b'{"schema": ["aos-ota-manifest/1"]}', "this JSON is no manifest"),
        (b"-----BEGIN PUBLIC KEY-----", "PEM"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_not_told_about(data, message):
    with pytest.raises(OtaError, match=message) as caught:
        inspect(data, file="f.bin")
    assert str(caught.value).startswith("f.bin")
    assert caught.value.remedy


def test_files_too_large_for_any_device():
    with pytest.raises(FormatError, match=f"more than {IMAGE_MAX} bytes"):
        inspect(bytes(IMAGE_MAX + 1), file="f")


def test_payload_is_known_by_the_manifest_beside_it():
    assert "payload of release app-1.0.1 " in explain_payload(PAYLOAD, MANIFEST.to_json())
    assert "ota_rtos_ota.bin, ota_rtos_ota.bin.xz" in explain_payload(PAYLOAD, MANIFEST.to_json())
    assert explain_payload(PAYLOAD + b"x", MANIFEST.to_json()) is None
    assert explain_payload(PAYLOAD, b"{}") is None


# --- layout.json


def test_layout_round_trip():
    assert parse_layout(json.dumps(LAYOUT).encode(), file="l") == LAYOUT
    only_mcu = layout_document([], {"ota_mcu.bin": IMAGE}, flash={})
    assert parse_layout(json.dumps(only_mcu).encode(), file="l") == only_mcu


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(["flash", "parts", "files"]), st.none() | st.sampled_from(sorted(LAYOUT["parts"][0])), JSON)
def test_layout_with_anything_in_a_field(where, field, value):
    document = json.loads(json.dumps(LAYOUT))
    if field is None or where == "flash":
        document[where] = value
    else:
        holder = document["parts"][0] if where == "parts" else document["files"]["ota_all.bin"]
        holder[field] = value
    try:
        read = parse_layout(json.dumps(document).encode(), file="l")
    except FormatError as error:
        assert error.remedy
    else:
        assert parse_layout(json.dumps(read).encode(), file="l") == read
