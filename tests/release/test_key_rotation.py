"""The key's way through the releases: transition, what follows it, who skipped it; and what a ring refuses."""

from __future__ import annotations

from base64 import b64decode

import pytest

from aos_ota_plugin.device.acceptance import Device, DeviceVerdict, judge
from aos_ota_plugin.errors import OtaError, ProofError, SettingsError, SigningKeyError
from aos_ota_plugin.keys.ring import parse_ring
from aos_ota_plugin.release.artifact import Artifact
from aos_ota_plugin.release.make import make_release
from aos_ota_plugin.release.manifest import parse_manifest
from aos_ota_plugin.release.module import Module
from aos_ota_plugin.release.push import push_message


def ring_of(current, following=None, *retired):
    text = f"current:\n  fingerprint: {current}\n"
    text += f"next:\n  fingerprint: {following}\n  public_key: next.pem\n" if following else ""
    text += "retired:\n" + "".join(f"  - fingerprint: {one}\n    note: lost\n" for one in retired) if retired else ""
    return parse_ring(text, "ota.keys.yaml")


def verdict(key, image):
    return judge(Device(key, local_rsa=True), image).verdict


@pytest.fixture
def chain(given, signer, other, build_firmware, linked):
    """What makes three releases: on the old key, the transition, and on the next key."""
    old, new = signer.public_key, other.public_key
    first = given.but(version="app-1.0.0", **linked(build_firmware(old, b"app-1.0.0")))
    base = make_release(*first).manifest
    transition = given.but(
        version="app-1.1.0",
        **linked(build_firmware(new, b"app-1.1.0")),
        base=base,
        next_key=new,
        ring=ring_of(old.fingerprint, new.fingerprint),
    )
    brought = make_release(*transition).manifest
    after = given.but(
        version="app-1.2.0",
        **linked(build_firmware(new, b"app-1.2.0")),
        base=brought,
        signer=other,
        ring=ring_of(new.fingerprint, None, old.fingerprint),
    )
    return first, transition, after


def test_transition_is_for_devices_on_the_old_key_and_brings_the_next_one(chain, signer, other):
    release = make_release(*chain[1])
    assert verdict(signer.public_key, release.image) is DeviceVerdict.OTA_SUCCESS
    assert verdict(other.public_key, release.image) is DeviceVerdict.OTA_VERIFY_RSA_FAIL
    manifest = release.manifest
    assert (manifest.signer, manifest.key_fingerprint) == (signer.public_key.fingerprint, other.public_key.fingerprint)
    assert manifest.is_transition
    proofs = {proof.rule: proof.detail for proof in manifest.proofs}
    assert proofs["public key in the firmware"].endswith(f"{other.public_key.short_fingerprint}, the next key")
    assert proofs["same key as the base release"] == signer.public_key.short_fingerprint
    assert proofs["key ring: next"].startswith(other.public_key.short_fingerprint)
    assert parse_manifest(manifest.to_json(), file="m") == manifest


def test_after_the_transition_the_next_key_signs_and_who_skipped_it_is_named(chain, signer, other):
    release = make_release(*chain[2])
    assert verdict(other.public_key, release.image) is DeviceVerdict.OTA_SUCCESS
    assert verdict(signer.public_key, release.image) is DeviceVerdict.OTA_VERIFY_RSA_FAIL
    assert not release.manifest.is_transition
    said = {proof.rule: proof.detail for proof in release.manifest.proofs}["key rotation"]
    assert "devices that skipped it trust " + signer.public_key.short_fingerprint in said
    assert "OTA_VERIFY_RSA_FAIL" in said
    assert "app-1.1.0 first" in said


def test_next_key_cannot_sign_for_devices_that_skipped_the_transition(chain):
    with pytest.raises(ProofError) as caught:
        make_release(*chain[2].but(base=make_release(*chain[0]).manifest))
    assert "OTA_VERIFY_RSA_FAIL" in str(caught.value)
    assert "OTA_EMBED_NEXT_KEY=y" in caught.value.remedy


def test_transition_must_be_signed_with_what_the_base_release_trusts_whatever_is_allowed(
    chain, other, build_firmware, linked
):
    _, transition, _ = chain
    base = make_release(*transition).manifest  # trusts the next key already
    with pytest.raises(ProofError, match="they would refuse it"):
        make_release(
            *transition.but(
                version="app-1.1.1",
                **linked(build_firmware(other.public_key, b"app-1.1.1")),
                base=base,
                allow_new_key=True,
            )
        )


def test_diff_to_a_transition_goes_by_the_key_that_signs(chain, given):
    first, transition, after = chain
    diff = make_release(
        *transition.but(base_payload=first.firmware.payload, payload=transition.firmware.payload[:-1] + b"\x07")
    )
    assert diff.diff is not None
    with pytest.raises(ProofError, match="can apply this diff"):
        make_release(
            *after.but(base=make_release(*first).manifest, base_payload=first.firmware.payload, allow_new_key=True)
        )


def test_modules_of_a_transition_are_signed_for_devices_before_it_or_after_it(chain, signer, other):
    """A module's file goes to devices that run the transition already, and to those that do not yet."""
    file = Artifact("ota_module_panel.bin", "file", 3, "0" * 32, "1" * 64)
    manifest = make_release(*chain[1]).manifest._replace(modules=(Module("panel", "v-1", file, "/data/p", False),))
    for key in (signer, other):
        push = push_message(manifest, file, "https://h/f", signer=key)
        assert key.public_key.verify_digest_of_file(bytes.fromhex(file.sha256), b64decode(push.digestsign))
    plain = make_release(*chain[0]).manifest._replace(modules=manifest.modules)
    with pytest.raises(SigningKeyError, match="the devices of this release trust"):
        push_message(plain, file, "https://h/f", signer=other)


REFUSED = {
    "the ELF still holds the old key": (
        lambda c, old, new, firmware: c[1].but(elf=firmware(old.public_key, b"app-1.1.0")),
        ProofError,
        ["holds the public key", "OTA_VERIFY_RSA_FAIL"],
    ),
    "no ELF to prove it with": (
        lambda c, old, new, firmware: c[1].but(elf=None),
        ProofError,
        ["cannot be proven that it brings the next key", "--elf"],
    ),
    "a retired key": (
        lambda c, old, new, firmware: c[0].but(
            ring=ring_of(new.public_key.fingerprint, None, old.public_key.fingerprint)
        ),
        SigningKeyError,
        ["ota.keys.yaml:4:5", "is retired", "(lost)", "use the current key"],
    ),
    "the next key too early": (
        lambda c, old, new, firmware: c[2].but(ring=ring_of(old.public_key.fingerprint, new.public_key.fingerprint)),
        SigningKeyError,
        ["is the next key", "OTA_EMBED_NEXT_KEY=y"],
    ),
    "a key that is in no ring": (
        lambda c, old, new, firmware: c[0].but(ring=ring_of("d" * 64)),
        SigningKeyError,
        ["is not in the key ring"],
    ),
    "a next key that is not declared": (
        lambda c, old, new, firmware: c[1].but(ring=ring_of(old.public_key.fingerprint, "e" * 64)),
        ProofError,
        ["is to bring the key", "eeeeeeeeeeeeeeee"],
    ),
    "the platform's key when it is retired": (
        lambda c, old, new, firmware: c[0].but(
            security="cloud",
            signer=None,
            public_key=old.public_key,
            ring=ring_of(new.public_key.fingerprint, None, old.public_key.fingerprint),
        ),
        SigningKeyError,
        ["is retired"],
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name, chain, signer, other, build_firmware):
    change, error, says = REFUSED[name]
    with pytest.raises(error) as caught:
        make_release(*change(chain, signer, other, build_firmware))
    for part in says:
        assert part in str(caught.value)


RINGS = {
    "[1]": "is a mapping",
    "next:\n  fingerprint: " + "1" * 64: "no current key",
    "current: keys/a.pem": "not a mapping",
    "current:\n  note: x": "has no fingerprint",
    "current:\n  fingerprint: 12ab": "64 lower-case hex",
    "current:\n  fingerprint: " + "1" * 64: "64 lower-case hex",  # YAML takes it for a number
    "current:\n  fingerprint: " + "A" * 64: "64 lower-case hex",
    f"current:\n  fingerprint: {'a' * 64}\nold: 1": "no field 'old'",
    f"current:\n  fingerprint: {'a' * 64}\n  path: 1": "no field 'path'",
    f"current:\n  fingerprint: {'a' * 64}\nretired: x": "not a list",
    f"current:\n  fingerprint: {'a' * 64}\nretired:\n- {{fingerprint: {'a' * 64}}}": "is in the ring twice",
    f"current:\n  fingerprint: {'a' * 64}\n  note: [1]": "not a line of text",
    f"current:\n  fingerprint: {'a' * 64}\n  public_key: '-----BEGIN PRIVATE KEY-----'": "there is a private key",
    "a: b: c": "not YAML",
}


@pytest.mark.parametrize("text", RINGS)
def test_ring_that_is_none(text):
    with pytest.raises(SettingsError) as caught:
        parse_ring(text, "环.yaml")
    assert RINGS[text] in caught.value.problem
    assert caught.value.place.file == "环.yaml"
    assert caught.value.place.line >= 1
    assert caught.value.remedy


def test_ring_whole():
    ring = parse_ring(
        f"current: {{fingerprint: {'a' * 64}, note: in the safe}}\nnext:\nretired:\n"
        f"- {{fingerprint: {'b' * 64}}}\n- {{fingerprint: {'c' * 64}, public_key: old.pem}}\n",
        "r",
    )
    assert ring.current.label == "a" * 16 + " (in the safe)"
    assert ring.next is None
    assert [key.public_key for key in ring.retired] == [None, "old.pem"]
    assert [ring.role(letter * 64) for letter in "abcd"] == ["current", "retired", "retired", ""]
    assert issubclass(SettingsError, OtaError)
