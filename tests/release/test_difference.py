"""Where two builds differ, in words; and a kept release in the place of a key."""

from __future__ import annotations

import importlib.util
import json
import random
from pathlib import Path

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from aos_ota_plugin.device.elf_place import ElfPlace, find_place
from aos_ota_plugin.errors import SigningKeyError
from aos_ota_plugin.keys.load import load_public_key
from aos_ota_plugin.pipeline.release_signer import load_release_signer
from aos_ota_plugin.release.make import make_release
from aos_ota_plugin.verify.first_difference import explain, first_difference, string_at

_spec = importlib.util.spec_from_file_location("elf_builder", Path(__file__).parents[1] / "device" / "elf_builder.py")
elf_builder = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(elf_builder)

NOISE = random.Random(7).randbytes(400)


@for_all(st.binary(max_size=300), st.binary(max_size=300), st.binary(max_size=50))
def test_first_difference(head, one, other):
    at = first_difference(head + one, head + other)
    assert (head + one)[:at] == (head + other)[:at]
    assert at == min(len(head + one), len(head + other)) or (head + one)[at] != (head + other)[at]


def test_first_difference_in_a_later_block():
    data = bytes(100_000)
    assert first_difference(data, data[:70_000] + b"x" + data[70_001:]) == 70_000


def test_the_same():
    assert explain(NOISE, NOISE, None, name="x") is None


@pytest.mark.parametrize(
    "released, rebuilt, texts, remedy",
    [
        (
            b"\0/home/a/ws/x.c\0",
            b"\0/home/bb/w/x.c\0",
            "'/home/a/ws/x.c' was released, '/home/bb/w/x.c' rebuilt",
            "OTA_REPRODUCIBLE=y, which",
        ),
        (b"\0built Nov 24 2026\0", b"\0built Nov 25 2026\0", "'built Nov 24 2026' was released", "__DATE__, __TIME__"),
        (b"\0hello one\0", b"\0hello two\0", "'hello one' was released, 'hello two' rebuilt", "the same sources"),
        (b"\0\xff\xfe\0", b"\0\xff\xfd\0", "", "the same sources"),
    ],
)
def test_what_it_looks_like(released, rebuilt, texts, remedy):
    found = explain(NOISE + released + NOISE, NOISE + rebuilt + NOISE, None, name="the payload")
    assert found.problem.startswith(f"the payload first differs at {found.offset:#x}")
    assert texts in found.problem
    assert bool(texts) == (" was released" in found.problem)
    assert remedy in found.remedy


def test_the_text_that_moved_all_the_rest_is_shown():
    released = b"\1" + NOISE + b"\0from /home/a/ws/x.c on 1\n\0" + NOISE
    rebuilt = b"\2" + NOISE + b"\0from /elsewhere/ws/x.c on 1\n\0" + NOISE
    found = explain(released, rebuilt, None, name="the payload")
    assert found.offset == 0
    assert r"'from /home/a/ws/x.c on 1\n' was released, 'from /elsewhere/ws/x.c on 1\n' rebuilt" in found.problem
    assert "OTA_REPRODUCIBLE=y" in found.remedy


def test_sizes():
    assert "; 400 bytes were released, 401 rebuilt" in explain(NOISE, NOISE + b"x", b"no elf", name="x").problem


def test_place_in_the_elf():
    data = NOISE[:200] + b"some text that differs\0" + NOISE[200:]
    elf = elf_builder.build_elf(
        [elf_builder.Section(".rodata", data)], [elf_builder.Symbol("greeting", 0x1000 + 200, 23)]
    )
    assert find_place(elf, b"header" + data, 6 + 205) == ElfPlace(".rodata", 0x1000 + 205, "greeting")
    assert (
        "(section .rodata, address 0x10cd, greeting)"
        in explain(data.replace(b"text", b"word"), data, elf, name="x").problem
    )
    assert find_place(elf, NOISE[::-1], 100) is None
    assert find_place(b"no elf", data, 0) is None


@for_all(st.binary(max_size=200), st.integers(0, 300))
def test_any_bytes_as_elf(data, offset):
    assert find_place(b"\x7fELF" + data, data, offset) is None
    assert isinstance(string_at(data, min(offset, len(data))), str)


# --- a release in the place of a key


@pytest.fixture
def kept(given, signer, tmp_path):
    given = given.but(payload=given.firmware.payload + random.Random(1).randbytes(4096), compress_xz=True)
    release = make_release(*given)
    folder = tmp_path / "发布 1"
    folder.mkdir()
    for name, data in release.images.items():
        (folder / name).write_bytes(data)
    (folder / "ota_rtos_ota.json").write_bytes(release.manifest.to_json())
    (tmp_path / "public.pem").write_text(signer.public_key.to_pem())
    return given, release, folder


def test_the_same_images_without_the_key(kept, tmp_path):
    given, release, _ = kept
    signer = load_release_signer("发布 1", str(tmp_path), load_public_key(str(tmp_path / "public.pem")))
    again = make_release(*given.but(signer=signer))
    assert again.images == release.images
    assert again.manifest == release.manifest


def test_nothing_else_is_signed(kept, tmp_path, signer, other):
    given, _, folder = kept
    released = load_release_signer(str(folder), "/", load_public_key(str(tmp_path / "public.pem")))
    with pytest.raises(SigningKeyError, match="this release has no signature by the key"):
        make_release(*given.but(signer=released, payload=given.firmware.payload + b"x", compress_xz=False))
    with pytest.raises(SigningKeyError, match="cannot sign a statement"):
        released.sign_message(b"m" * 100)
    assert signer.public_key.fingerprint in repr(released)
    (tmp_path / "other.pem").write_text(other.public_key.to_pem())
    wrong = load_release_signer(str(folder), "/", load_public_key(str(tmp_path / "other.pem")))
    with pytest.raises(SigningKeyError, match="this release has no signature"):
        wrong.sign_hash(next(iter(wrong._signatures)))


def test_a_release_without_its_public_key(kept):
    with pytest.raises(SigningKeyError, match="does not say which public key"):
        load_release_signer(str(kept[2]), "/", None)


def test_a_release_that_leaves_its_folder(kept, tmp_path):
    manifest = json.loads((kept[2] / "ota_rtos_ota.json").read_bytes())
    manifest["images"][0]["file"] = "../public.pem"
    (kept[2] / "ota_rtos_ota.json").write_text(json.dumps(manifest))
    signer = load_release_signer(str(kept[2]), "/", load_public_key(str(tmp_path / "public.pem")))
    assert len(signer._signatures) == 1
