"""A build's keys are read once, from whatever settings name, and nothing of them can be written."""

from __future__ import annotations

import collections
import hashlib
import os
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from setting_values import settings_of

from aos_ota_plugin.errors import OtaError, SecretError, SigningKeyError
from aos_ota_plugin.keys import ring
from aos_ota_plugin.keys.signer import load_signer
from aos_ota_plugin.pipeline import rendering, setting_files
from aos_ota_plugin.pipeline.build import build_release
from aos_ota_plugin.pipeline.keyset import BuildKeys
from aos_ota_plugin.settings.secretfile import Secrets
from aos_ota_plugin.sources.template_files import load_templates

KEYS = Path(__file__).parents[1] / "keys" / "data"
SIGNER, OTHER = (
    load_signer((KEYS / name).read_bytes(), file=name, passphrase=None) for name in ("private.pem", "other-private.pem")
)
ALL_KEYS = {
    "OTA_SIGNING_KEY": "k.pem",
    "OTA_PUBLIC_KEY": "public.pem",
    "OTA_KEY_RING": "ota.keys.yaml",
    "OTA_SECOND_SIGNER": "second.pem",
    "OTA_SECOND_PUBLIC_KEY": "second-public.pem",
    "OTA_PARTITION_SIZE": "0x5000",
    "OTA_PROVENANCE": "y",
}


@pytest.fixture
def solution(solution):
    shutil.copy(KEYS / "other-private.pem", solution / "second.pem")
    (solution / "second.pem").chmod(0o600)
    (solution / "public.pem").write_text(SIGNER.public_key.to_pem())
    (solution / "second-public.pem").write_text(OTHER.public_key.to_pem())
    (solution / "ota.keys.yaml").write_text(
        f"current:\n  fingerprint: {SIGNER.public_key.fingerprint}\n  public_key: public.pem\n"
        f"next:\n  fingerprint: {OTHER.public_key.fingerprint}\n  public_key: next.pem\n"
    )
    (solution / "next.pem").write_text(OTHER.public_key.to_pem())
    return solution


@pytest.fixture
def opened(solution, monkeypatch):
    """How often each file of the solution's folder itself was opened, by name; and the key ring parsed."""
    counts = collections.Counter()
    real_open, real_parse = os.open, ring.parse_ring

    def count_open(file, *arguments, **options):
        if os.path.dirname(str(file)) == str(solution):
            counts[os.path.basename(str(file))] += 1
        return real_open(file, *arguments, **options)

    def count_parse(text, file):
        counts["parsed rings"] += 1
        return real_parse(text, file)

    monkeypatch.setattr(os, "open", count_open)
    monkeypatch.setattr(ring, "parse_ring", count_parse)
    return counts


def whole_build(site, settings):
    """What the hook, the emitters and the builders' actions do in one build, in their order."""
    keys = BuildKeys(settings)
    setting_files.check_files(settings, keys)
    assert set(keys.trust_files) <= set(keys.files)
    where = {"user_file": None, "display": None, "templates": load_templates(None)}
    assert rendering.render_digest_source(keys.trusted, **where)
    return build_release(site, settings, keys)


def test_a_build_reads_the_ring_and_each_key_once(site, solution, opened):
    settings = settings_of(str(solution), **ALL_KEYS)
    expected = dict.fromkeys(
        ("k.pem", "public.pem", "ota.keys.yaml", "parsed rings", "next.pem", "second.pem", "second-public.pem"), 1
    )
    outcome = whole_build(site, settings)
    assert outcome.release.manifest.approval.key_fingerprint == OTHER.public_key.fingerprint
    counted = {name: opened[name] for name in expected}
    assert counted == expected
    opened.clear()
    assert whole_build(site, settings).release is None  # nothing to do: read for the checks, and not again
    assert {name: opened[name] for name in expected} == expected


def test_a_signer_is_opened_once_for_the_source_and_the_image(site, solution):
    """Whoever types the passphrase does so once."""
    asked = []
    encrypted = KEYS / "private-encrypted.pem"
    shutil.copy(encrypted, solution / "k.pem")
    (solution / "k.pem").chmod(0o600)
    secrets = Secrets(ask=lambda question: asked.append(question) or "correct horse")
    whole_build(site, settings_of(str(solution), secrets, OTA_PARTITION_SIZE="0x5000"))
    assert len(asked) == 1


def test_keys_are_never_written(solution):
    settings = settings_of(str(solution), **ALL_KEYS)
    keys = BuildKeys(settings)
    keys.check()
    pem = (solution / "k.pem").read_text()
    assert not [line for line in pem.splitlines()[1:-1] if line in repr(keys) or line in repr(vars(keys))]
    with pytest.raises(TypeError, match="a secret cannot be pickled"):
        pickle.dumps(keys)


WRONG = {
    "a signing key that is not there": (
        {"OTA_SIGNING_KEY": "none.pem"},
        SigningKeyError,
        r"(?s)cannot read the signing key.*none\.pem.*fix: .*aos-ota keygen",
    ),
    "a public key that is not there": ({"OTA_PUBLIC_KEY": "none.pem"}, SigningKeyError, "cannot read the public key"),
    "a program that is not there": (
        {"OTA_SIGNING_KEY": "command:./none", "OTA_PUBLIC_KEY": "public.pem"},
        SigningKeyError,
        "is not there, or cannot be run",
    ),
    "a second program that is not there": (
        {"OTA_SECOND_SIGNER": "command:./none", "OTA_SECOND_PUBLIC_KEY": "second-public.pem"},
        SigningKeyError,
        "is not there, or cannot be run",
    ),
    "a ring with another key": ({"OTA_KEY_RING": "other.yaml"}, SigningKeyError, "and this fingerprint is"),
    "a second key that is none": ({"OTA_SECOND_PUBLIC_KEY": "ota.keys.yaml"}, SigningKeyError, "no public key"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_the_check_of_every_build_finds(name, solution):
    values, error, says = WRONG[name]
    text = (solution / "ota.keys.yaml").read_text()
    (solution / "other.yaml").write_text(text.replace("public_key: next.pem", "public_key: public.pem"))
    with pytest.raises(error, match=says):
        BuildKeys(settings_of(str(solution), **values)).check()


@pytest.mark.skipif(os.name != "posix", reason="modes")
@pytest.mark.parametrize("name", ["k.pem", "second.pem"])
def test_a_key_that_others_can_read_is_refused_on_every_build(solution, name):
    (solution / name).chmod(0o644)
    keys = BuildKeys(settings_of(str(solution), **ALL_KEYS))
    for _ in range(2):
        with pytest.raises(SecretError, match="others on this machine can read it"):
            keys.check()
    with pytest.raises(SecretError, match="others on this machine can read it"):
        _ = keys.key_set


def test_no_token_is_opened_where_a_file_has_the_public_key(solution):
    settings = settings_of(
        str(solution), OTA_SIGNING_KEY="pkcs11:token=none?module-path=none.so", OTA_PUBLIC_KEY="public.pem"
    )
    keys = BuildKeys(settings)
    keys.check()
    assert keys.trusted == SIGNER.public_key
    with pytest.raises(OtaError, match="there is no PKCS#11 module"):
        _ = keys.key_set


def test_other_settings_other_keys(solution):
    settings = settings_of(str(solution), **ALL_KEYS)
    cloud = replace(settings, security="cloud", second_signer=None)
    assert BuildKeys(cloud).key_set.signer is None
    assert BuildKeys(cloud).key_set.trusted == SIGNER.public_key
    assert BuildKeys(settings).key_set.second_key == OTHER.public_key


def test_a_key_that_is_swapped_during_a_build(site, solution):
    """It is the key that was read that decides what the next build makes again, and nothing needs a `clean`."""
    settings = settings_of(str(solution), OTA_SIGNING_KEY="k.pem", OTA_PARTITION_SIZE="0x5000")
    first, second = (solution / "k.pem").read_bytes(), (KEYS / "other-private.pem").read_bytes()
    keys = BuildKeys(settings)
    keys.check()
    (solution / "k.pem").write_bytes(second)
    before = keys.digests(keys.trust_files)
    assert keys.trusted == SIGNER.public_key
    assert before == ((str(solution / "k.pem"), hashlib.sha256(first).hexdigest()),)
    assert build_release(site, settings, keys).release.manifest.signer == SIGNER.public_key.fingerprint
    later = BuildKeys(settings)
    assert later.digests(later.trust_files) != before  # so the firmware's source is rendered again
    assert build_release(site, settings, later).release.manifest.signer == OTHER.public_key.fingerprint
    assert build_release(site, settings, BuildKeys(settings)).release is None


def test_a_file_that_is_not_there_has_no_digest(solution):
    settings = settings_of(str(solution), OTA_SIGNING_KEY="none.pem", OTA_PUBLIC_KEY="public.pem")
    keys = BuildKeys(settings)
    assert [digest is None for _, digest in keys.digests(keys.files)] == [True, False]
