"""Parts of the last release are reused only where this one would make the same; then nothing slow is done."""

from __future__ import annotations

import hashlib
import random

import pytest
from release_parts import ReleaseParts

from aos_ota_plugin.images import diff, xz
from aos_ota_plugin.pipeline import release_cache
from aos_ota_plugin.release.make import make_release

OLD = random.Random(1).randbytes(8000)
NEW = OLD[:3000] + b"inserted" + OLD[3000:]


class CountingSigner:
    def __init__(self, signer):
        self.signer, self.signed = signer, 0

    @property
    def public_key(self):
        return self.signer.public_key

    def sign_hash(self, hash32):
        self.signed += 1
        return self.signer.sign_hash(hash32)


@pytest.fixture
def asked(given):
    base = make_release(*given.but(payload=OLD, version="app-1.0.0", elf=None)).manifest
    return given.but(payload=NEW, elf=None, base=base, base_payload=OLD, compress_xz=True)


@pytest.fixture
def left(asked, tmp_path):
    """The last release as it lies on the disk: its folder, its manifest's path, the digests that the state has."""
    release = make_release(*asked)
    folder = tmp_path / "输 出"
    folder.mkdir()
    outputs = {}
    for name, data in {**release.images, "ota_rtos_ota.json": release.manifest.to_json()}.items():
        (folder / name).write_bytes(data)
        outputs[str(folder / name)] = hashlib.sha256(data).hexdigest()
    return folder, str(folder / "ota_rtos_ota.json"), outputs


def again(given, left):
    _, manifest, outputs = left
    reused = release_cache.reuse_last(given.firmware, given.keys, given.base, outputs, manifest)
    return ReleaseParts(*reused, given.options)


@pytest.fixture
def no_work(monkeypatch):
    """Nothing slow may run."""

    def forbidden(*arguments, **options):
        raise AssertionError("made again")

    monkeypatch.setattr(diff, "create", forbidden)
    monkeypatch.setattr(xz, "compress", forbidden)


def other_base(given):
    older = OLD[:-5]
    base = make_release(
        *given.but(payload=older, version="app-0.9.0", elf=None, base=None, base_payload=None, compress_xz=False)
    ).manifest
    return given.but(base=base, base_payload=older)


def test_nothing_changed(asked, left, no_work):
    counting = CountingSigner(asked.keys.signer)
    folder, _, _ = left
    release = make_release(*again(asked.but(signer=counting), left))
    assert counting.signed == 0
    assert release.images == {name: (folder / name).read_bytes() for name in release.images}
    assert release.manifest.to_json() == (folder / "ota_rtos_ota.json").read_bytes()


def test_another_base_remakes_the_diff_alone(asked, left, monkeypatch):
    scratch = make_release(*other_base(asked))
    monkeypatch.setattr(xz, "compress", None)
    counting = CountingSigner(asked.keys.signer)
    told = []
    release = make_release(
        *again(other_base(asked).but(signer=counting), left), progress=lambda name, *_: told.append(name)
    )
    assert counting.signed == 1
    assert set(told) == {"ota_rtos_ota.diff.bin"}
    assert release.images == scratch.images
    assert release.manifest == scratch.manifest


def test_a_new_version_number_of_the_same_payload_keeps_the_diff(asked, left, no_work):
    release = make_release(*again(asked.but(elf=None, version="app-1.0.2"), left))
    assert release.manifest.version == "app-1.0.2"
    assert diff.apply(OLD, release.diff) == NEW


def test_another_key_signs_anew(asked, left, other, no_work):
    counting = CountingSigner(other)
    base = asked.base.manifest._replace(key_fingerprint=other.public_key.fingerprint)
    release = make_release(*again(asked.but(elf=None, signer=counting, base=base), left))
    assert counting.signed == 3
    assert (
        release.images
        == make_release(
            *asked.but(
                elf=None,
                signer=other,
                base=base,
                stream=again(asked, left).firmware.stream,
                patch=again(asked, left).base.patch,
            )
        ).images
    )


def test_from_signed_to_cloud_keeps_what_has_no_trailer(asked, left, signer, no_work):
    base = asked.base.manifest._replace(security="cloud")
    release = make_release(
        *again(asked.but(security="cloud", signer=None, public_key=signer.public_key, base=base), left)
    )
    assert diff.parse(release.diff)[-1].tail_size == 0
    assert diff.apply(OLD, release.diff) == NEW


@pytest.mark.parametrize("change", ["payload", "tool", "manifest", "no manifest", "state"])
def test_not_what_this_release_would_make(asked, left, change):
    folder, manifest, outputs = left
    given = asked
    if change == "payload":
        given = asked.but(payload=NEW + b"\0")
    elif change == "tool":
        data = (
            (folder / "ota_rtos_ota.json")
            .read_bytes()
            .replace(b'"tool": "aos_ota_plugin ', b'"tool": "aos_ota_plugin 0.')
        )
        (folder / "ota_rtos_ota.json").write_bytes(data)
        outputs[manifest] = hashlib.sha256(data).hexdigest()
    elif change == "manifest":
        (folder / "ota_rtos_ota.json").write_bytes(b"{}")
    elif change == "no manifest":
        (folder / "ota_rtos_ota.json").unlink()
    else:
        outputs.clear()
    assert again(given, left) == given


def test_a_manifest_that_the_state_holds_but_nobody_can_read(asked, left):
    folder, manifest, outputs = left
    (folder / "ota_rtos_ota.json").write_bytes(b"{}")
    outputs[manifest] = hashlib.sha256(b"{}").hexdigest()
    assert again(asked, left) == asked


@pytest.mark.parametrize("name, lost", [("ota_rtos_ota.diff.bin", "patch"), ("ota_rtos_ota.bin.xz", "stream")])
@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_a_file_that_someone_changed_is_made_anew(asked, left, name, lost, damage):
    folder, _, _ = left
    original = (folder / name).read_bytes()
    if damage == "gone":
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(original[:-1] + b"x")
    given = again(asked, left)
    kept = {"patch", "stream"} - {lost}
    found = {"stream": given.firmware.stream, "patch": given.base.patch}
    assert found[lost] is None
    assert all(found[other] for other in kept)
    assert make_release(*given).images[name] == original


def test_repr_shows_no_bytes(asked, left):
    assert "BSDIFF" not in repr(again(asked, left))
