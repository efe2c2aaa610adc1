"""A kept release, sound and spoilt in every way that matters, before ``aos-ota verify-release``."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from softhsm import PIN

from aos_ota_plugin.errors import OutputError, SigningKeyError
from aos_ota_plugin.keys.signer import load_signer
from aos_ota_plugin.pipeline.build import build_release
from aos_ota_plugin.pipeline.build_environment import BuildEnvironment
from aos_ota_plugin.pipeline.keyset import BuildKeys
from aos_ota_plugin.pipeline.site import Site
from aos_ota_plugin.provenance.component import Component
from aos_ota_plugin.provenance.dsse import seal
from aos_ota_plugin.settings.raw import Origin, RawSetting
from aos_ota_plugin.settings.resolve import resolve
from aos_ota_plugin.settings.secretfile import Secrets

TESTS = Path(__file__).parents[1]
KEYS = TESTS / "keys" / "data"
_spec = importlib.util.spec_from_file_location("elf_builder", TESTS / "device" / "elf_builder.py")
elf_builder = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(elf_builder)

SIGNER = load_signer((KEYS / "private.pem").read_bytes(), file="k", passphrase=None)
OTHER = load_signer((KEYS / "other-private.pem").read_bytes(), file="k", passphrase=None)
PUBLIC = KEYS / "public.pem"
STATEMENT, SBOM, MANIFEST, IMAGE = (
    "ota_rtos_ota.intoto.jsonl",
    "ota_rtos_ota.cdx.json",
    "ota_rtos_ota.json",
    "ota_rtos_ota.bin",
)
PARTS = (
    Component("ota", "v7.4", "common", "components/ota"),
    Component("ota_demo", "v1", "solution", "solutions/ota_demo"),
)


def settings_of(solution, **values):
    values = {
        "OTA_APP_VERSION": "app-1.0.0",
        "OTA_SIGNING_KEY": "key.pem",
        "OTA_PARTITION_SIZE": "0x578000",
        "OTA_PROVENANCE": "y",
        **values,
    }
    layer = [RawSetting(name, value, value, Origin("test")) for name, value in values.items()]
    return resolve([layer], solution_dir=str(solution), secrets=Secrets())


class Release:
    """A build's site without a toolchain: a payload, an ELF with key and version, and what ``build_release`` makes of them."""

    def __init__(self, root, version="app-1.0.0", components=PARTS):
        self.solution = root / "工作 区" / version
        self.folder = self.solution / "ota_bin"
        self.folder.mkdir(parents=True)
        self.version = version
        key = SIGNER.public_key
        (self.solution / "key.pem").write_bytes((KEYS / "private.pem").read_bytes())
        (self.solution / "key.pem").chmod(0o600)
        data = key.n_bytes + key.e_bytes + b"\0" + version.encode() + b"\0"
        symbols = [elf_builder.Symbol("ota_pubn_buf", 0x1000, 256), elf_builder.Symbol("ota_pube_buf", 0x1100, 3)]
        (self.solution / "app.elf").write_bytes(elf_builder.build_elf([elf_builder.Section(".rodata", data)], symbols))
        (self.folder / "ota_rtos.bin").write_bytes(data + random.Random(1).randbytes(4096))
        self.site = Site(
            image=str(self.folder / IMAGE),
            manifest=str(self.folder / MANIFEST),
            payload=str(self.folder / "ota_rtos.bin"),
            elf=str(self.solution / "app.elf"),
            state=str(self.solution / "state.json"),
            solution="ota_demo",
            board="haas100",
            environment=BuildEnvironment(str(root), components),
        )

    def build(self, **values):
        settings = settings_of(self.solution, OTA_APP_VERSION=self.version, **values)
        return build_release(self.site, settings, BuildKeys(settings))

    def statement(self):
        return json.loads(base64.b64decode(json.loads((self.folder / STATEMENT).read_bytes())["payload"]))

    def sign_again(self, statement, signer=SIGNER):
        payload = json.dumps(statement).encode()
        (self.folder / STATEMENT).write_bytes(seal(payload, signer.sign_message, signer.public_key))


@pytest.fixture
def folder(tmp_path):
    return tmp_path


@pytest.fixture
def release(tmp_path):
    made = Release(tmp_path)
    made.build(OTA_COMPRESS_XZ="y")
    return made


def test_sound_release(release, run):
    done = run("verify-release", release.folder, "--public-key", PUBLIC)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "verified: 9 checks, 13 not judged"
    assert f"signed by {SIGNER.public_key.fingerprint}" in done.stdout
    shown = json.loads(run("verify-release", release.folder / MANIFEST, "--public-key", PUBLIC, "--json").stdout)
    assert (shown["verified"], shown["problem"]) == (True, None)
    rules = [check["rule"] for check in shown["checks"] if check["judged"]]
    assert rules == [
        "manifest",
        "statement",
        "statement: manifest",
        IMAGE,
        f"{IMAGE}: as a device",
        f"{IMAGE}.xz",
        f"{IMAGE}.xz: as a device",
        "payload",
        SBOM,
    ]


def test_it_says_nothing_of_the_machine(release):
    for name in (STATEMENT, SBOM, MANIFEST):
        data = (release.folder / name).read_bytes()
        data += json.dumps(release.statement()).encode()
        for word in (str(release.solution), "工作", "key.pem", "2026"):
            assert word.encode() not in data


def test_kept_elsewhere_under_the_same_names(release, tmp_path, run):
    kept = tmp_path / "发布 1"
    kept.mkdir()
    for name in (STATEMENT, SBOM, MANIFEST, IMAGE, IMAGE + ".xz"):
        shutil.copy(release.folder / name, kept)
    assert run("verify-release", kept, "--public-key", PUBLIC).returncode == 0


def flip(path, at=-1):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def edit(path, old, new):
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))


def spoil_statement(change):
    def spoil(release):
        statement = release.statement()
        change(statement)
        release.sign_again(statement)

    return spoil


def subject(statement, name):
    return next(one for one in statement["subject"] if one["name"] == name)


def foreign_bill(release):
    edit(release.folder / SBOM, b'"app-1.0.0"', b'"app-9.9.9"')
    statement = release.statement()
    subject(statement, SBOM)["digest"]["sha256"] = hashlib.sha256((release.folder / SBOM).read_bytes()).hexdigest()
    release.sign_again(statement)


SPOILT = {
    "image changed": (
        lambda release: flip(release.folder / IMAGE, 100),
        IMAGE,
        "these are not the bytes that the manifest lists",
    ),
    "image cut": (
        lambda release: (release.folder / IMAGE).write_bytes(b"x"),
        IMAGE,
        "not the bytes that the manifest lists: 1 bytes",
    ),
    "image missing": (
        lambda release: (release.folder / IMAGE).unlink(),
        IMAGE,
        "cannot read the full file of the release",
    ),
    "xz image missing": (
        lambda release: (release.folder / f"{IMAGE}.xz").unlink(),
        f"{IMAGE}.xz",
        "cannot read the xz file",
    ),
    "components changed": (
        lambda release: edit(release.folder / SBOM, b"v7.4", b"v7.5"),
        SBOM,
        "was made of another file",
    ),
    "components missing": (
        lambda release: (release.folder / SBOM).unlink(),
        SBOM,
        "cannot read the list of components",
    ),
    "components of another firmware": (
        foreign_bill,
        SBOM,
        "the components of ota_demo app-9.9.9, another firmware than that of app-1.0.0",
    ),
    "manifest changed": (
        lambda release: edit(release.folder / MANIFEST, b'"haas100"', b'"haas200"'),
        MANIFEST,
        "was made of another manifest",
    ),
    "manifest of version 2": (
        lambda release: edit(release.folder / MANIFEST, b"aos-ota-manifest/1", b"aos-ota-manifest/2"),
        MANIFEST,
        'knows no newer one than "aos-ota-manifest/1"\n  fix: update aos_ota_plugin',
    ),
    "manifest no JSON": (lambda release: (release.folder / MANIFEST).write_bytes(b"{"), MANIFEST, "it is not JSON"),
    "manifest missing": (lambda release: (release.folder / MANIFEST).unlink(), MANIFEST, "cannot read the manifest"),
    "manifest that leaves its folder": (
        lambda release: edit(release.folder / MANIFEST, b'"ota_rtos_ota.bin"', b'"../ota_rtos_ota.bin"'),
        MANIFEST,
        "names a file outside its folder: '../ota_rtos_ota.bin'",
    ),
    "statement missing": (
        lambda release: (release.folder / STATEMENT).unlink(),
        STATEMENT,
        "cannot read the statement of provenance",
    ),
    "statement no JSON": (
        lambda release: (release.folder / STATEMENT).write_bytes(b"nothing"),
        STATEMENT,
        "it is not JSON",
    ),
    "statement changed": (
        lambda release: edit(release.folder / STATEMENT, b'"payload": "ey', b'"payload": "eI'),
        STATEMENT,
        "no signature in this statement",
    ),
    "statement of another key": (
        lambda release: release.sign_again(release.statement(), OTHER),
        STATEMENT,
        f"no signature in this statement is one of the key {SIGNER.public_key.short_fingerprint}",
    ),
    "statement with another digest": (
        spoil_statement(lambda statement: subject(statement, IMAGE).update(digest={"sha256": "0" * 64})),
        IMAGE,
        "was made of another file",
    ),
    "statement without the image": (
        spoil_statement(lambda statement: statement["subject"].remove(subject(statement, f"{IMAGE}.xz"))),
        STATEMENT,
        f"do not speak of the same files: {IMAGE}.xz",
    ),
    "statement with one more file": (
        spoil_statement(
            lambda statement: statement["subject"].append({"name": "more.bin", "digest": {"sha256": "0" * 64}})
        ),
        STATEMENT,
        "do not speak of the same files: more.bin",
    ),
    "statement without the manifest": (
        spoil_statement(lambda statement: statement["subject"].remove(subject(statement, MANIFEST))),
        MANIFEST,
        "does not speak of this manifest",
    ),
    "statement about another version": (
        spoil_statement(
            lambda statement: statement["predicate"]["buildDefinition"]["externalParameters"]["settings"].update(
                OTA_APP_VERSION="app-2.0.0"
            )
        ),
        STATEMENT,
        "is about version app-2.0.0, and the manifest beside it about app-1.0.0",
    ),
    "statement about another key": (
        spoil_statement(
            lambda statement: statement["predicate"]["buildDefinition"]["externalParameters"].update(
                signingKey="0" * 64
            )
        ),
        STATEMENT,
        "is about key 0000",
    ),
    "statement of a newer kind": (
        spoil_statement(lambda statement: statement.update(predicateType="https://slsa.dev/provenance/v2")),
        STATEMENT,
        '"predicateType" is not',
    ),
}


@pytest.mark.parametrize("name", SPOILT)
def test_spoilt_release(release, run, name):
    spoil, file, says = SPOILT[name]
    spoil(release)
    before = {path.name: path.read_bytes() for path in release.folder.iterdir()}
    done = run("verify-release", release.folder, "--public-key", PUBLIC)
    assert done.returncode == 1
    assert says in done.stderr
    assert str(release.folder / file) in done.stderr
    assert "\n  fix: " in done.stderr
    assert "verified" not in done.stdout
    assert {path.name: path.read_bytes() for path in release.folder.iterdir()} == before


def test_spoilt_release_as_json(release, run):
    flip(release.folder / IMAGE, 100)
    done = run("verify-release", release.folder, "--public-key", PUBLIC, "--json")
    assert done.returncode == 1
    shown = json.loads(done.stdout)
    assert shown["verified"] is False
    assert "these are not the bytes that the manifest lists" in shown["problem"]
    assert [check["rule"] for check in shown["checks"] if check["judged"]] == [
        "manifest",
        "statement",
        "statement: manifest",
    ]


def test_key_of_another_fleet(release, run):
    done = run("verify-release", release.folder, "--public-key", KEYS / "other-public.pem")
    assert done.returncode == 1
    assert f"no signature in this statement is one of the key {OTHER.public_key.short_fingerprint}" in done.stderr


def test_an_image_signed_by_another_key_under_a_good_statement(release, run):
    """Who holds the signing key may say what they like; devices still have to take it."""
    from aos_ota_plugin.images import full

    image = full.build((release.folder / "ota_rtos.bin").read_bytes(), sign=OTHER.sign_hash)
    (release.folder / IMAGE).write_bytes(image)
    manifest = json.loads((release.folder / MANIFEST).read_bytes())
    manifest["images"] = [
        {
            **manifest["images"][0],
            "size": len(image),
            "md5": hashlib.md5(image).hexdigest(),
            "sha256": hashlib.sha256(image).hexdigest(),
        }
    ]
    (release.folder / MANIFEST).write_bytes(json.dumps(manifest).encode())
    statement = release.statement()
    statement["subject"] = [one for one in statement["subject"] if not one["name"].endswith(".xz")]
    subject(statement, IMAGE)["digest"]["sha256"] = hashlib.sha256(image).hexdigest()
    subject(statement, MANIFEST)["digest"]["sha256"] = hashlib.sha256(
        (release.folder / MANIFEST).read_bytes()
    ).hexdigest()
    release.sign_again(statement)
    done = run("verify-release", release.folder, "--public-key", PUBLIC)
    assert done.returncode == 1
    assert "refuse this image: OTA_VERIFY_RSA_FAIL" in done.stderr


def test_release_without_a_statement(release, run):
    for name in (STATEMENT, SBOM):
        (release.folder / name).unlink()
    assert run("verify-release", release.folder, "--without-statement").returncode == 0
    good = run("verify-release", release.folder, "--without-statement", "--public-key", PUBLIC)
    assert good.stdout.splitlines()[-1] == "verified: 6 checks, 14 not judged"
    other = run("verify-release", release.folder, "--without-statement", "--public-key", KEYS / "other-public.pem")
    assert other.returncode == 1
    assert "OTA_VERIFY_RSA_FAIL" in other.stderr
    assert run("verify-release", release.folder, "--public-key", PUBLIC).returncode == 1


def test_info_tells_what_the_documents_are(release, run):
    done = run("info", release.folder / STATEMENT)
    assert done.returncode == 0, done.stderr
    assert "its signature is not judged here" in done.stdout
    assert "predicate.buildDefinition.externalParameters.settings.OTA_APP_VERSION" in done.stdout
    done = run("info", release.folder / SBOM)
    assert done.returncode == 0, done.stderr
    assert "list of components (CycloneDX)" in done.stdout
    (release.folder / "bad.json").write_text('{"payloadType": "x"}')
    bad = run("info", release.folder / "bad.json")
    assert bad.returncode == 1
    assert "this is no signed statement that we can read" in bad.stderr


@pytest.mark.hsm
@pytest.mark.parametrize("mechanisms", ["ALL", "CKM_RSA_PKCS"])
def test_a_token_signs_the_statement(tmp_path, softhsm, release, monkeypatch, mechanisms):
    """The same bytes as with the key's file, also from a token that signs digests only."""
    hsm = softhsm(mechanisms)
    hsm.bring(KEYS / "private.pem", "ota", "01")
    from aos_ota_plugin.keys.access import Access
    from aos_ota_plugin.keys.load import load_private_key
    from aos_ota_plugin.keys.reference import parse_reference
    from aos_ota_plugin.keys.secret import Secret

    monkeypatch.setenv("SOFTHSM2_CONF", hsm.environ["SOFTHSM2_CONF"])
    reference = parse_reference(f"pkcs11:token=OTA%20keys;object=ota?module-path={hsm.module}")
    token = load_private_key(reference, Access(pin=Secret(PIN.encode())))
    envelope = json.loads((release.folder / STATEMENT).read_bytes())
    payload = base64.b64decode(envelope["payload"])
    assert seal(payload, token.sign_message, token.public_key) == (release.folder / STATEMENT).read_bytes()


def test_a_program_signs_the_statement(tmp_path, release):
    made = Release(tmp_path / "by a program")
    shutil.copy(PUBLIC, made.solution / "public.pem")
    made.build(
        OTA_COMPRESS_XZ="y", OTA_SIGNING_KEY="command:openssl dgst -sha256 -sign key.pem", OTA_PUBLIC_KEY="public.pem"
    )
    assert (made.folder / STATEMENT).read_bytes() == (release.folder / STATEMENT).read_bytes()


@pytest.mark.parametrize("values", [{"OTA_CONFIG_CLOUD_RSA": "y", "OTA_PUBLIC_KEY": "p"}, {"OTA_CONFIG_RSA": "n"}])
def test_no_statement_without_a_key_of_ours(tmp_path, values):
    from aos_ota_plugin.errors import SettingsError

    with pytest.raises(SettingsError) as caught:
        settings_of(tmp_path, **values)
    assert "OTA_PROVENANCE: the statement is signed with the signing key, and this build has none" in str(caught.value)
    assert "aos-ota sbom" in caught.value.remedy


def test_usage(release, run):
    done = run("verify-release", release.folder)
    assert done.returncode == 2
    assert "give the public key that you trust" in done.stderr


def test_chain_of_releases(release, tmp_path, run):
    following = Release(tmp_path, "app-1.0.1")
    following.build(OTA_BASE_RELEASE=str(release.folder / MANIFEST))
    good = run("verify-release", following.folder, "--public-key", PUBLIC, "--base", release.folder)
    assert good.returncode == 0, good.stderr
    assert "base release: app-1.0.0, payload SHA-256" in good.stdout
    bad = run("verify-release", following.folder, "--public-key", PUBLIC, "--base", following.folder)
    assert bad.returncode == 1
    assert "this release updates app-1.0.0" in bad.stderr
    none = run("verify-release", release.folder, "--public-key", PUBLIC, "--base", release.folder)
    assert "this release updates no release, not app-1.0.0" in none.stderr


# --- what a build writes


def test_no_change_writes_nothing(release):
    before = {path.name: path.stat().st_mtime_ns for path in release.folder.iterdir()}
    lines = release.build(OTA_COMPRESS_XZ="y").lines
    assert [line.partition(" bytes")[0] for line in lines] == [
        f"aos_ota_plugin: {release.folder / name}: app-1.0.0, {(release.folder / name).stat().st_size}"
        for name in (IMAGE, f"{IMAGE}.xz")
    ]
    assert all(line.endswith(", no base release, unchanged") for line in lines)
    assert {path.name: path.stat().st_mtime_ns for path in release.folder.iterdir()} == before


def test_firmware_that_was_linked_again_to_the_same_bytes(release):
    """The vendor's haas1000 writes its linker script anew on every build, so that every build links."""
    before = {path.name: path.stat().st_mtime_ns for path in release.folder.iterdir()}
    os.utime(release.site.elf)
    lines = release.build(OTA_COMPRESS_XZ="y").lines
    assert [line.startswith(f"aos_ota_plugin: {release.folder / IMAGE}: app-1.0.0, ") for line in lines] == [
        True,
        False,
    ]
    assert {path.name: path.stat().st_mtime_ns for path in release.folder.iterdir()} == before


def test_same_inputs_elsewhere_give_the_same_bytes(release, tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    monkeypatch.setenv("USER", "somebody")
    other = Release(tmp_path / "elsewhere")
    other.build(OTA_COMPRESS_XZ="y")
    for name in (STATEMENT, SBOM, MANIFEST, IMAGE):
        assert (other.folder / name).read_bytes() == (release.folder / name).read_bytes()


def test_turned_off_the_documents_go_and_the_image_stays(release):
    image = (release.folder / IMAGE).stat().st_mtime_ns
    release.build(OTA_COMPRESS_XZ="y", OTA_PROVENANCE="n")
    assert not (release.folder / STATEMENT).exists()
    assert not (release.folder / SBOM).exists()
    assert (release.folder / IMAGE).stat().st_mtime_ns == image


def test_another_version_of_a_component_renews_the_documents_only(release, tmp_path):
    image, manifest = ((release.folder / name).stat().st_mtime_ns for name in (IMAGE, MANIFEST))
    parts = (PARTS[0]._replace(version="v7.5"), PARTS[1])
    from dataclasses import replace

    release.site = replace(release.site, environment=BuildEnvironment(str(tmp_path), parts))
    release.build(OTA_COMPRESS_XZ="y")
    assert b"v7.5" in (release.folder / SBOM).read_bytes()
    assert [(release.folder / name).stat().st_mtime_ns for name in (IMAGE, MANIFEST)] == [image, manifest]


@pytest.mark.parametrize("name", [STATEMENT, SBOM])
def test_folder_in_a_document_s_place(tmp_path, name):
    made = Release(tmp_path)
    (made.folder / name).mkdir()
    with pytest.raises(OutputError, match="a folder stands there"):
        made.build()
    assert not (made.folder / IMAGE).exists()
    assert not (made.folder / MANIFEST).exists()


def test_a_key_that_signs_images_only_leaves_the_old_release(release, monkeypatch):
    before = {path.name: path.read_bytes() for path in release.folder.iterdir()}
    with (release.folder / "ota_rtos.bin").open("ab") as payload:
        payload.write(b"another")

    def refuse(self, message):
        if len(message) == 32:
            return SIGNER._key.sign(message, *_padding())
        raise SigningKeyError("the policy of this key allows no such message", remedy="ask its owner")

    monkeypatch.setattr(type(SIGNER), "sign_message", refuse)
    with pytest.raises(SigningKeyError) as caught:
        release.build(OTA_COMPRESS_XZ="y")
    assert "the statement of provenance was not signed: the policy of this key" in str(caught.value)
    assert "set OTA_PROVENANCE to n" in caught.value.remedy
    after = {path.name: path.read_bytes() for path in release.folder.iterdir()}
    assert {**after, "ota_rtos.bin": b""} == {**before, "ota_rtos.bin": b""}


def _padding():
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    return PKCS1v15(), SHA256()


# --- commits


def git(folder, *arguments):
    subprocess.run(
        ["git", "-c", "user.name=n", "-c", "user.email=e@x", *arguments], cwd=folder, check=True, capture_output=True
    )


def test_commits_of_components(tmp_path):
    """Two repositories: the component's own, and one around the solution."""
    ota, demo = tmp_path / "components" / "ota", tmp_path / "solutions" / "ota_demo"
    for part, repository in ((ota, ota), (demo, tmp_path / "solutions")):
        part.mkdir(parents=True)
        (part / "源 a.c").write_text("int a;")
        git(repository, "init", "-q")
        git(repository, "add", ".")
        git(repository, "commit", "-qm", "one")
    made = Release(tmp_path)
    (ota / "源 a.c").write_text("int b;")
    (demo / "out.o").write_text("what a build leaves")
    made.build()
    found = {one["name"]: one for one in made.statement()["predicate"]["buildDefinition"]["resolvedDependencies"]}
    for name, folder, modified in (("ota", ota, True), ("ota_demo", demo, False)):
        head = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True
        ).stdout.strip()
        assert found[name]["digest"] == {"gitCommit": head}
        assert found[name]["annotations"]["modified"] is modified


def test_renamed_file_counts_for_both_places(tmp_path):
    from aos_ota_plugin.pipeline.build_environment import revisions

    parts = [Component(name, "v", "common", name) for name in ("a", "b", "c")]
    for part in parts:
        (tmp_path / part.folder).mkdir()
        (tmp_path / part.folder / "f").write_text(f"text of {part.name}\n" * 20)
    git(tmp_path, "init", "-q")
    assert revisions(str(tmp_path), parts) == {}  # no commit yet
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "one")
    git(tmp_path, "mv", "a/f", "b/g")
    assert {name: one.modified for name, one in revisions(str(tmp_path), parts).items()} == {
        "a": True,
        "b": True,
        "c": False,
    }
    assert revisions(str(tmp_path.parent), []) == {}
