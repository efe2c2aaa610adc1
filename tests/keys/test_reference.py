"""What stands for a private key is understood once: its kind, its parts, and what is wrong with it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from aos_ota_plugin.errors import SecretError, SigningKeyError
from aos_ota_plugin.keys.access import Access
from aos_ota_plugin.keys.load import load_public_key, load_ring_key, open_signer, ring_files
from aos_ota_plugin.keys.passwords import pin_file
from aos_ota_plugin.keys.pkcs11_module import find_module
from aos_ota_plugin.keys.reference import KeyReference, parse_reference
from aos_ota_plugin.keys.ring import parse_ring

KEYS = Path(__file__).parent / "data"

KINDS = {
    "keys/我的 key.pem": {"file"},
    "C:\\keys\\a.pem": {"file"},
    "pkcs11.pem": {"file"},
    "pkcs12:token=t": {"file"},
    "PKCS11:token=t;object=k": {"uri"},
    "Command:tools/sign --id 'a b'": {"command"},
    "release:releases/app 1": {"release"},
}


@pytest.mark.parametrize("text", KINDS)
def test_one_kind_each(text):
    reference = parse_reference(text)
    assert {name for name, value in reference._asdict().items() if value and name != "text"} == KINDS[text]
    assert str(reference) == reference.text == text
    assert reference.needs_public_key == (KINDS[text] in ({"command"}, {"release"}))


def test_the_parts():
    assert parse_reference("keys/a.pem") == KeyReference("keys/a.pem", file="keys/a.pem")
    assert parse_reference("PKCS11:token=t;object=k").uri.object == "k"
    assert parse_reference("Command:tools/sign --id 'a b'").command == ("tools/sign", "--id", "a b")
    assert parse_reference("release:releases/app 1").release == "releases/app 1"


@pytest.mark.parametrize(
    "text, error",
    [
        ("pkcs11:colour=red", SigningKeyError),
        ("pkcs11:token=t?pin-value=zq81", SecretError),
        ("command:", SigningKeyError),
        ("command:sign 'x", SigningKeyError),
        ("command:sign {nothing}", None),
        ("command:sign {digest_nothing}", SigningKeyError),
    ],
)
def test_what_is_wrong_is_said_when_it_is_read(text, error):
    if error is None:
        assert parse_reference(text).command
        return
    with pytest.raises(error) as caught:
        parse_reference(text)
    assert caught.value.remedy
    assert "zq81" not in str(caught.value)


@pytest.mark.parametrize("text", ["release:releases/a", "release:"])
def test_a_kept_release_signs_only_in_a_build_that_makes_it_again(text):
    with pytest.raises(SigningKeyError, match="only in a build that makes it again"):
        open_signer(parse_reference(text), Access(), None)


@pytest.mark.skipif(os.name != "posix", reason="HOME")
def test_the_home_folder_in_what_names_a_file(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert parse_reference("release:~/r").release == str(tmp_path / "r")
    assert pin_file("~/pin", "/elsewhere") == str(tmp_path / "pin")
    (tmp_path / "driver.so").write_bytes(b"")
    uri = parse_reference("pkcs11:object=x").uri
    assert find_module(uri, folder="/", environ={"AOS_OTA_PKCS11_MODULE": "~/driver.so"}) == str(tmp_path / "driver.so")
    shutil.copy(KEYS / "public.pem", tmp_path / "public.pem")
    fingerprint = load_public_key(str(KEYS / "public.pem")).fingerprint
    ring = parse_ring(f"current:\n  fingerprint: {fingerprint}\n  public_key: ~/public.pem\n", "/elsewhere/ring.yaml")
    assert ring_files(ring) == (str(tmp_path / "public.pem"),)
    assert load_ring_key(ring, ring.current).fingerprint == fingerprint
