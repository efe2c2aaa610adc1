"""``aos-ota diff``, ``apply`` and ``sign --also diff`` on payloads, images and releases."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path

import pytest

KEYS = Path(__file__).parents[1] / "keys" / "data"
OLD = random.Random(1).randbytes(30_000)
NEW = OLD[:9000] + b"inserted" * 9 + OLD[9000:25_000] + random.Random(2).randbytes(500) + OLD[25_000:]


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "差分 包"
    path.mkdir()
    (path / "old.bin").write_bytes(OLD)
    (path / "new.bin").write_bytes(NEW)
    return path


@pytest.fixture
def releases(folder, run, key):
    """Two releases, each in a folder of its own with nothing but image and manifest."""
    for name, version, extra in (
        ("old", "app-1.0.0", ()),
        ("new", "app-1.0.1", ("--base-release", "1.0.0/ota_rtos_ota.json", "--also", "diff")),
    ):
        (folder / version[4:]).mkdir()
        done = run(
            "sign", f"{name}.bin", "--key", key, "--version", version, "-o", f"{version[4:]}/ota_rtos_ota.bin", *extra
        )
        assert done.returncode == 0, done.stderr
    return "1.0.0/ota_rtos_ota.json", "1.0.1/ota_rtos_ota.json"


def failed(done, folder, *says, output="p.bin"):
    assert done.returncode == 1
    assert done.stdout == ""
    error = done.stderr[done.stderr.index("aos-ota: error: ") :]
    assert "\n  fix: " in error
    for part in says:
        assert part in error
    assert not (folder / output).exists()
    assert not list(folder.glob(".*.tmp"))


def test_payloads(run, folder):
    done = run("diff", "old.bin", "new.bin", "-o", "p.bin")
    assert done.returncode == 0, done.stderr
    assert (folder / "p.bin").read_bytes().startswith(b"BSDIFF40")
    assert "not signed: for cloud mode" in done.stdout
    assert done.stderr == "making p.bin\n"
    done = run("apply", "old.bin", "p.bin", "-o", "made/新.bin")
    assert done.returncode == 0, done.stderr
    assert (folder / "made" / "新.bin").read_bytes() == NEW
    assert hashlib.sha256(NEW).hexdigest() in done.stdout


def test_signed_diff_of_releases(run, folder, releases, key):
    """Manifests with only the OTA image beside them; the same bytes as `sign --also diff` made."""
    old, new = releases
    done = run("diff", old, new, "--key", key, "-o", "p.bin", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report == {
        "file": "p.bin",
        "size": (folder / "p.bin").stat().st_size,
        "sha256": hashlib.sha256((folder / "p.bin").read_bytes()).hexdigest(),
        "old_sha256": hashlib.sha256(OLD).hexdigest(),
        "new_sha256": hashlib.sha256(NEW).hexdigest(),
        "signed_by": json.loads((folder / new).read_bytes())["key_fingerprint"],
        "smaller_than_compressed": True,
    }
    assert (folder / "p.bin").read_bytes() == (folder / "1.0.1" / "ota_rtos_ota.diff.bin").read_bytes()
    verify = run("verify", "p.bin", "--public-key", KEYS / "public.pem")
    assert verify.returncode == 0, verify.stdout
    for change in ("p.bin", new):
        done = run("apply", old, change, "-o", "made.bin")
        assert done.returncode == 0, done.stderr
        assert (folder / "made.bin").read_bytes() == NEW
        (folder / "made.bin").unlink()


def test_full_images_stand_for_their_payloads(run, folder, releases):
    done = run("diff", "1.0.0/ota_rtos_ota.bin", "1.0.1/ota_rtos_ota.bin", "-o", "p.bin")
    assert done.returncode == 0, done.stderr
    run("diff", "old.bin", "new.bin", "-o", "q.bin")
    assert (folder / "p.bin").read_bytes() == (folder / "q.bin").read_bytes()
    done = run("apply", "1.0.0/ota_rtos_ota.bin", "p.bin", "-o", "made.bin")
    assert (folder / "made.bin").read_bytes() == NEW


def test_sign_lists_the_diff_and_report_recommends_it(run, folder, releases):
    _, new = releases
    manifest = json.loads((folder / new).read_bytes())
    assert [image["kind"] for image in manifest["images"]] == ["full", "diff"]
    assert manifest["base"]["version"] == "app-1.0.0"
    done = run("report", new)
    assert "send: ota_rtos_ota.diff.bin" in done.stdout
    assert "note: ota_rtos_ota.diff.bin: only for devices that run app-1.0.0" in done.stdout
    assert "note: devices on another version need ota_rtos_ota.bin" in done.stdout


def test_sign_with_a_diff_needs_the_kept_payload(run, folder, releases, key):
    arguments = ("sign", "new.bin", "--key", key, "--version", "app-1.0.2", "--also", "diff")
    assert run(*arguments, "-o", "p.bin").returncode == 2
    (folder / "1.0.0" / "ota_rtos_ota.bin").unlink()
    failed(
        run(*arguments, "-o", "p.bin", "--base-release", "1.0.0/ota_rtos_ota.json"),
        folder,
        "is not kept beside its manifest",
    )
    before = (folder / "1.0.1" / "ota_rtos_ota.bin").read_bytes()
    done = run(*arguments, "-o", "1.0.1/ota_rtos_ota.bin", "--base-release", "1.0.1/ota_rtos_ota.json")
    failed(done, folder, "would be overwritten")
    assert (folder / "1.0.1" / "ota_rtos_ota.bin").read_bytes() == before


def test_says_when_a_diff_does_not_pay(run, folder):
    (folder / "new.bin").write_bytes(random.Random(7).randbytes(20_000))
    done = run("diff", "old.bin", "new.bin", "-o", "p.bin")
    assert done.returncode == 0, done.stderr
    assert "send that instead" in done.stdout
    assert (
        json.loads(run("diff", "old.bin", "new.bin", "-o", "p.bin", "--json").stdout)["smaller_than_compressed"]
        is False
    )


def test_diffs_that_the_release_s_devices_would_refuse(run, folder, releases, key):
    old, new = releases
    failed(run("diff", old, new, "-o", "p.bin"), folder, "are in local mode", "--key")
    failed(run("diff", new, old, "-o", "p.bin", "--key", key), folder, "devices on app-1.0.1 refuse app-1.0.0")
    other = folder / "other.pem"
    other.write_bytes((KEYS / "other-private.pem").read_bytes())
    other.chmod(0o600)
    failed(run("diff", old, new, "-o", "p.bin", "--key", other), folder, "trust key", "OTA_VERIFY_RSA_FAIL")
    manifest = json.loads((folder / old).read_bytes())
    (folder / old).write_text(json.dumps({**manifest, "security": "cloud"}))
    failed(run("diff", old, new, "-o", "p.bin", "--key", key), folder, "are in cloud mode", "leave --key out")
    assert run("diff", old, new, "-o", "p.bin").returncode == 0


@pytest.mark.parametrize("size, says", [("0x40000", "no room for a diff"), ("0x41000", "has room for 4096")])
def test_partition_too_small(run, folder, size, says):
    (folder / "new.bin").write_bytes(random.Random(7).randbytes(20_000))
    failed(run("diff", "old.bin", "new.bin", "-o", "p.bin", "--partition-size", size), folder, says)


def test_bad_input(run, folder, releases, key):
    old, new = releases
    (folder / "empty.bin").write_bytes(b"")
    (folder / "bad.json").write_text("{")
    patch = "1.0.1/ota_rtos_ota.diff.bin"
    failed(run("diff", "empty.bin", "new.bin", "-o", "p.bin"), folder, "empty.bin: the old payload is empty")
    failed(run("diff", "old.bin", "none.bin", "-o", "p.bin"), folder, "cannot read the new payload none.bin")
    failed(run("diff", "bad.json", "new.bin", "-o", "p.bin"), folder, "bad.json:1:2", "this is no manifest")
    failed(run("diff", patch, "new.bin", "-o", "p.bin"), folder, "this is a diff image, and holds no whole payload")
    failed(
        run("apply", "new.bin", patch, "-o", "p.bin"), folder, patch, "CRC-16", "exactly the payload it was made from"
    )
    failed(
        run("apply", "new.bin", new, "-o", "p.bin"), folder, "made from the payload of app-1.0.0, and this is another"
    )
    failed(
        run("apply", "old.bin", "new.bin", "-o", "p.bin"),
        folder,
        "new.bin: section at byte 0: it does not start with BSDIFF40",
    )
    failed(run("apply", "old.bin", old, "-o", "p.bin"), folder, "this release has no diff image")
    data = (folder / patch).read_bytes()
    (folder / "short.bin").write_bytes(data[:700])
    failed(run("apply", "old.bin", "short.bin", "-o", "p.bin"), folder, "short.bin: section at byte")
    for verb, first, second in (("diff", "old.bin", "new.bin"), ("apply", "old.bin", patch)):
        before = (folder / "old.bin").read_bytes()
        failed(run(verb, first, second, "-o", "./old.bin"), folder, "would be overwritten")
        assert (folder / "old.bin").read_bytes() == before
        assert run(verb, first, second).returncode == 2
        failed(run(verb, first, second, "-o", "old.bin/x"), folder, "cannot write")
