"""Where a release's payload is found, and the payload inside an OTA image."""

from __future__ import annotations

import os
import random
import struct

import pytest
from hypothesis import given as over
from hypothesis import strategies as st

from aos_ota_plugin.errors import FormatError, OtaError, ProofError
from aos_ota_plugin.images import diff, full, xz
from aos_ota_plugin.pipeline.payloads import payload_in, payload_of_release, read_diff, read_payload
from aos_ota_plugin.release.artifact import Artifact
from aos_ota_plugin.release.make import make_release

PAYLOAD = random.Random(1).randbytes(5000)


@pytest.fixture
def kept(given, tmp_path):
    """The folder of a kept release, with nothing but its manifest in it, and the release."""
    release = make_release(*given.but(payload=PAYLOAD, elf=None))
    folder = tmp_path / "现场 的" / "1.0.1"
    folder.mkdir(parents=True)
    (folder / "ota_rtos_ota.json").write_bytes(release.manifest.to_json())
    return folder, release


def found(kept, **options):
    folder, release = kept
    return payload_of_release(release.manifest, str(folder / "ota_rtos_ota.json"), **options)


@pytest.mark.parametrize(
    "name, content",
    [("ota_rtos.bin", "payload"), ("ota_rtos_ota.bin", "image"), ("app.bin", "image"), ("app.bin", "payload")],
)
def test_found(kept, name, content):
    """By the manifest's names, and by its own where each release's files have been renamed."""
    folder, release = kept
    manifest = folder / ("app.json" if name == "app.bin" else "ota_rtos_ota.json")
    (folder / "ota_rtos_ota.json").replace(manifest)
    (folder / name).write_bytes(release.payload if content == "payload" else release.image)
    assert payload_of_release(release.manifest, str(manifest)) == PAYLOAD
    assert read_payload(str(manifest), "it") == (PAYLOAD, release.manifest)


def test_a_wrong_file_does_not_hide_the_right_one(kept):
    folder, release = kept
    (folder / "ota_rtos.bin").write_bytes(b"the next build's")
    (folder / "ota_rtos_ota.bin").write_bytes(release.image)
    assert found(kept) == PAYLOAD


def test_compressed_image_is_enough(given, tmp_path):
    release = make_release(*given.but(payload=PAYLOAD, elf=None, compress_xz=True))
    manifest = tmp_path / "ota_rtos_ota.json"
    manifest.write_bytes(release.manifest.to_json())
    kept = tmp_path / "ota_rtos_ota.bin.xz"
    kept.write_bytes(release.compressed[:2000])
    with pytest.raises(ProofError, match=r"ota_rtos_ota\.bin\.xz holds other bytes"):
        read_payload(str(manifest), "it")
    kept.write_bytes(release.compressed)
    assert read_payload(str(manifest), "it") == (PAYLOAD, release.manifest)
    assert read_payload(str(kept), "it") == (PAYLOAD, None)


def test_relative_manifest(kept, monkeypatch):
    folder, release = kept
    (folder / "ota_rtos_ota.bin").write_bytes(release.image)
    monkeypatch.chdir(folder)
    assert payload_of_release(release.manifest, "ota_rtos_ota.json") == PAYLOAD


REFUSED = {
    "nothing kept": (None, ["ota_rtos.bin is not there", "ota_rtos_ota.bin is not there"]),
    "one bit": (lambda image: bytes([image[0] ^ 1]) + image[1:], ["ota_rtos_ota.bin holds other bytes"]),
    "cut short": (lambda image: image[:4999], ["ota_rtos_ota.bin holds other bytes"]),
    "empty": (lambda image: b"", ["ota_rtos_ota.bin holds other bytes"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_not_found(kept, name):
    change, says = REFUSED[name]
    folder, release = kept
    if change:
        (folder / "ota_rtos_ota.bin").write_bytes(change(release.image))
    with pytest.raises(ProofError) as caught:
        found(kept)
    for part in [
        *says,
        "ota_rtos_ota.json: the payload of app-1.0.1",
        "\n  fix: keep each release's ota_rtos_ota.bin beside",
    ]:
        assert part in str(caught.value)


def test_folder_in_its_place(kept):
    (kept[0] / "ota_rtos.bin").mkdir()
    with pytest.raises(ProofError, match="is not there"):
        found(kept)


def test_file_that_is_written_now_does_not_count(kept):
    """Here today, gone after this build: the next one would fail."""
    folder, release = kept
    (folder / "ota_rtos_ota.bin").write_bytes(release.image)
    with pytest.raises(ProofError, match=r"ota_rtos_ota\.bin would be overwritten"):
        found(kept, overwritten=[str(folder / "x" / ".." / "ota_rtos_ota.bin")])


@pytest.mark.parametrize("name", ["../secret.bin", "/etc/passwd", "..", ".", "a\\b", "c:b", "a\0b"])
def test_names_that_lead_elsewhere_are_not_followed(kept, name):
    folder, release = kept
    (folder.parent / "secret.bin").write_bytes(PAYLOAD)
    strange = release.manifest._replace(
        payload=release.manifest.payload._replace(file=name),
        images=(Artifact(name, "full", 1, "0" * 32, "0" * 64), Artifact(name, "diff", 1, "0" * 32, "0" * 64)),
    )
    manifest = folder / "strange.json"
    manifest.write_bytes(strange.to_json())
    with pytest.raises(ProofError, match=r"beside its manifest: strange\.bin is not there"):
        payload_of_release(strange, str(manifest))
    with pytest.raises(FormatError, match="no diff image"):
        read_diff(str(manifest))


def test_stated_size_beyond_the_file_takes_no_memory(kept):
    folder, release = kept
    (folder / "ota_rtos.bin").write_bytes(PAYLOAD + b"more")
    huge = release.manifest._replace(payload=release.manifest.payload._replace(size=2**62))
    with pytest.raises(ProofError, match=r"ota_rtos\.bin holds other bytes"):
        payload_of_release(huge, str(folder / "m.json"))


# --- inside images


def test_payload_of_each_kind_of_file(signer):
    assert payload_in(PAYLOAD) == PAYLOAD
    assert payload_in(full.build(PAYLOAD, sign=None)) == PAYLOAD
    assert payload_in(full.build(PAYLOAD, sign=signer.sign_hash)) == PAYLOAD
    stream = xz.compress(PAYLOAD)
    assert payload_in(stream) == payload_in(full.build(stream, sign=signer.sign_hash)) == PAYLOAD
    for image, says in (
        (diff.create(PAYLOAD, PAYLOAD), "a diff image"),
        (stream[:100], "cannot be unpacked: .*cut short"),
    ):
        with pytest.raises(FormatError, match=says):
            payload_in(image)


@pytest.mark.parametrize("place", [0, 100, 5001, 5010, 5004 + 110, 5004 + 392 + 9])
def test_damaged_image_is_no_payload(signer, place):
    """Half an image must not pass for a payload: a diff from it would fit no device."""
    image = bytearray(full.build(PAYLOAD, sign=signer.sign_hash))
    image[place] ^= 1
    if place == 5010:  # padding_mode … reserved: nothing reads them, nothing covers them
        assert payload_in(bytes(image)) == PAYLOAD
        return
    with pytest.raises(FormatError, match="is damaged"):
        payload_in(bytes(image))


@pytest.mark.parametrize("missing", [1, 28, 100, 300])
def test_image_cut_short_is_no_payload(signer, missing):
    image = full.build(PAYLOAD, sign=signer.sign_hash)[:-missing]
    with pytest.raises(FormatError, match="end is missing"):
        payload_in(image)
    with pytest.raises(FormatError, match="end is missing"):
        full.refuse_image(image)
    assert not full.is_cut_short(image[: len(PAYLOAD)])


def test_a_payload_with_the_magic_of_a_signature_is_no_image_cut_short():
    magic = struct.pack("<I", 0xAABBCCDD)
    assert full.is_cut_short(bytes(900) + magic + bytes(3 + 97 + 60))
    assert not full.is_cut_short(bytes(900) + magic + bytes(3 + 96) + b"\1" + bytes(60))


@over(st.binary(min_size=1, max_size=300), st.booleans())
def test_image_and_back(payload, signed):
    if full.kind_of(payload) == "full":
        image = full.build(payload, sign=(lambda _: bytes(256)) if signed else None)
        assert payload_in(image) == payload


@over(st.binary(max_size=600))
def test_survives_any_bytes(data):
    try:
        assert data.startswith(payload_in(data))
    except OtaError as error:
        assert error.remedy


# --- a release's diff


@pytest.fixture
def next_kept(kept, given):
    folder, release = kept
    following = make_release(
        *given.but(
            payload=PAYLOAD[:2000] + b"new" + PAYLOAD[2000:],
            version="app-1.0.2",
            elf=None,
            base=release.manifest,
            base_payload=PAYLOAD,
        )
    )
    for name, data in {**following.images, "next.json": following.manifest.to_json()}.items():
        (folder / name).write_bytes(data)
    return folder, following


def test_diff_of_a_release(next_kept):
    folder, following = next_kept
    assert read_diff(str(folder / "next.json")) == (following.diff, following.manifest)
    assert read_diff(str(folder / "ota_rtos_ota.diff.bin")) == (following.diff, None)


def test_diff_that_the_manifest_does_not_list(next_kept):
    folder, following = next_kept
    (folder / "ota_rtos_ota.diff.bin").write_bytes(following.diff[:-1] + b"x")
    with pytest.raises(ProofError, match=r"ota_rtos_ota\.diff\.bin: these are not the bytes"):
        read_diff(str(folder / "next.json"))
    os.remove(folder / "ota_rtos_ota.diff.bin")
    with pytest.raises(OtaError, match="cannot read the diff image"):
        read_diff(str(folder / "next.json"))
