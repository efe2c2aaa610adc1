"""Files that version 0.1.0 wrote are read with the values that it put into them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from aos_ota_plugin.cloud.rollout import Job, PackageState, Task, TaskState
from aos_ota_plugin.cloud.storage import Product, Storage
from aos_ota_plugin.keys.approval import ApprovalSigner, parse_approval
from aos_ota_plugin.keys.public import parse_public_key
from aos_ota_plugin.keys.ring import parse_ring
from aos_ota_plugin.protocol.login import Identity
from aos_ota_plugin.release.manifest import parse_manifest
from aos_ota_plugin.settings.resolve import resolve
from aos_ota_plugin.settings.sources import read_ota_config

FILES = Path(__file__).parent / "0.1.0"
FIELD = "594b2fe195d5e7a1934695c80b16d5ce96587ed211e2df1a23a67b56c85d6160"
SECOND = "833269d641f21fe176accdda520ce4e8e2f1aa42e655b8b08fc285b4cee0c8d3"
OLD = "7c440f8e8eac75a97b984f266d8a63292b668807da0983bcd0d6b8ba0fd37a62"
NEXT = "6ffce3eef220417bf2281213c77041c7840d19712eede273c34ecd72e4b43995"


def manifest(name):
    return parse_manifest((FILES / name).read_bytes(), file=name)


@pytest.mark.parametrize(
    "name, version, security, signer, kinds",
    [
        ("local.json", "app-1.0.0", "local", FIELD, ["full"]),
        ("approved-with-xz-and-diff.json", "app-1.0.1", "local", FIELD, ["full", "xz", "diff"]),
        ("with-modules.json", "app-1.0.0", "local", FIELD, ["full"]),
        ("transition.json", "app-1.1.0", "local", OLD, ["full"]),
        ("cloud.json", "app-1.0.0", "cloud", None, ["full"]),
        ("none.json", "app-1.0.0", "none", None, ["full"]),
    ],
)
def test_manifests(name, version, security, signer, kinds):
    read = manifest(name)
    assert (read.version, read.security, read.signer, [image.kind for image in read.images]) == (
        version,
        security,
        signer,
        kinds,
    )
    assert (read.solution, read.board, read.tool) == ("ota_demo", "haas100", "aos_ota_plugin 0.1.0")
    document = json.loads((FILES / name).read_bytes())
    assert read.payload.sha256 == document["payload"]["sha256"]
    assert [proof.rule for proof in read.proofs] == [proof["rule"] for proof in document["proofs"]]
    # What it did not have is empty, and read again as it is written today.
    assert (read.excused, read.not_judged) == ((), ())
    assert parse_manifest(read.to_json(), file=name) == read


def test_a_manifests_base_approval_and_modules():
    read = manifest("approved-with-xz-and-diff.json")
    assert (read.base.version, read.base.payload_sha256) == ("app-1.0.0", manifest("local.json").payload.sha256)
    assert read.approval.key_fingerprint == SECOND
    (module,) = manifest("with-modules.json").modules
    assert (module.name, module.version, module.store_path, module.image.size) == (
        "js",
        "js-1.0.1",
        "/data/js/app.bin",
        120,
    )


def test_a_transition_of_an_application():
    """Signed by the key that devices trust, with the next one in it; its image replaces an application."""
    read = manifest("transition.json")
    assert read.is_transition
    assert read.key_fingerprint == "b97d8b7231a57a0097e692f8e72e0235e2c51483b9baea6a4c98de8141ae26b2"
    assert read.image_magic == "APP"
    rules = {proof.rule: proof.detail for proof in read.proofs}
    assert rules["public key in the firmware"].endswith("the next key")


def test_an_approval_still_holds():
    key = parse_public_key((FILES / "second.pub.pem").read_bytes(), file="second.pub.pem")
    approval = parse_approval((FILES / "approval.json").read_bytes(), file="approval.json")
    assert (key.fingerprint, approval.hash32.hex()) == (
        SECOND,
        "c9670103f0088d819e0066537628250d24420af5f8c498c2798c4e02580d2c15",
    )
    signature = ApprovalSigner(key, approval, file="approval.json").sign_hash(approval.hash32)
    assert key.verify_hash(approval.hash32, signature)


def test_a_key_ring():
    ring = parse_ring((FILES / "ota.keys.yaml").read_text(encoding="utf-8"), "ota.keys.yaml")
    assert (ring.current.fingerprint, ring.next.fingerprint, ring.next.public_key) == (FIELD, NEXT, "next.pub.pem")
    assert [(key.fingerprint, key.note) for key in ring.retired] == [(SECOND, "丢失的笔记本")]


def test_a_configuration_with_a_setting_that_is_gone(tmp_path):
    raw = read_ota_config((FILES / "ota.config").read_text(encoding="utf-8"), "ota.config")
    settings = resolve((raw,), solution_dir=str(tmp_path), secrets={})
    assert settings.app_version == "app-1.2.3"
    assert settings.compress_xz is True
    assert settings.signing_key.file.endswith("c.pem")
    assert '"b" $c' in settings.signing_key.file
    assert ["OTA_WARN_SHARED_KEY" in notice for notice in settings.notices] == [True]


def test_the_clouds_database(tmp_path):
    path = tmp_path / "cloud.sqlite"
    shutil.copyfile(FILES / "cloud.sqlite", path)
    with Storage(path) as storage:
        assert storage.products() == [Product("a1b2c3", "锁", True)]
        lock = storage.identity("a1b2c3", "lock-1")
        assert lock == Identity("a1b2c3", "lock-1", "secret of the lock")
        assert {device.device_name: device.gateway for device in storage.devices()} == {
            "gateway": None,
            "lock-1": "gateway",
        }
        assert storage.versions()[("a1b2c3", "lock-1")] == {"default": "app-1.0.0"}
        (package,) = storage.packages()
        assert (package.name, package.version, package.size, package.digestsign, package.state) == (
            "first",
            "app-1.0.1",
            1234,
            "AQID",
            PackageState.VERIFIED,
        )
        assert storage.jobs() == [Job(1, 1, "batch", rate=60, retries=2, retry_after=30.0, timeout=600.0)]
        assert storage.tasks() == [
            Task(
                1,
                "a1b2c3",
                "lock-1",
                TaskState.IN_PROGRESS,
                1700000001.0,
                1700000002.0,
                step=40,
                attempts=1,
                desc="half",
            )
        ]
