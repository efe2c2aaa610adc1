"""The diff image of a release: made from exactly the base's payload, proven on the model, within the device's limits."""

from __future__ import annotations

import hashlib
import importlib.util
import random
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as over
from hypothesis import strategies as st

from aos_ota_plugin.errors import FormatError, ProofError
from aos_ota_plugin.images import diff, full, xz
from aos_ota_plugin.release import diffs
from aos_ota_plugin.release.make import make_release
from aos_ota_plugin.release.manifest import parse_manifest
from aos_ota_plugin.release.names import diff_name

_spec = importlib.util.spec_from_file_location(
    "nbdiff_reference", Path(__file__).parents[1] / "images" / "nbdiff_reference.py"
)
reference = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(reference)

OLD = reference.firmware(60_000)
NEW = reference.updated(OLD)
ROOM = 0x80000


@pytest.fixture
def with_diff(given):
    """app-1.0.1 with a diff from app-1.0.0."""
    base = make_release(*given.but(payload=OLD, version="app-1.0.0", elf=None)).manifest
    return given.but(payload=NEW, elf=None, base=base, base_payload=OLD)


def proven(old, new, patch, *, partition_size, sign):
    return diffs.prove_diff(old, new, diff.build(patch, sign=sign), partition_size=partition_size)


def trailer_of(image, body_size):
    return image[body_size : body_size + 4], image[body_size + 4 : -28], image[-28:]


@pytest.mark.skipif(not shutil.which("xz"), reason="no xz")
def test_the_image_makes_the_new_payload_by_an_independent_reader(with_diff, signer):
    release = make_release(*with_diff)
    made, sizes = reference.reference_apply(OLD, release.diff)
    assert made[: len(NEW)] == NEW
    assert max(sizes) <= 0x40000
    # The trailer, read with nothing of ours but the key.
    padding, sign_info, _ = trailer_of(release.diff, len(release.diff) - 424)
    assert padding == b"\xff" * 4
    assert sign_info[104:136] == hashlib.sha256(release.diff[:-420]).digest()
    assert signer.public_key.verify_hash(sign_info[104:136], sign_info[136:])


def test_the_manifest_lists_it_with_its_base_and_proofs(with_diff):
    release = make_release(*with_diff.but(compress_xz=True))
    manifest = parse_manifest(release.manifest.to_json(), file="m")
    assert [(image.file, image.kind) for image in manifest.images] == [
        ("ota_rtos_ota.bin", "full"),
        ("ota_rtos_ota.bin.xz", "xz"),
        ("ota_rtos_ota.diff.bin", "diff"),
    ]
    listed = manifest.images[2]
    assert (listed.size, listed.sha256) == (len(release.diff), hashlib.sha256(release.diff).hexdigest())
    assert release.images["ota_rtos_ota.diff.bin"] == release.diff
    assert manifest.base.payload_sha256 == hashlib.sha256(OLD).hexdigest()
    rules = {proof.rule: proof.detail for proof in manifest.proofs}
    assert {
        "diff: base",
        "diff: applied in place",
        "diff: device limits",
        "diff, device: signature",
        "diff, device: hash",
        "diff, device: partition",
    } <= set(rules)
    assert hashlib.sha256(OLD).hexdigest() in rules["diff: base"]


@pytest.mark.parametrize("security", ["cloud", "none"])
def test_no_trailer_where_we_do_not_sign(with_diff, signer, security):
    key = signer.public_key if security == "cloud" else None
    base = with_diff.base.manifest._replace(security=security, key_fingerprint=key.fingerprint if key else None)
    release = make_release(*with_diff.but(security=security, signer=None, public_key=key, base=base))
    assert diff.parse(release.diff)[-1].tail_size == 0
    assert diff.apply(OLD, release.diff) == NEW


def test_same_inputs_same_bytes(with_diff):
    assert make_release(*with_diff).images == make_release(*with_diff).images


def test_no_diff_unless_asked_for(given):
    assert make_release(*given).diff is None


REFUSED = {
    "another payload than the base's": (
        {"base_payload": OLD[:-1] + b"\0"},
        "the payload to make the diff from is not that of app-1.0.0",
    ),
    "no room for a diff at all": ({"partition_size": 0x40000}, "has no room for a diff"),
    "no room for this diff": (
        {"partition_size": 0x41000, "payload": random.Random(3).randbytes(50_000)},
        "has room for 4096",
    ),
    "a payload that leaves no sector": (
        {"partition_size": 0x41000, "payload": bytes(range(256)) * 0x400 + b"x"},
        "do not fit an application",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(with_diff, build_firmware, signer, name):
    change, says = REFUSED[name]
    with pytest.raises(ProofError) as caught:
        make_release(*with_diff.but(**change))
    assert says in str(caught.value)
    assert "\n  fix: " in str(caught.value)


def test_file_size_counts_the_trailer(signer):
    """The patch alone fits, the signed image does not."""
    old = random.Random(5).randbytes(5000)
    new = old[:100] + random.Random(6).randbytes(3500) + old[:1000]
    patch = diffs.make_patch(old, new, partition_size=ROOM)
    assert 4096 - 424 < len(patch) <= 4096
    proven(old, new, patch, partition_size=0x41000, sign=None)
    with pytest.raises(ProofError, match="the device has room for 4096"):
        proven(old, new, patch, partition_size=0x41000, sign=signer.sign_hash)


def test_patch_of_other_payloads_is_found_out():
    """What is proven is what devices do, whoever made the patch."""
    patch = diffs.make_patch(OLD, NEW, partition_size=ROOM)
    with pytest.raises(ProofError, match="does not make the new payload"):
        proven(OLD, NEW[:-1] + b"\1", patch, partition_size=ROOM, sign=None)
    with pytest.raises(ProofError, match="devices would refuse the diff image"):
        proven(OLD[::-1], NEW, patch, partition_size=ROOM, sign=None)
    with pytest.raises(FormatError):
        proven(OLD, NEW, b"no patch", partition_size=ROOM, sign=None)


def test_sections_made_against_the_old_image_are_found_out():
    """The fault that bricks devices: a second section against the old payload, not against what the flash holds then."""
    old = reference.firmware(0x6000)
    new = random.Random(9).randbytes(0x100) + old
    cuts = [new[at : at + 0x2000] for at in range(0, 0x6000, 0x2000)]
    sections = b"".join(
        reference.make_section(cut, [(len(cut), 0, 0)], bytes((b - a) & 0xFF for a, b in zip(old, cut)), b"")
        for cut in cuts
    )
    # Each applies to the start of the old payload; the second finds the first one's bytes there.
    with pytest.raises(ProofError, match=r"devices would refuse the diff image: section at byte [1-9]\d+: .*CRC-16"):
        proven(old, new[:0x6000], sections, partition_size=ROOM, sign=None)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@over(
    old=st.binary(min_size=1, max_size=6000), edits=st.integers(0, 6), seed=st.integers(0, 1000), signed=st.booleans()
)
def test_any_pair(signer, old, edits, seed, signed):
    new = reference.updated(old, seed=seed, edits=edits) or b"\0"
    patch = diffs.make_patch(old, new, partition_size=ROOM)
    made = proven(old, new, patch, partition_size=ROOM, sign=signer.sign_hash if signed else None)
    assert diff.apply(old, made.image) == new
    assert diff.patch_of(made.image) == patch


@pytest.mark.parametrize("change", ["key", "mode"])
def test_no_diff_when_key_or_mode_change(with_diff, other, change):
    """Its devices are those of the base release: they check it with the key that they have."""
    changed = with_diff.but(
        elf=None, allow_new_key=True, **({"signer": other} if change == "key" else {"security": "none", "signer": None})
    )
    with pytest.raises(
        ProofError, match=r"only devices on app-1\.0\.0 can apply this diff, and they are in local mode"
    ):
        make_release(*changed)
    assert make_release(*changed.but(base_payload=None)).diff is None


# --- is it worth it


def test_compressed_size_is_exact_where_it_decides():
    exact = len(full.build(xz.compress(NEW), sign=None))
    bound = len(xz.encode(NEW, xz.PRESET_9E, xz.IMAGE_DICT_SIZE)) + 32
    assert diffs.compressed_size(NEW, signed=False, other=bound - 1) == exact
    assert exact <= diffs.compressed_size(NEW, signed=False, other=10) == bound
    assert diffs.compressed_size(NEW, signed=False, other=bound + 1) == bound
    assert diffs.compressed_size(NEW, signed=True, other=bound - 1 + 392) == exact + 392


def test_compressed_size_is_known_whether_or_not_an_xz_image_is_made(with_diff):
    release = make_release(*with_diff.but(compress_xz=True))
    assert release.compressed_size == len(release.compressed)
    alone = make_release(*with_diff)
    assert alone.compressed is None
    assert len(release.compressed) <= alone.compressed_size <= 1.1 * len(release.compressed)


@pytest.mark.parametrize(
    "image, name",
    [
        ("ota_rtos_ota.bin", "ota_rtos_ota.diff.bin"),
        ("a/b.bin", "a/b.diff.bin"),
        ("image", "image.diff.bin"),
        ("图.BIN", "图.diff.bin"),
        ("v1.0", "v1.0.diff.bin"),
    ],
)
def test_name(image, name):
    assert diff_name(image) == name
