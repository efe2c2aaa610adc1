"""Kept releases: proven on the way in, never changed, listed, withdrawn, and bases of later ones."""

from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from aos_ota_plugin.cli.main import group
from aos_ota_plugin.errors import FormatError, OtaError, Place, ProofError, SettingsError
from aos_ota_plugin.files.lock import LOCK_NAME, BuildLock
from aos_ota_plugin.pipeline.fingerprint import Fingerprint
from aos_ota_plugin.pipeline.kept_releases import read_kept_releases, with_base_release
from aos_ota_plugin.pipeline.state import read_state, release_state, write_state
from aos_ota_plugin.release.make import make_release
from aos_ota_plugin.release.request import PayloadLayout, XzPayload
from aos_ota_plugin.settings.raw import Origin, RawSetting
from aos_ota_plugin.settings.resolve import resolve
from aos_ota_plugin.settings.secretfile import Secrets
from aos_ota_plugin.verify.kept_releases import Keeping, keep_release, withdraw_release
from aos_ota_plugin.verify.release_file import read_described

MANIFEST, IMAGE = "ota_rtos_ota.json", "ota_rtos_ota.bin"


@pytest.fixture
def solution(tmp_path):
    folder = tmp_path / "工作 区" / "solutions" / "s"
    folder.mkdir(parents=True)
    (tmp_path / "工作 区" / ".aos").write_bytes(b"")
    (folder / "package.yaml").write_text("name: s\nversion: v1\ndescription: d\ntype: solution\nhw_info:\ndepends:\n")
    shutil.copy(Path(__file__).parents[1] / "keys" / "data" / "private.pem", folder / "key.pem")
    (folder / "key.pem").chmod(0o600)
    return folder


@pytest.fixture
def built(solution, given, signer, build_firmware, linked):
    """``built(version, board)``: what a build of this version leaves in out/ota/BOARD/; returns the manifest's path."""

    def build(version, board="b", *, identity="kv", elf=True, **changes):
        firmware = build_firmware(signer.public_key, version.encode())
        changes = changes if elf is not None else {**changes, "elf": None}
        made = {**linked(firmware), "version": version, "board": board, "identity": identity}
        parts = given.but(**{**made, **changes})
        release = make_release(*parts)
        folder = solution / "out" / "ota" / (board or "none")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, data in release.images.items():
            (folder / name).write_bytes(data)
        (folder / MANIFEST).write_bytes(release.manifest.to_json())
        done = release_state(Fingerprint("0" * 64, "", ""), {}, [], {})
        write_state(str(folder / "release-state.json"), done)
        if elf:
            (folder / "s@b.elf").write_bytes(firmware)
        return str(folder / MANIFEST)

    return build


def settings_of(solution, **values):
    values = {"OTA_APP_VERSION": "app-1.2.0", "OTA_SIGNING_KEY": "key.pem", **values}
    layer = [
        RawSetting(name, value, value, Origin("package.yaml", Place("package.yaml", 7, 3)))
        for name, value in values.items()
    ]
    return resolve([layer], solution_dir=str(solution), secrets=Secrets())


def files(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def test_a_release_is_kept_whole_and_read_only(solution, built):
    manifest = built("app-1.0.0", compress_xz=True)
    kept = keep_release(manifest, str(solution))
    assert (kept.keeping, kept.folder) == (Keeping.NEW, str(solution / "releases" / "b" / "app-1.0.0"))
    names = {MANIFEST, IMAGE, IMAGE + ".xz", "ota_rtos.bin", "s@b.elf"}
    assert set(files(kept.folder)) == names
    assert files(kept.folder)[IMAGE].startswith(files(kept.folder)["ota_rtos.bin"])
    assert {path.stat().st_mode & 0o777 for path in Path(kept.folder).iterdir()} == {0o444}
    before = files(kept.folder)
    assert keep_release(manifest, str(solution)).keeping is Keeping.SAME
    other = built("app-1.0.0", payload=random.Random(3).randbytes(9000), elf=None)
    assert keep_release(other, str(solution)).keeping is Keeping.OTHER
    assert files(kept.folder) == before
    assert os.listdir(solution / "releases" / "b") == ["app-1.0.0"]


def test_each_payload_is_kept(solution, built, signer):
    """Some image steps make another payload for the compressed image than for the full one."""
    other = random.Random(5).randbytes(8000)
    xz_payload = XzPayload(other, "ota_rtos_all.bin", PayloadLayout())
    manifest = built("app-1.0.0", elf=None, compress_xz=True, xz_payload=xz_payload)
    kept = files(keep_release(manifest, str(solution), key=lambda: signer.public_key).folder)
    assert kept["ota_rtos_all.bin"] == other
    assert kept[IMAGE].startswith(kept["ota_rtos.bin"])


def test_what_is_not_sound_is_not_kept(solution, built, build_firmware, signer, other):
    manifest = Path(built("app-1.0.0"))
    image, elf = manifest.parent / IMAGE, manifest.parent / "s@b.elf"
    good = image.read_bytes()
    for spoil, says in (
        (lambda: image.write_bytes(good[:-1] + b"x"), "not the bytes that the manifest lists"),
        (image.unlink, "cannot read"),
        (lambda: elf.write_bytes(build_firmware(signer.public_key, b"app-0.9.9")), "does not hold the version"),
        (lambda: elf.write_bytes(build_firmware(other.public_key, b"app-1.0.0")), "this ELF holds the key"),
        (elf.unlink, "no key is known"),
        (lambda: shutil.copy(elf, manifest.parent / "t.elf"), "there are 2 ELF files"),
    ):
        built("app-1.0.0")
        spoil()
        with pytest.raises(OtaError, match=says) as caught:
            keep_release(str(manifest), str(solution))
        assert caught.value.remedy
        assert not (solution / "releases" / "b").exists() or os.listdir(solution / "releases" / "b") == []
    built("app-1.0.0", elf=False)
    with pytest.raises(ProofError, match="refuse this image"):
        keep_release(str(manifest), str(solution), key=lambda: other.public_key)
    assert keep_release(str(manifest), str(solution), key=lambda: signer.public_key).keeping is Keeping.NEW


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"version": "../../../x"}, "\"version\" contains '/'"),
        ({"version": ".."}, "the version '..' is no name of a folder"),
        ({"board": "../b"}, "the board '../b' is no name of a folder"),
        ({"payload": {"file": "../../../../x"}}, "or one outside its folder"),
        ({"payload": {"file": MANIFEST}}, "which is another file of the release"),
        ({"solution": "t"}, "this release is one of t, and the solution here is s"),
    ],
)
def test_a_manifest_that_leads_elsewhere_is_refused(solution, built, signer, tmp_path, changes, says):
    """Its signature covers the images, not what it says itself: one from elsewhere may say anything."""
    manifest = Path(built("app-1.0.0", elf=False))
    document = json.loads(manifest.read_bytes())
    for name, value in changes.items():
        document[name] = {**document[name], **value} if isinstance(value, dict) else value
    manifest.write_text(json.dumps(document), encoding="utf-8")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises((FormatError, ProofError)) as caught:
        keep_release(str(manifest), str(solution), key=lambda: signer.public_key)
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"{manifest}: ")
    assert [path for path in sorted(tmp_path.rglob("*")) if path.is_file()] == [
        path for path in before if path.is_file()
    ]


def test_what_a_killed_keeping_left_goes(solution, built):
    left = solution / "releases" / "b" / ".app-1.0.0.0123456789ab.tmp"
    left.mkdir(parents=True)
    (left / IMAGE).write_bytes(b"half")
    keep_release(built("app-1.0.0"), str(solution))
    assert os.listdir(solution / "releases" / "b") == ["app-1.0.0"]


@pytest.mark.skipif(os.name != "posix", reason="permission bits")
def test_an_embedded_identity_is_its_owners_alone(solution, built):
    kept = keep_release(built("app-1.0.0", identity="embedded"), str(solution))
    assert {path.stat().st_mode & 0o777 for path in Path(kept.folder).iterdir()} == {0o400}


@pytest.fixture
def kept(solution, built):
    for version, board in (("app-1.0.9", "b"), ("app-1.0.10", "b"), ("app-1.1.0", "b"), ("app-1.1.5", "c")):
        keep_release(built(version, board), str(solution))
    flat = solution / "releases" / "app-0.9.0"
    flat.mkdir()
    shutil.copy(built("app-0.9.0", None), flat)
    keep_release(built("app-1.1.2", None), str(solution))
    return solution


def versions(solution, board):
    return [release.version for release in read_kept_releases(str(solution), board)]


def test_releases_are_those_of_the_board_in_the_order_of_devices(kept):
    assert versions(kept, "b") == ["app-0.9.0", "app-1.0.10", "app-1.0.9", "app-1.1.0"]
    assert versions(kept, "c") == ["app-0.9.0", "app-1.1.5"]
    assert versions(kept, None) == ["app-0.9.0", "app-1.1.2"]
    assert versions(kept / "nowhere", "b") == []


def base_of(solution, board="b", **values):
    path = with_base_release(settings_of(solution, **values), board).base_release
    return path and os.path.relpath(path, solution)


def test_a_base_is_named_by_version_or_is_the_latest(kept, built):
    place = os.path.join("releases", "b", "{}", MANIFEST).format
    assert base_of(kept) is None
    assert base_of(kept, OTA_BASE_RELEASE="app-1.0.9") == place("app-1.0.9")
    assert base_of(kept, OTA_BASE_RELEASE="latest") == place("app-1.1.0")
    # Devices compare bytes: app-1.0.95 is newer than app-1.0.9 and app-1.0.10, and app-1.0.5 newer than app-1.0.10.
    assert base_of(kept, OTA_BASE_RELEASE="latest", OTA_APP_VERSION="app-1.0.95") == place("app-1.0.9")
    assert base_of(kept, OTA_BASE_RELEASE="latest", OTA_APP_VERSION="app-1.0.5") == place("app-1.0.10")
    assert base_of(kept, OTA_BASE_RELEASE="releases/app-0.9.0/ota_rtos_ota.json").startswith("releases")
    withdraw_release(str(kept), "b", "app-1.1.0")
    assert base_of(kept, OTA_BASE_RELEASE="latest") == place("app-1.0.9")
    # Which ones would refuse the version is told.
    assert with_base_release(settings_of(kept, OTA_BASE_RELEASE="latest"), "b").notices == ()
    [notice] = with_base_release(settings_of(kept, OTA_BASE_RELEASE="latest", OTA_APP_VERSION="app-1.0.5"), "b").notices
    assert notice.startswith("devices on app-1.0.9, kept here, refuse app-1.0.5")
    (kept / "latest").write_text("{}")
    assert base_of(kept, OTA_BASE_RELEASE="latest") == "latest"  # a file of that name is meant


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"OTA_BASE_RELEASE": "app-1.0.1"}, "no release app-1.0.1 of the board b is kept"),
        ({"OTA_BASE_RELEASE": "latest", "OTA_APP_VERSION": "app-0.1"}, "no kept release of the board b is older than"),
        ({"OTA_BASE_RELEASE": "app-1.1.5"}, "kept are: app-0.9.0, app-1.0.10"),
        ({"OTA_BASE_RELEASE": "app-1.0.9"}, "belongs to a release that is withdrawn"),
        ({"OTA_BASE_RELEASE": f"releases/b/app-1.0.9/{MANIFEST}"}, "belongs to a release that is withdrawn"),
    ],
)
def test_bases_that_are_refused(kept, values, says):
    withdraw_release(str(kept), "b", "app-1.0.9")
    with pytest.raises((SettingsError, ProofError)) as caught:
        base_of(kept, **values)
    assert says in str(caught.value)
    assert str(caught.value).startswith("package.yaml:7:3: ")


@pytest.mark.parametrize("word", ["latest", "all", "none", "Latest"])
def test_words_that_name_releases_are_no_versions(solution, word):
    with pytest.raises(SettingsError, match="it is no version"):
        settings_of(solution, OTA_APP_VERSION=word)


def test_a_withdrawn_release_is_not_handed_on(kept):
    image = kept / "releases" / "b" / "app-1.1.0" / IMAGE
    read_described(str(image), "the file", "give it", others=False)
    withdraw_release(str(kept), "b", "app-1.1.0")
    assert withdraw_release(str(kept), "b", "app-1.1.0").withdrawn  # again
    with pytest.raises(SettingsError, match="no release app-9 of the board b is kept\n  fix: kept are: app-"):
        withdraw_release(str(kept), "b", "app-9")
    with pytest.raises(ProofError, match="belongs to a release that is withdrawn"):
        read_described(str(image), "the file", "give it", others=False)
    words = [
        "sign",
        "x",
        "--key",
        "key.pem",
        "--version",
        "app-2",
        "-o",
        "y",
        "--base-release",
        str(image.with_name(MANIFEST)),
    ]
    signed = CliRunner().invoke(group, words)
    assert "belongs to a release that is withdrawn" in str(signed.exception)


def test_the_command_keeps_lists_and_withdraws(solution, built, monkeypatch):
    monkeypatch.chdir(solution)

    def release(*words, status=0):
        done = CliRunner().invoke(group, ("release", *words))
        assert done.exit_code == status, done.output
        return done.output

    with pytest.raises(SettingsError, match="nothing is built here"):
        CliRunner().invoke(group, ["release"], catch_exceptions=False, standalone_mode=False)
    built("app-1.0.0")
    built("app-1.0.1", "c")
    assert release().endswith("app-1.0.1 kept\n")
    assert release("-b", "b").startswith(str(solution / "releases" / "b" / "app-1.0.0"))
    assert "kept already" in release("-b", "b")
    assert "kept already" in release(os.path.join("releases", "b", "app-1.0.0"))  # a folder, as verify-release takes
    assert json.loads(release("-b", "b", "--json"))["new"] is False
    assert "app-1.0.1" in release("--list")
    assert "app-1.0.0 withdrawn" in release("--withdraw", "app-1.0.0", "-b", "b")
    [listed] = json.loads(release("--list", "-b", "b", "--json"))["releases"]
    assert (listed["version"], listed["board"], listed["withdrawn"]) == ("app-1.0.0", "b", True)
    release("--list", "--withdraw", "app-1.0.0", status=2)


def test_the_command_finds_the_elf_of_the_manifest_beside_the_images(solution, built, tmp_path):
    """Users see the copy beside ota_rtos.bin, where no ELF lies."""
    beside = tmp_path / "ota_bin"
    beside.mkdir()
    shutil.copy(built("app-1.0.0"), beside)
    done = CliRunner().invoke(group, ["release", "-C", str(solution), str(beside / MANIFEST)])
    assert done.exit_code == 0, done.output
    assert "s@b.elf" in files(solution / "releases" / "b" / "app-1.0.0")


def test_one_damaged_release_leaves_the_others_in_use(kept):
    manifest = kept / "releases" / "b" / "app-1.0.10" / MANIFEST
    manifest.chmod(0o600)
    manifest.write_bytes(b"x")
    assert base_of(kept, OTA_BASE_RELEASE="app-1.0.9").endswith(os.path.join("app-1.0.9", MANIFEST))
    assert withdraw_release(str(kept), "b", "app-1.0.9").withdrawn
    listed = CliRunner().invoke(group, ["release", "-C", str(kept), "-b", "b", "--list"])
    assert "app-1.1.0" in listed.output
    fix = f"restore it from a copy, or remove its folder {manifest.parent}"
    assert (listed.exit_code, listed.exception.remedy) == (1, fix)
    for name in ("latest", "app-1.0.10"):
        with pytest.raises(FormatError, match="1:1: this is no manifest") as caught:
            base_of(kept, OTA_BASE_RELEASE=name)
        assert caught.value.remedy == fix


def test_the_command_keeps_nothing_of_a_build_that_runs_or_did_not_end(solution, built):
    manifest = Path(built("app-1.0.0"))
    state = read_state(str(manifest.with_name("release-state.json")), None)
    write_state(str(manifest.with_name("release-state.json")), state.replaced_by({}))
    refused = CliRunner().invoke(group, ["release", "-C", str(solution)])
    assert "did not come to its end" in str(refused.exception)
    write_state(str(manifest.with_name("release-state.json")), state)
    running = BuildLock(solution / "out" / "ota" / LOCK_NAME)
    running.acquire()
    busy = CliRunner().invoke(group, ["release", "-C", str(solution)])
    assert "another build of this solution is running" in str(busy.exception)
    running.release()
    assert not (solution / "releases").exists()
    assert CliRunner().invoke(group, ["release", "-C", str(solution)]).exit_code == 0
